from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.self_supervised import (
    normalize,
    ntxent,
    ntxent_dense,
    symmetric_infonce,
    symmetric_infonce_dense,
)

PAIRS = [(symmetric_infonce, symmetric_infonce_dense), (ntxent, ntxent_dense)]
both = pytest.mark.parametrize(
    ("blocked", "dense"), PAIRS, ids=["symmetric_infonce", "ntxent"]
)


def embeddings(rows=13, dim=5):
    keys = jax.random.split(jax.random.key(0))
    return [normalize(jax.random.normal(key, (rows, dim))) for key in keys]


@both
@pytest.mark.parametrize("block", [1, 4, 13, 100])
def test_values_and_gradients_are_those_of_the_dense_form(blocked, dense, block):
    a, b = embeddings()
    tau = jnp.array(0.3)

    def of(loss, **kwargs):
        return jax.jit(
            jax.value_and_grad(
                lambda a, b, tau: 2 * loss(a, b, tau=tau, **kwargs), (0, 1, 2)
            )
        )(a, b, tau)

    found, wanted = of(blocked, block=block), of(dense)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, atol=2e-6, rtol=1e-5),
        found,
        wanted,
    )


@both
def test_both_modes_and_the_second_order_are_those_of_the_dense_form(blocked, dense):
    a, b = embeddings()
    point, direction = (a, b, jnp.array(0.3)), (b, -a, jnp.array(0.2))

    def of(loss, **kwargs):
        def value(a, b, tau):
            return loss(a, b, tau=tau, **kwargs)

        functions = value, jax.grad(value, (0, 1, 2))
        return [jax.jit(partial(jax.jvp, f))(point, direction) for f in functions]

    found, wanted = of(blocked, block=4), of(dense)
    chex.assert_trees_all_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_both_are_their_definitions():
    a, b = (np.asarray(x, float) for x in embeddings(4, 3))
    s = a @ b.T / 0.5
    rows = np.log(np.exp(s).sum(1)) - np.diag(s)
    columns = np.log(np.exp(s).sum(0)) - np.diag(s)
    found = symmetric_infonce_dense(*embeddings(4, 3), tau=0.5)
    np.testing.assert_allclose(found, (rows + columns).mean() / 2, rtol=1e-5)
    z = np.concatenate([a, b])
    s = z @ z.T / 0.5
    terms = [
        np.log(sum(np.exp(s[i, j]) for j in range(8) if j != i)) - s[i, (i + 4) % 8]
        for i in range(8)
    ]
    found = ntxent_dense(*embeddings(4, 3), tau=0.5)
    np.testing.assert_allclose(found, np.mean(terms), rtol=1e-5)


@pytest.mark.usefixtures("optimized_programs")
@both
def test_memory_is_linear_and_under_sixteen_mebibytes(blocked, dense):
    shape = jax.ShapeDtypeStruct(
        (4096 if blocked is symmetric_infonce else 2048, 128), "float32"
    )

    def temporary(loss):
        gradient = jax.jit(jax.value_and_grad(lambda a, b: loss(a, b, tau=0.1), (0, 1)))
        compiled = gradient.lower(shape, shape).compile()
        return compiled.memory_analysis().temp_size_in_bytes / 2**20

    assert temporary(blocked) <= 16
    assert temporary(dense) > 100


@both
@pytest.mark.parametrize("size", [1e4, -1e4, 0.0])
def test_extreme_and_unnormalised_features_are_finite(blocked, dense, size):
    a, b = (size * x for x in embeddings())
    for loss in (blocked, dense):
        value, gradient = jax.value_and_grad(lambda a, loss=loss: loss(a, b, tau=0.1))(
            a
        )
        assert np.isfinite(value)
        assert np.all(np.isfinite(gradient))


@both
def test_bfloat16_is_accumulated_in_float32(blocked, dense):
    a, b = (x.astype(jnp.bfloat16) for x in embeddings(200))
    value, gradient = jax.value_and_grad(lambda a: blocked(a, b, tau=0.3))(a)
    assert value.dtype == jnp.float32
    assert gradient.dtype == jnp.bfloat16
    np.testing.assert_allclose(value, dense(*embeddings(200), tau=0.3), rtol=2e-2)


def test_lengths_are_one_and_zeros_are_safe():
    x = jnp.array([[3e20, 4e20], [0.0, 0.0], [1e-30, 0.0]])
    np.testing.assert_allclose(normalize(x), [[0.6, 0.8], [0, 0], [1, 0]], rtol=1e-6)
    gradient = jax.grad(lambda x: normalize(x).sum())(x)
    assert np.all(np.isfinite(gradient[:2]))


@both
def test_bad_input_is_a_sentence(blocked, dense):
    a, b = embeddings()
    for loss in (blocked, dense):
        with pytest.raises(InputError, match=r"got \(13, 5\) and \(12, 5\)"):
            loss(a, b[:12])
    for loss in (blocked, dense):
        with pytest.raises(InputError, match="tau must be positive, got 0"):
            loss(a, b, tau=0.0)
    with pytest.raises(InputError, match="block must be at least 1, got 0"):
        blocked(a, b, block=0)


def test_a_row_with_nan_is_no_row_of_zeros():
    assert np.isnan(normalize(jnp.array([[jnp.nan, 1.0]]))).all()
