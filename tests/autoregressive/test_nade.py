from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.timing import median_ms
from genjax.autoregressive import binary, categorical, nade, scan_terms, segmented
from genjax.densities import negative_log_likelihood
from genjax.errors import InputError
from tests.laws.compare import assert_close


def definition(activation, conditional, variables, x):
    """The definition of NADE, dimension by dimension."""
    params = variables["params"]
    network, inputs = params["network"], conditional.embed(x)
    a = jnp.tile(network["c"][None], (len(x), 1))
    total = 0.0
    for d in range(x.shape[1]):
        outputs = activation(a) @ network["V"][d] + params["bias"][None, d]
        total = total + conditional.log_prob(outputs, x[:, d])
        a = a + inputs[:, d] @ network["W"][d]
    return total


@cache
def defined(activation, classes):
    """Vectors, variables, and the value and gradients of the definition there."""
    x = jax.random.randint(jax.random.key(0), (7, 11), 0, classes).astype(jnp.float32)
    conditional = binary() if classes == 2 else categorical(classes)
    model = nade(hidden=6, activation=activation, conditional=conditional)
    variables = model.init(jax.random.key(1), x)

    def plain(variables, x):
        return definition(activation, conditional, variables, x).sum()

    expected = jax.jit(value_and_gradients(plain, classes))(variables, x)
    return x, variables, conditional, expected


def value_and_gradients(function, classes):
    """Classes have no gradient in the data."""
    return jax.value_and_grad(function, (0, 1) if classes == 2 else (0,))


@pytest.mark.parametrize("activation", [jax.nn.sigmoid, jax.nn.relu, jnp.tanh])
@pytest.mark.parametrize(
    "terms", [segmented(), segmented(1), segmented(4), segmented(100), scan_terms]
)
@pytest.mark.parametrize("classes", [2, 3])
def test_value_and_gradient_are_those_of_the_definition(activation, terms, classes):
    x, variables, conditional, expected = defined(activation, classes)
    model = nade(hidden=6, activation=activation, conditional=conditional, terms=terms)

    def ours(variables, x):
        return model.log_prob(variables, x).sum()

    found = jax.jit(value_and_gradients(ours, classes))(variables, x)
    assert_close(found, expected)


def test_init_starts_at_the_frequencies():
    x = jnp.tile(jnp.array([[1.0, 0.0]]), (98, 1))
    params = nade(hidden=3).init(jax.random.key(0), x)
    np.testing.assert_allclose(
        jax.nn.sigmoid(params["params"]["bias"][:, 0]), [0.99, 0.01], rtol=1e-5
    )


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="hidden must be at least 1, got 0"):
        nade(hidden=0)
    with pytest.raises(InputError, match="size must be at least 1, got -1"):
        segmented(-1)
    with pytest.raises(InputError, match="flatten images"):
        nade(hidden=2).init(jax.random.key(0), jnp.zeros((2, 8, 8)))


@pytest.mark.usefixtures("optimized_programs")
@pytest.mark.parametrize("activation", [jax.nn.sigmoid, jax.nn.relu])
def test_step_beats_the_plain_scan_in_memory_and_time(activation):
    x = jax.random.bernoulli(jax.random.key(0), 0.3, (100, 784)).astype(jnp.float32)
    params = nade(hidden=500).init(jax.random.key(1), x)

    def compiled(terms):
        model = nade(hidden=500, activation=activation, terms=terms)
        step = jax.jit(jax.grad(lambda p: -model.log_prob(p, x).mean()))
        return step.lower(params).compile()

    ours, plain = compiled(segmented()), compiled(scan_terms)
    megabytes = ours.memory_analysis().temp_size_in_bytes / 1e6
    assert megabytes <= 25
    assert megabytes < plain.memory_analysis().temp_size_in_bytes / 1e6 / 8
    # On a GPU a step is a launch, and what is computed twice costs half as much again.
    if jax.default_backend() == "cpu":
        assert median_ms(ours, params, runs=5) < median_ms(plain, params, runs=5)


def test_loss_falls_on_a_pattern():
    import optax

    from genjax.training import gradient_descent

    x = jnp.tile(jnp.array([[1.0, 0, 1, 0], [0.0, 1, 0, 1]]), (16, 1))
    objective = negative_log_likelihood(nade(hidden=8))
    update = gradient_descent(objective, optax.adam(0.05))
    state = update.init(jax.random.key(0), {"x": x})
    step = jax.jit(update.step)
    for _ in range(200):
        state, metrics = step(state, {"x": x})
    assert abs(float(metrics["loss"]) - np.log(2)) < 0.05
