"""Only networks may multiply with fewer digits than their type has.

By default JAX multiplies float32 in TF32 on a GPU and in bfloat16 on a TPU, where a
linear map would not come back and near points would be far apart. On a CPU nothing of
this is seen in the values, so that programs are read.
"""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr

from genjax import nn
from genjax.flow_matching import optimal_pairs
from genjax.perceptron import novikoff_bound, train_perceptron
from tests.laws.registry import (
    BIJECTORS,
    BINARY,
    OBJECTIVES,
    OF_SAMPLES,
    PLANAR,
    normal_batch,
)

KEY = jax.random.key(0)
FULL = (jax.lax.Precision.HIGHEST, jax.lax.Precision.HIGHEST)
PRODUCTS = {"dot_general", "conv_general_dilated"}
# An autoregressive layer is inverted by the inner products of its network.
MAPS = [name for name in BIJECTORS if not name.startswith("masked_autoregressive")]
DENSITIES = {
    name: case
    for name, case in {**BINARY, **PLANAR}.items()
    if "mixture" in name or "normal" in name or name == "realnvp"
}
OF_PAIRS = ["deep_infomax", "flow_matching", "mutual_information", "simclr"]
X, SIDES = jax.random.normal(KEY, (6, 3)), jnp.array([1.0, -1.0] * 3)
MLP = nn.MLP(features=1, hidden=(2,))
ALONE = {
    "optimal_pairs": (optimal_pairs, X, X),
    "perceptron": (partial(train_perceptron, use_bias=True), X, SIDES),
    "novikoff_bound": (novikoff_bound, X, SIDES, X[0]),
    "spectral_norm": (nn.spectral_norm, X),
}


def short_products(function, *arguments):
    """Where a program multiplies with fewer digits, outside the modules of Flax."""
    with jax.default_matmul_precision(None):
        return found_in(jax.make_jaxpr(function)(*arguments).jaxpr, "")


def found_in(program, scope):
    found = []
    for equation in program.eqns:
        inner = f"{scope}/{equation.source_info.name_stack}"
        is_product = equation.primitive.name in PRODUCTS
        is_ours = not any(module in inner for module in ("MLP", "Dense", "Conv"))
        if is_product and is_ours and equation.params["precision"] != FULL:
            found.append(f"{inner}: {equation}")
        for nested in jax.tree.leaves(list(equation.params.values())):
            if isinstance(nested, Jaxpr | ClosedJaxpr):
                found += found_in(getattr(nested, "jaxpr", nested), inner)
    return found


def test_a_short_product_is_found_wherever_it_stands():
    def nested(x):
        return jax.lax.scan(lambda y, _: (jax.jit(jnp.matmul)(x, y), None), x, None, 2)

    assert len(short_products(nested, jnp.ones((2, 2)))) == 1
    assert not short_products(lambda x: MLP.init_with_output(KEY, x), X)


@pytest.mark.parametrize("name", MAPS)
def test_bijectors(name):
    case = BIJECTORS[name]
    x, condition = normal_batch(case)
    variables = jax.eval_shape(case.method.init, KEY, x, condition)
    y, _ = jax.eval_shape(case.method.forward, variables, x, condition)
    assert not short_products(case.method.forward, variables, x, condition)
    assert not short_products(case.method.inverse, variables, y, condition)


@pytest.mark.parametrize("name", DENSITIES)
def test_densities(name):
    x = jnp.ones((8, *DENSITIES[name].event))
    density = DENSITIES[name].method
    variables = jax.eval_shape(density.init, KEY, x)
    assert not short_products(density.log_prob, variables, x)


@pytest.mark.parametrize("name", OF_PAIRS)
def test_losses_of_pairs_and_their_gradients(name):
    objective, batch = OBJECTIVES[name].method, OBJECTIVES[name].batch()
    variables = jax.eval_shape(objective.init, KEY, batch)

    def loss(params):
        return objective.loss({**variables, "params": params}, batch, KEY)[0]

    assert not short_products(jax.grad(loss), variables["params"])


@pytest.mark.parametrize("name", OF_SAMPLES)
def test_metrics_of_samples(name):
    assert not short_products(OF_SAMPLES[name], X, X[::-1])


@pytest.mark.parametrize("name", ALONE)
def test_functions(name):
    assert not short_products(*ALONE[name])
