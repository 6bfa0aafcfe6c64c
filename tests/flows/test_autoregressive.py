import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from scipy import stats

from genjax import nn
from genjax.base import Network
from genjax.densities import standard_normal
from genjax.errors import InputError
from genjax.flows import (
    affine,
    autoregressive_flow,
    cached,
    density,
    jacobi,
    masked_autoregressive,
    rational_quadratic_spline,
    scale,
    sequential,
    shift,
)
from tests.laws.instances import conditioner, masked


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"order": (5, 0, 3, 1, 4, 2)},
        {"residual": True},
        {"seed": 3},
        {"hidden": ()},
    ],
    ids=str,
)
def test_the_three_inverses_agree(fields):
    network = masked(**fields)
    x = jax.random.normal(jax.random.key(0), (7, 6))
    condition = jax.random.normal(jax.random.key(1), (7, 2))
    found = []
    for inverse in (cached, sequential, jacobi(tolerance=0.0)):
        layer = masked_autoregressive(affine(), network, inverse=inverse)
        params = jax.jit(layer.init)(jax.random.key(2), x, condition)
        y, _ = layer.forward(params, x, condition)
        found.append(jax.jit(layer.inverse)(params, y, condition))
        np.testing.assert_allclose(found[-1][0], x, atol=1e-5)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_jacobian_is_exactly_triangular_in_the_order():
    order = (2, 0, 3, 1)
    layer = masked_autoregressive(
        rational_quadratic_spline(bins=4), masked(11, order=order)
    )
    x = jax.random.normal(jax.random.key(0), (1, 4))
    params = jax.jit(layer.init)(jax.random.key(1), x)
    jacobian = jax.jacfwd(lambda x: layer.forward(params, x[None])[0][0])(x[0])
    sorted_by_place = jacobian[np.argsort(order)][:, np.argsort(order)]
    assert bool((jnp.triu(sorted_by_place, 1) == 0).all())
    assert bool((jnp.diag(sorted_by_place) != 0).all())


def test_one_affine_layer_is_a_normal_by_cholesky():
    """z = L^-1 (x - m), row by row: scales 1 / L_dd and shifts linear in x_<d."""
    dim = 43
    random = np.random.default_rng(0)
    factor = np.tril(random.normal(size=(dim, dim)) / dim**0.5, -1)
    factor += np.diag(random.uniform(0.5, 1.5, dim))
    mean = random.normal(size=dim)
    back = np.linalg.inv(factor)
    log_scale = np.log(np.diag(back))

    def apply(variables, x):
        below = x @ jnp.tril(jnp.asarray(back, jnp.float32), -1).T
        shifts = below - jnp.asarray(back @ mean, jnp.float32)[None]
        scales = jnp.broadcast_to(jnp.asarray(log_scale, jnp.float32), x.shape)
        return jnp.stack([3 * jnp.arctanh(scales / 3), shifts], axis=-1)

    network = Network(lambda key, x: {"params": {}}, apply)
    model = density(masked_autoregressive(affine(), network), standard_normal((dim,)))
    x = random.multivariate_normal(mean, factor @ factor.T, 20).astype(np.float32)
    params = model.init(jax.random.key(0), jnp.asarray(x))
    expected = stats.multivariate_normal(mean, factor @ factor.T).logpdf(x)
    np.testing.assert_allclose(model.log_prob(params, jnp.asarray(x)), expected, 1e-5)


def test_jacobi_stops_early_near_the_identity():
    """A network that ignores its input is inverted by the first pass."""
    network = Network(
        lambda key, x: {"params": {}},
        lambda variables, x: jnp.ones((*x.shape, 1)),
    )
    layer = masked_autoregressive(shift(), network)
    y = jnp.ones((2, 50))
    text = jax.jit(layer.inverse).lower({}, y).as_text()
    assert "while" in text
    np.testing.assert_array_equal(layer.inverse({}, y)[0], 0)


def test_mistakes_are_named():
    x = jnp.ones((2, 4))
    plain = Network(lambda key, x: {"params": {}}, lambda v, x: x[..., None])
    with pytest.raises(InputError, match=r"cached: only an nn.MaskedMLP.*Network"):
        masked_autoregressive(scale(), plain, inverse=cached).inverse({}, x)
    with pytest.raises(InputError, match=r"must return the shape \(2, 4, 2\)"):
        masked_autoregressive(affine(), plain).forward({}, x)
    with pytest.raises(InputError, match="examples must be vectors"):
        masked_autoregressive(affine(), conditioner()).init(
            jax.random.key(0), jnp.ones((2, 2, 2))
        )
    with pytest.raises(InputError, match="residual layers need equal widths"):
        nn.MaskedMLP(features=1, hidden=(3, 4), residual=True).init(
            jax.random.key(0), x
        )


