import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.autoregressive import (
    binary,
    categorical,
    cooled,
    fvsbn,
    grey_levels,
    laplace_mixture,
    normal_mixture,
    rnade,
)
from genjax.errors import InputError

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("make", "law"), [(normal_mixture, stats.norm), (laplace_mixture, stats.laplace)]
)
def test_mixtures_are_those_of_scipy_and_their_scales_have_a_floor(make, law):
    outputs = jax.random.normal(KEY, (5, 7))
    x = jnp.linspace(-2.0, 2.0, 5)
    logits, means, log_scales = np.split(np.asarray(outputs[:, :6], np.float64), 3, 1)
    floor = np.logaddexp(0, np.asarray(outputs[:, 6:], np.float64)) + 1e-3
    weights = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    densities = law.pdf(np.asarray(x)[:, None], means, np.exp(log_scales) + floor)
    wanted = np.log((weights * densities).sum(1))
    conditional = make(2)
    np.testing.assert_allclose(conditional.log_prob(outputs, x), wanted, rtol=1e-4)
    flat = outputs.at[:, 4:6].set(-1e3).at[:, 6].set(-1e3)
    assert bool((conditional.log_prob(flat, flat[:, 2]) < 7).all())


def test_grey_levels_are_bins_of_logistics():
    conditional = grey_levels(levels=16, components=1)
    outputs = jnp.array([[0.0, 0.2, -1.5]])
    x = jnp.arange(16.0)
    edges = np.append((2 * np.arange(15) + 1) / 15 - 1, np.inf)
    upper = stats.logistic.cdf(edges, 0.2, np.exp(-1.5))
    wanted = np.diff(upper, prepend=0.0)
    found = conditional.log_prob(jnp.broadcast_to(outputs, (16, 3)), x)
    np.testing.assert_allclose(jnp.exp(found), wanted, rtol=1e-3, atol=1e-7)
    drawn = conditional.sample(KEY, jnp.broadcast_to(outputs, (20_000, 3)))
    counts = np.bincount(np.asarray(drawn, int), minlength=16)
    keep = wanted * 20_000 > 5
    expected = wanted[keep] / wanted[keep].sum() * counts[keep].sum()
    assert stats.chisquare(counts[keep], expected).pvalue > 1e-4


def test_far_grey_levels_have_finite_gradients():
    conditional = grey_levels(levels=256, components=2)
    outputs = jnp.array([[0.0, 5.0, -50.0, 50.0, -9.0, 9.0]] * 3)
    x = jnp.array([0.0, 100.0, 255.0])
    gradient = jax.grad(lambda o: conditional.log_prob(o, x).sum())(outputs)
    assert bool(np.isfinite(gradient).all())


@pytest.mark.parametrize("conditional", [binary(), categorical(5)])
def test_training_starts_at_the_frequencies(conditional):
    x = jnp.tile(jnp.array([[0.0], [0.0], [1.0], [0.0]]), (200, 1))
    outputs = jnp.broadcast_to(conditional.marginal(x), (1, 1, conditional.size))
    p = jnp.exp(conditional.log_prob(outputs, jnp.ones((1, 1))))
    assert abs(float(p[0, 0]) - 0.25) < 0.01


def test_a_cooled_conditional_is_the_power_of_its_probabilities():
    outputs = jax.random.normal(KEY, (1, 4))
    x = jnp.arange(4.0)
    wide = jnp.broadcast_to(outputs, (4, 4))
    p = jnp.exp(categorical(4).log_prob(wide, x))
    cold = jnp.exp(cooled(categorical(4), temperature=0.5).log_prob(wide, x))
    np.testing.assert_allclose(cold, p**2 / (p**2).sum(), rtol=1e-5)
    with pytest.raises(InputError, match="temperature must be positive"):
        cooled(binary(), temperature=0.0)


@pytest.mark.parametrize(
    ("conditional", "wrong", "sentence"),
    [
        (binary(), 0.5, "from 0 to 1, got 0.5 in column 2"),
        (categorical(3), 3.0, "from 0 to 2, got 3.0 in column 2"),
        (grey_levels(levels=4, components=1), -1.0, "from 0 to 3, got -1.0 in column"),
    ],
)
def test_values_outside_the_domain_are_named(conditional, wrong, sentence):
    x = jnp.zeros((4, 3)).at[1, 2].set(wrong)
    with pytest.raises(InputError, match=sentence):
        fvsbn(conditional=conditional).init(KEY, x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: categorical(1),
        lambda: normal_mixture(0),
        lambda: laplace_mixture(0),
        lambda: grey_levels(levels=1, components=1),
    ],
)
def test_bad_settings_are_refused(make):
    with pytest.raises(InputError, match="must be at least"):
        make()


def test_values_outside_the_classes_are_impossible():
    conditional = categorical(3)
    outside = jnp.array([3.0, -1.0, 0.5, jnp.nan])
    value = jax.jit(conditional.log_prob)(jnp.zeros((4, 3)), outside)
    np.testing.assert_array_equal(value, -jnp.inf)
    impossible = jnp.array([[-jnp.inf, 0.0, 0.0]])
    found = conditional.log_prob(impossible, jnp.ones(1))
    np.testing.assert_allclose(found, -np.log(2), rtol=1e-6)


def test_only_logits_have_a_temperature():
    for conditional in (grey_levels(levels=4, components=2), normal_mixture(2)):
        with pytest.raises(InputError, match="whose outputs are logits"):
            cooled(conditional, temperature=0.5)
    with pytest.raises(InputError, match="temperature must be positive, got nan"):
        cooled(binary(), temperature=float("nan"))


def test_real_values_must_be_finite():
    model = rnade(hidden=3, components=2)
    with pytest.raises(InputError, match=r"must be finite, got nan in column 1"):
        model.init(jax.random.key(0), jnp.array([[0.0, jnp.nan]]))


@pytest.mark.parametrize("x", [1e18, 1e20, 1e30])
def test_outliers_have_finite_gradients(x):
    outputs = jnp.array([0.0, 0.0, 0.0, -5.0])
    for make in (normal_mixture, laplace_mixture):
        value, gradient = jax.value_and_grad(make(1).log_prob)(outputs, jnp.array(x))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
