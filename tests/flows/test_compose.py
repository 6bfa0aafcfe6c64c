import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flows import chain, invert, repeat
from genjax.variables import join_sequence
from tests.laws.instances import affine_layer, layer


def test_repeat_is_the_chain_of_its_layers():
    x = jax.random.normal(jax.random.key(0), (5, 4))
    for unroll in (1, 2, 3):
        stack = repeat(layer(), 3, unroll=unroll)
        params = stack.init(jax.random.key(1), x)
        layers = join_sequence(
            [jax.tree.map(lambda p, i=i: p[i], params) for i in range(3)]
        )
        same = chain(layer(), layer(), layer())
        for direction in ("forward", "inverse"):
            for a, b in zip(
                getattr(stack, direction)(params, x),
                getattr(same, direction)(layers, x),
                strict=True,
            ):
                np.testing.assert_allclose(a, b, atol=1e-5)


def test_invert_swaps_directions():
    x = jax.random.normal(jax.random.key(0), (5, 4))
    params = affine_layer().init(jax.random.key(1), x)
    for a, b in zip(
        invert(affine_layer()).forward(params, x),
        affine_layer().inverse(params, x),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_the_program_does_not_grow_with_depth():
    x = jax.random.normal(jax.random.key(0), (5, 4))

    def program(depth):
        stack = repeat(layer(), depth, unroll=1)
        params = jax.eval_shape(stack.init, jax.random.key(1), x)
        return len(jax.jit(stack.forward).lower(params, x).as_text().splitlines())

    assert program(4) == program(64)


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="at least one bijector"):
        chain()
    with pytest.raises(InputError, match="n must be at least 1, got 0"):
        repeat(layer(), 0)


def test_layers_are_initialised_on_what_they_see():
    seen = []

    def spy(key, x, condition=None):
        seen.append(x)
        return ()

    doubling = affine_layer()._replace(
        init=spy, forward=lambda params, x, condition=None: (2 * x, jnp.zeros(len(x)))
    )
    x = jnp.ones((2, 4))
    chain(doubling, doubling).init(jax.random.key(0), x)
    np.testing.assert_array_equal(seen[1], 2 * x)
