import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.densities import standard_normal
from genjax.errors import InputError
from genjax.flows import (
    affine,
    chain,
    density,
    elementwise,
    exponential,
    leaky_relu,
    logistic_mixture_cdf,
    normal_cdf,
    power,
    sigmoid,
    softplus,
    swap_directions,
    tanh,
)
from tests.laws.registry import ELEMENTWISE

POSITIVE = {"flip", "power"}

each = pytest.mark.parametrize("name", ELEMENTWISE)


def point_and_raw(name, spread=1.0):
    key_x, key_raw = jax.random.split(jax.random.key(1))
    x = jax.random.uniform(key_x, (400,), minval=-2.9, maxval=2.9)
    x = jnp.abs(x) + 0.05 if name in POSITIVE else x
    return x, spread * jax.random.normal(key_raw, (ELEMENTWISE[name].size, 400))


@each
def test_inverse_undoes_forward_and_log_slopes_cancel(name):
    x, raw = point_and_raw(name)
    y, log_slope = jax.jit(ELEMENTWISE[name].forward)(raw, x)
    back, inverse_log_slope = jax.jit(ELEMENTWISE[name].inverse)(raw, y)
    np.testing.assert_allclose(back, x, atol=1e-4)
    np.testing.assert_allclose(log_slope, -inverse_log_slope, atol=2e-4)


@each
def test_log_slope_is_that_of_autodiff(name):
    x, raw = point_and_raw(name)
    forward = ELEMENTWISE[name].forward

    @jax.jit
    def slope(raw, x):
        return jax.vmap(
            jax.grad(lambda x, raw: forward(raw[:, None], x[None])[0][0]), (0, 1)
        )(x, raw)

    _, log_slope = jax.jit(forward)(raw, x)
    np.testing.assert_allclose(np.log(slope(raw, x)), log_slope, atol=1e-4)


@each
def test_gradients_are_those_of_the_implicit_function(name):
    """d inverse / d raw = -(d forward / d raw) / slope."""
    x, raw = point_and_raw(name)
    if not ELEMENTWISE[name].size:
        return
    forward, inverse = ELEMENTWISE[name].forward, ELEMENTWISE[name].inverse

    @jax.jit
    def both(raw, x):
        y, log_slope = forward(raw, x)
        d_forward = jax.grad(lambda raw: forward(raw, x)[0].sum())(raw)
        d_inverse = jax.grad(lambda raw: inverse(raw, y)[0].sum())(raw)
        return -d_forward * jnp.exp(-log_slope)[None], d_inverse

    expected, found = both(raw, x)
    np.testing.assert_allclose(found, expected, atol=2e-2, rtol=2e-2)


@each
def test_out_of_domain_is_minus_infinity_and_gradients_are_finite(name):
    forward = ELEMENTWISE[name].forward
    x = np.float32([-1e4, -4.0, -1.0, 0.0, 0.5, 1.0, 4.0, 1e4])
    raw = np.zeros((ELEMENTWISE[name].size, len(x)), np.float32)
    y, log_slope = jax.jit(forward)(raw, x)
    assert not np.isnan(log_slope).any()
    assert not np.isnan(y).any()

    def kept(raw, x):
        y, log_slope = forward(raw, x)
        safe = jnp.isfinite(y) & jnp.isfinite(log_slope)
        return jnp.where(safe, y + log_slope, 0.0).sum()

    gradients = jax.jit(jax.grad(kept, argnums=(0, 1)))(raw, np.clip(x, -80, 80))
    assert all(bool(np.isfinite(g).all()) for g in gradients)


def test_a_log_normal_and_a_logit_normal_are_those_of_scipy():
    for transform, known in (
        (swap_directions(exponential()), stats.lognorm(1.0)),
        (swap_directions(normal_cdf()), stats.uniform()),
    ):
        model = density(elementwise(transform), standard_normal((1,)))
        x = jnp.array([[0.1], [0.5], [0.9], [-0.5]])
        params = model.init(jax.random.key(0), x)
        expected = known.logpdf(np.asarray(x))[:, 0]
        np.testing.assert_allclose(model.log_prob(params, x), expected, atol=1e-5)
        assert float(model.log_prob(params, x)[3]) == -np.inf


def test_a_composition_out_of_domain_is_minus_infinity():
    flow = chain(elementwise(swap_directions(sigmoid())), elementwise(affine()))
    model = density(flow, standard_normal((2,)))
    x = jnp.array([[0.5, 0.5], [0.5, 1.5], [0.0, 0.5]])
    log_prob = model.log_prob(model.init(jax.random.key(0), x), x)
    assert np.isfinite(log_prob).tolist() == [True, False, False]
    assert not np.isnan(log_prob).any()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: power(exponent=0.0), "exponent must be positive"),
        (lambda: leaky_relu(slope=-1.0), "slope must be positive"),
        (lambda: affine(max_log_scale=0.0), "max_log_scale must be positive"),
        (lambda: logistic_mixture_cdf(components=0), "components must be at least 1"),
    ],
)
def test_bad_settings_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


@pytest.mark.parametrize(
    "squash",
    [tanh(), sigmoid(), normal_cdf(), softplus(), exponential()],
    ids=["tanh", "sigmoid", "normal_cdf", "softplus", "exponential"],
)
def test_no_value_is_rounded_out_of_the_image(squash):
    none, x = jnp.zeros((0, 9)), jnp.linspace(-200.0, 200.0, 9)
    y, log_slope = squash.forward(none, x)
    back, inverse_log_slope = squash.inverse(none, y)
    for value in (y, log_slope, back, inverse_log_slope):
        assert np.isfinite(value).all()


@pytest.mark.parametrize("squash", [tanh(), sigmoid()], ids=["tanh", "sigmoid"])
def test_own_samples_are_possible(squash):
    flow = density(
        chain(elementwise(swap_directions(squash)), elementwise(affine())),
        standard_normal((1,)),
    )
    variables = flow.init(jax.random.key(0), jnp.full((4, 1), 0.5))
    # A scale of 20.
    wide = jax.tree.map(lambda leaf: leaf.at[0].set(-3.0), variables)
    x, log_prob = flow.sample(wide, jax.random.key(0), 20_000)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(flow.log_prob(wide, x)).all()
