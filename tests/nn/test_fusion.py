import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from genjax.nn._fusion import _at

KEY = jax.random.key(0)
LEVELS = tuple(
    jax.random.normal(jax.random.key(n), (2, 16 >> n, 16 >> n, 4 + n)) for n in range(3)
)


@pytest.mark.parametrize(
    "module", [nn.RecursiveFPN(features=4), nn.DenseFusion(features=4)]
)
def test_every_level_is_made_of_all(module):
    variables = jax.jit(module.init)(KEY, LEVELS)
    apply = jax.jit(module.apply)
    before = apply(variables, LEVELS)
    assert [x.shape for x in before] == [(2, 16 >> n, 16 >> n, 4) for n in range(3)]
    for place in range(3):
        moved = tuple(x + float(i == place) for i, x in enumerate(LEVELS))
        changed = [
            float(np.abs(new - old).max()) > 1e-4
            for old, new in zip(before, apply(variables, moved), strict=True)
        ]
        # A feature pyramid goes from coarse to fine alone.
        wanted = [True] * 3
        if isinstance(module, nn.RecursiveFPN):
            wanted = [n <= place for n in range(3)]
        assert changed == wanted


def test_rounds_share_their_weights_and_a_closed_gate_is_a_plain_pyramid():
    once, twice = (nn.RecursiveFPN(features=4, repeats=n) for n in (1, 2))
    variables = jax.jit(once.init)(KEY, LEVELS)
    shapes = jax.eval_shape(twice.init, KEY, LEVELS)
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, shapes)
    params = dict(variables["params"])
    (gate,) = [k for k, v in params.items() if v.get("bias", KEY).shape == (1,)]
    params[gate] = {**params[gate], "bias": jnp.full(1, -1e9)}
    found = twice.apply({"params": params}, LEVELS)
    plain = nn.FPN(features=4).apply({"params": params["FPN_0"]}, LEVELS)
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_levels_are_brought_to_a_size_by_repetition_and_by_maxima():
    (x, *_) = LEVELS
    np.testing.assert_array_equal(_at(x, 1), np.repeat(np.repeat(x, 2, 1), 2, 2))
    maxima = np.asarray(x).reshape(2, 4, 4, 4, 4, 4).max(axis=(2, 4))
    np.testing.assert_array_equal(_at(x, -2), maxima)
    np.testing.assert_array_equal(_at(x, 0), x)


@pytest.mark.parametrize("neck", [nn.RecursiveFPN, nn.DenseFusion])
def test_levels_of_another_size_are_a_sentence(neck):
    with pytest.raises(InputError, match="half as large as the finer one"):
        neck(features=4).init(KEY, (LEVELS[0], LEVELS[0]))


def test_no_round_is_a_sentence():
    with pytest.raises(InputError, match="repeats must be at least 1, got 0"):
        nn.RecursiveFPN(features=4, repeats=0).init(KEY, LEVELS)