def normal_flow():
    """A linear autoregressive model: a normal, completed against the order."""
    network = masked(1, hidden=(), order=(2, 1, 0))
    model = autoregressive_flow(shift(), network)
    params = jax.jit(model.init)(jax.random.key(0), jnp.ones((1, 3)))
    return model, params


def test_completions_are_those_of_the_conditional_normal():
    model, params = normal_flow()
    x, _ = model.sample(params, jax.random.key(1), 200_000)
    drawn = np.asarray(x)
    mean, covariance = drawn.mean(axis=0), np.cov(drawn.T)
    given = np.array([[0.0, 0.7, -1.2]], np.float32)
    rows = jnp.broadcast_to(jnp.asarray(given), (20_000, 3))
    observed = np.array([False, True, True])
    found, log_prob = model.complete(params, jax.random.key(2), rows, observed)
    gain = covariance[0, 1:] @ np.linalg.inv(covariance[1:, 1:])
    wanted = mean[0] + gain @ (given[0, 1:] - mean[1:])
    variance = covariance[0, 0] - gain @ covariance[1:, 0]
    assert float(found[:, 0].mean()) == pytest.approx(wanted, abs=0.03)
    assert float(found[:, 0].var()) == pytest.approx(variance, rel=0.05)
    np.testing.assert_array_equal(found[:, 1:], rows[:, 1:])
    expected = stats.norm.logpdf(found[:, 0], wanted, variance**0.5)
    np.testing.assert_allclose(log_prob, expected, atol=0.1)
    # What is left of the joint density is that of the observed part alone.
    rest = model.log_prob(params, found) - log_prob
    np.testing.assert_allclose(rest, rest[0], atol=1e-4)


def test_what_is_observed_must_come_first():
    model, params = normal_flow()
    with pytest.raises(InputError, match="is missing before observed ones"):
        model.complete(
            params, jax.random.key(0), jnp.ones((1, 3)), np.array([True, False, False])
        )


@pytest.mark.parametrize("wrong", [None, (5, 3), (1, 2)])
def test_an_inverse_needs_the_condition_of_the_forward_pass(wrong):
    layer = masked_autoregressive(affine(), masked())
    x, condition = jnp.ones((5, 4)), jnp.ones((5, 2))
    params = layer.init(jax.random.key(0), x, condition)
    condition = None if wrong is None else jnp.ones(wrong)
    with pytest.raises((InputError, TypeCheckError)):
        layer.inverse(params, x, condition)


def test_a_bfloat16_network_inverts_by_its_cache():
    network = nn.MaskedMLP(features=2, hidden=(32, 32), dtype=jnp.bfloat16)
    layer = masked_autoregressive(affine(), network)
    x = jax.random.normal(jax.random.key(0), (50, 8))
    params = layer.init(jax.random.key(1), x)
    y, log_det = layer.forward(params, x)
    back, inverse_log_det = layer.inverse(params, y)
    # Inputs that round to another bfloat16 number move a few elements.
    assert float(np.abs(back - x).mean()) < 1e-3
    assert float(np.abs(log_det + inverse_log_det).mean()) < 1e-2


def test_a_row_that_is_not_finite_spoils_no_other():
    layer = masked_autoregressive(affine(), masked(), inverse=jacobi())
    y = jax.random.normal(jax.random.key(0), (20, 4))
    params = layer.init(jax.random.key(1), y)
    clean, _ = layer.inverse(params, y)
    spoilt, _ = layer.inverse(params, y.at[0, 0].set(jnp.nan))
    np.testing.assert_allclose(spoilt[1:], clean[1:], atol=1e-6)


def test_gradients_go_through_every_inverse():
    y = jax.random.normal(jax.random.key(0), (6, 4))
    layers = [
        masked_autoregressive(affine(), masked(), inverse=inverse)
        for inverse in (cached, sequential, jacobi())
    ]
    params = layers[0].init(jax.random.key(1), y)

    def gradient(layer):
        def loss(params, y):
            x, log_det = layer.inverse(params, y)
            return jnp.sum(x**2) + log_det.sum()

        return jax.jit(jax.grad(loss, argnums=(0, 1)))(params, y)

    first, *others = map(gradient, layers)
    for other in others:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
            first,
            other,
        )
