import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.programs import inverse_and_log_det, invertible, with_dense_log_det

MATRIX = jax.random.normal(jax.random.key(3), (4, 4))


def coupling(x):
    first, last = x[:2], x[2:]
    hidden = jnp.tanh(first @ MATRIX[:2])
    return jnp.concatenate([first, last * jnp.exp(hidden[:2]) + hidden[2:]])


def coupling_twice(x):
    y = coupling(x)[::-1]
    return coupling(y)


def softplus(x):
    """Named like that of JAX, and another function."""
    return jnp.log1p(jnp.exp(2 * x)) / 2


FUNCTIONS = {
    "affine": lambda x: 3 * x - 1,
    "reciprocal": lambda x: 2.0 / (x + 9.0),
    "odd power": lambda x: x**3,
    "power": lambda x: jnp.exp(x) ** 1.7,
    "base": lambda x: 2.0**x,
    "hyperbolic": lambda x: jnp.arcsinh(jnp.sinh(2 * x)),
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "tanh": jnp.tanh,
    "erf": jax.lax.erf,
    "logarithm": lambda x: jnp.log1p(jnp.exp(x)),
    "root": lambda x: jnp.sqrt(jnp.exp(x)),
    "permutation": lambda x: x[jnp.array([2, 0, 3, 1])],
    "reversal": lambda x: x[::-1],
    "halves": lambda x: jnp.concatenate(jnp.split(x, 2)[::-1]),
    "reshape": lambda x: x.reshape(2, 2).T.ravel(),
    "stack": lambda x: jnp.stack([x[0] * 2, x[1] + x[0], x[2] * x[1], x[3]]),
    "matrix": lambda x: MATRIX @ x,
    "matrix, right": lambda x: x @ MATRIX,
    "1x1 convolution": lambda x: (x.reshape(2, 2) @ MATRIX[:2, :2]).ravel(),
    "cumulative sum": jnp.cumsum,
    "jit": jax.jit(lambda x: jnp.exp(x) * 2),
    "integral power": lambda x: x**3.0,
    "a softplus of one's own": jax.jit(softplus),
    "coupling": coupling,
    "coupling twice": coupling_twice,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_inverse_and_log_det_are_those_of_the_jacobian(function):
    x = jax.random.normal(jax.random.key(0), (6, 4))
    y, expected = jax.vmap(with_dense_log_det(function))(x)
    back, log_det = jax.jit(jax.vmap(inverse_and_log_det(function)))(y)
    np.testing.assert_allclose(back, x, atol=2e-4)
    np.testing.assert_allclose(log_det, -expected, atol=2e-4)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (jnp.cos, "'cos' has no inverse"),
        (lambda x: x * x[::-1], "'mul' has more than one input"),
        (lambda x: x * x, "'mul' has more than one input|'square' has no inverse"),
        (lambda x: x**2, "no inverse"),
        (lambda x: x**2.0, "no inverse"),
        (lambda x: jnp.roll(x, (x[0] > 0).astype(int)), "has no inverse|indices that"),
        (
            lambda x: jax.lax.reduce(x[:, None], 0.5, lambda a, b: a + 2 * b, (1,)),
            "'reduce' has no inverse|'reduce_sum' has no inverse",
        ),
        (lambda x: jnp.concatenate([x[:2], x[:2]]), "does not determine every element"),
        (lambda x: jnp.ones_like(x), "ignores its input"),
        (lambda x: x[:2], r"keep the number of dimensions"),
        (jax.nn.relu, "'max' has no inverse"),
    ],
)
def test_what_has_no_inverse_is_named(function, sentence):
    with pytest.raises(InputError, match=sentence):
        inverse_and_log_det(function)(jnp.ones(4))


def test_out_of_the_image_is_minus_infinity():
    inverse = inverse_and_log_det(lambda x: jnp.exp(x))
    assert float(inverse(jnp.array([1.0, -1.0]))[1]) == -np.inf
    assert float(inverse(jnp.array([1.0, 2.0]))[1]) != -np.inf


def test_a_plain_function_is_a_flow():
    def function(params, x):
        return coupling(jnp.sinh(x * jnp.exp(params)))

    flow = invertible(function, lambda key, x: jnp.zeros(x.shape))
    x = 0.5 * jax.random.normal(jax.random.key(0), (5, 4))
    params = flow.init(jax.random.key(1), x)
    y, log_det = jax.jit(flow.forward)(params, x)
    _, expected = jax.vmap(with_dense_log_det(lambda x: function(params["params"], x)))(
        x
    )
    np.testing.assert_allclose(log_det, expected, atol=1e-4)
    np.testing.assert_allclose(flow.inverse(params, y)[0], x, atol=1e-4)
    gradient = jax.grad(lambda p: flow.forward(p, x)[1].sum())(params)
    assert bool(np.isfinite(gradient["params"]).all())


@pytest.mark.parametrize("function", [jnp.tanh, jnp.arctan, jax.nn.softplus])
def test_log_determinants_are_exact_where_float32_saturates(function):
    x = jnp.array([[12.0, -12.0, 0.3]])
    flow = invertible(lambda params, x: function(x), lambda key, x: ())
    _, log_det = flow.forward({"params": ()}, x)
    with jax.enable_x64():
        x64 = jnp.asarray(np.asarray(x, np.float64))
        slopes = jax.vmap(jax.vmap(jax.grad(function)))(x64)
        expected = jnp.log(slopes).sum(axis=1)
    np.testing.assert_allclose(log_det, np.asarray(expected), rtol=1e-4)


def test_the_training_direction_is_never_nan():
    flow = invertible(lambda params, x: jnp.log(x), lambda key, x: ())
    _, log_det = flow.forward({"params": ()}, jnp.array([[-1.0], [2.0]]))
    assert log_det[0] == -np.inf
    np.testing.assert_allclose(log_det[1], -np.log(2), rtol=1e-5)
    assert float(inverse_and_log_det(jnp.arctan)(jnp.array([2.0]))[1]) == -np.inf


def test_tracing_takes_time_that_is_linear_in_the_layers():
    def deep(x):
        for _ in range(60):
            x = coupling(x)[::-1]
        return x

    start = time.perf_counter()
    jax.make_jaxpr(inverse_and_log_det(deep))(jnp.ones(4))
    assert time.perf_counter() - start < 20
