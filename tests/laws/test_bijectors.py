import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.laws.registry import BIJECTORS, normal_batch

cases = pytest.mark.parametrize("case", BIJECTORS.values(), ids=BIJECTORS.keys())


@cases
def test_inverse_undoes_forward_and_log_dets_cancel(case):
    x, condition = normal_batch(case)
    params = jax.jit(case.method.init)(jax.random.key(0), x, condition)
    y, log_det = case.method.forward(params, x, condition)
    back, inverse_log_det = case.method.inverse(params, y, condition)
    np.testing.assert_allclose(back, x, atol=1e-5)
    np.testing.assert_allclose(log_det + inverse_log_det, 0, atol=1e-5)
    assert log_det.shape == (len(x),)


@cases
def test_log_det_is_that_of_the_jacobian(case):
    x, condition = normal_batch(case)
    params = jax.jit(case.method.init)(jax.random.key(0), x, condition)
    dim = x[0].size

    def one(x, condition):
        row = None if condition is None else condition[None]
        return case.method.forward(params, x[None], row)[0].reshape(dim)

    condition_axis = None if condition is None else 0
    jacobians = jax.vmap(jax.jacfwd(one), (0, condition_axis))(x, condition)
    _, expected = jnp.linalg.slogdet(jacobians.reshape(len(x), dim, dim))
    log_det = case.method.forward(params, x, condition)[1]
    np.testing.assert_allclose(log_det, expected, atol=1e-5 * dim)


@cases
def test_jit_is_eager_and_rows_are_independent(case):
    x, condition = normal_batch(case)
    params = jax.jit(case.method.init)(jax.random.key(0), x, condition)
    whole = case.method.forward(params, x, condition)
    compiled = jax.jit(case.method.forward)(params, x, condition)
    rows = [
        case.method.forward(
            params, x[i : i + 1], None if condition is None else condition[i : i + 1]
        )
        for i in range(len(x))
    ]
    for a, b, c in zip(
        whole, compiled, map(jnp.concatenate, zip(*rows, strict=True)), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)
        np.testing.assert_allclose(a, c, atol=1e-5)


@pytest.mark.parametrize("name", [k for k, c in BIJECTORS.items() if c.condition])
def test_conditioning_really_conditions(name):
    case = BIJECTORS[name]
    x, condition = normal_batch(case)
    params = jax.jit(case.method.init)(jax.random.key(0), x, condition)
    y, _ = case.method.forward(params, x, condition)
    other, _ = case.method.forward(params, x, condition + 1)
    assert float(jnp.abs(y - other).max()) > 1e-3


@cases
def test_init_needs_no_work_for_shapes(case):
    x, condition = normal_batch(case)
    shapes = jax.eval_shape(case.method.init, jax.random.key(0), x, condition)
    params = jax.jit(case.method.init)(jax.random.key(0), x, condition)
    # Checkpoints cannot hold empty arrays.
    assert all(leaf.size for leaf in jax.tree.leaves(params))
    assert jax.tree.map(lambda a: a.shape, shapes) == jax.tree.map(
        lambda a: a.shape, params
    )
