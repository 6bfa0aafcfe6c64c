import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.laws.compare import every_third
from tests.laws.registry import BIJECTORS, normal_batch

cases = pytest.mark.parametrize("case", BIJECTORS.values(), ids=BIJECTORS.keys())


def compiled(case):
    """The batch, initial variables, and both directions as compiled programs."""
    x, condition = normal_batch(case)
    init, forward, inverse = map(jax.jit, case.method)
    return x, condition, init(jax.random.key(0), x, condition), forward, inverse


@cases
def test_inverse_undoes_forward_and_log_dets_cancel(case):
    x, condition, params, forward, inverse = compiled(case)
    y, log_det = forward(params, x, condition)
    back, inverse_log_det = inverse(params, y, condition)
    np.testing.assert_allclose(back, x, atol=1e-5)
    np.testing.assert_allclose(log_det + inverse_log_det, 0, atol=1e-5)
    assert log_det.shape == (len(x),)


@cases
def test_log_det_is_that_of_the_jacobian(case):
    x, condition, params, forward, _ = compiled(case)
    dim = x[0].size

    def one(x, condition):
        row = None if condition is None else condition[None]
        return case.method.forward(params, x[None], row)[0].reshape(dim)

    condition_axis = None if condition is None else 0
    jacobian = jax.jit(jax.vmap(jax.jacfwd(one), (0, condition_axis)))
    jacobians = np.asarray(jacobian(x, condition)).reshape(len(x), dim, dim)
    _, expected = np.linalg.slogdet(jacobians)
    log_det = forward(params, x, condition)[1]
    np.testing.assert_allclose(log_det, expected, atol=1e-5 * dim)


@pytest.mark.parametrize("case", every_third(BIJECTORS))
def test_jit_is_eager_and_rows_are_independent(case):
    x, condition, params, forward, _ = compiled(case)
    whole = forward(params, x, condition)
    eager = case.method.forward(params, x, condition)
    given = jax.device_get((x, condition))
    rows = [
        forward(params, *jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], given))
        for i in range(len(x))
    ]
    for a, b, c in zip(
        whole, eager, map(np.concatenate, zip(*rows, strict=True)), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)
        np.testing.assert_allclose(a, c, atol=1e-5)


@pytest.mark.parametrize("name", [k for k, c in BIJECTORS.items() if c.condition])
def test_conditioning_really_conditions(name):
    case = BIJECTORS[name]
    x, condition, params, forward, _ = compiled(case)
    y, _ = forward(params, x, condition)
    other, _ = forward(params, x, condition + 1)
    assert float(np.abs(y - other).max()) > 1e-3


@cases
def test_init_needs_no_work_for_shapes(case):
    x, condition, params, *_ = compiled(case)
    shapes = jax.eval_shape(case.method.init, jax.random.key(0), x, condition)
    # Checkpoints cannot hold empty arrays.
    assert all(leaf.size for leaf in jax.tree.leaves(params))
    assert jax.tree.map(lambda a: a.shape, shapes) == jax.tree.map(
        lambda a: a.shape, params
    )


@cases
def test_every_precision_is_taken_and_gives_float32_at_least(case):
    x, condition = normal_batch(case)
    key = jax.random.key(0)

    def both_ways(x, condition, params=None):
        params = params or case.method.init(key, x, condition)
        y, log_det = case.method.forward(params, x, condition)
        return log_det, case.method.inverse(params, y, condition)[1]

    half, single, wide = (
        jax.tree.map(lambda leaf, t=t: np.asarray(leaf).astype(t), (x, condition))
        for t in (jnp.bfloat16, np.float32, np.float64)
    )
    with jax.numpy_dtype_promotion("standard"):
        found = jax.eval_shape(both_ways, *half)
        saved = jax.eval_shape(case.method.init, key, *single)
        with jax.enable_x64():
            for given in (single, wide, (*single, saved), (*wide, saved)):
                found += jax.eval_shape(both_ways, *given)
    assert all(leaf.dtype in (jnp.float32, jnp.float64) for leaf in found)
