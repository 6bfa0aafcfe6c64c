import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.base import Network
from genjax.densities import (
    conditional_normal,
    diagonal_normal_mixture,
    standard_normal,
)
from genjax.errors import InputError
from genjax.flows import density, identity
from genjax.vae import (
    LatentModel,
    closed_form_kl,
    elbo,
    iwae,
    log_likelihood,
    log_weights,
)
from tests.laws.instances import tiny_vae
from tests.vae.ppca import CORRELATED, KEY, ORTHOGONAL, VARIABLES, Ppca


def test_every_weight_under_the_exact_posterior_is_the_likelihood():
    ppca = Ppca(ORTHOGONAL)
    x = ppca.sample(50)
    weights = log_weights(ppca.model(), VARIABLES, KEY, x, samples=20)
    wanted = np.broadcast_to(ppca.log_prob(x), (20, 50))
    np.testing.assert_allclose(weights, wanted, atol=1e-4)


def test_the_gap_of_one_sample_is_the_divergence_and_shrinks_with_more():
    ppca = Ppca(CORRELATED)
    x, model = ppca.sample(100), ppca.model()
    gaps = []
    for samples in (1, 5, 50, 500):
        keys = jax.random.split(KEY, 20_000 // samples)

        def gap(key, samples=samples):
            weights = log_weights(model, VARIABLES, key, x, samples=samples)
            return jax.nn.logsumexp(weights, axis=0).mean() - np.log(samples)

        bound = float(
            jax.jit(lambda keys, gap=gap: jax.lax.map(gap, keys))(keys).mean()
        )
        gaps.append(float(ppca.log_prob(x).mean()) - bound)
    assert gaps[0] == pytest.approx(ppca.kl_of_the_mean_field(), rel=0.02)
    assert gaps[0] > gaps[1] > gaps[2] > gaps[3] > -1e-3


def test_the_analytic_divergence_is_the_mean_of_the_estimated_one():
    ppca = Ppca(CORRELATED)
    x, model = ppca.sample(4000), ppca.model()
    exact = elbo(model, latent_dim=2, kl=closed_form_kl)
    estimated = elbo(model, latent_dim=2)
    values = [
        objective.loss(VARIABLES, {"x": x}, KEY) for objective in (exact, estimated)
    ]
    kls = [float(value[1][1]["kl"]) for value in values]
    z, log_q = model.posterior.sample({}, KEY, len(x), x)
    noise = np.std(log_q - model.prior.log_prob({}, z)) / np.sqrt(len(x))
    assert abs(kls[0] - kls[1]) < 4 * noise
    # Both are bounds of the likelihood.
    assert -float(values[0][0]) < ppca.log_prob(x).mean()


def test_one_importance_sample_is_the_elbo_and_beta_weighs_the_divergence():
    model = tiny_vae()
    x = jnp.eye(4)
    plain, weighted = elbo(model, latent_dim=2), elbo(model, latent_dim=2, beta=3.0)
    variables = plain.init(jax.random.key(0), {"x": x})
    key = jax.random.key(1)
    single = iwae(model, latent_dim=2, samples=1).loss(variables, {"x": x}, key)[0]
    same = plain.loss(variables, {"x": x}, jax.random.split(key, 1)[0])[0]
    np.testing.assert_allclose(single, same, rtol=1e-5)
    value, (_, metrics) = weighted.loss(variables, {"x": x}, key)
    np.testing.assert_allclose(
        value, metrics["reconstruction"] + 3 * metrics["kl"], rtol=1e-5
    )


def test_the_likelihood_estimate_comes_in_blocks():
    ppca = Ppca(ORTHOGONAL)
    x = ppca.sample(10)
    estimate = log_likelihood(ppca.model(), VARIABLES, KEY, x, samples=40, block=10)
    np.testing.assert_allclose(estimate, ppca.log_prob(x), atol=1e-4)
    with pytest.raises(InputError, match="block = 7 must divide samples = 40"):
        log_likelihood(ppca.model(), VARIABLES, KEY, x, samples=40, block=7)
    with pytest.raises(InputError, match="samples must be at least 1, got 0"):
        iwae(ppca.model(), latent_dim=2, samples=0)


def test_the_closed_form_reads_the_posterior_itself():
    """A wide posterior: the bound on its scale is the posterior's own."""
    encoder = Network(
        lambda key, x: {"params": {}},
        lambda variables, x: jnp.concatenate([0 * x, 0 * x + 50.0], axis=1),
    )
    x = jnp.zeros((3, 1))
    for limit in (1.0, 2.0):
        posterior = conditional_normal(encoder, max_log_scale=limit)
        model = LatentModel(posterior, posterior, standard_normal((1,)))
        z, log_q = posterior.sample({}, KEY, 3, x)
        found = closed_form_kl(model, {}, x, z, log_q)
        log_scale = limit * np.tanh(50 / limit)
        wanted = kl_by_quadrature(log_scale)
        np.testing.assert_allclose(found, np.full(3, wanted), rtol=1e-5)


def kl_by_quadrature(log_scale):
    """KL(N(0, s^2) || N(0, 1)) by its definition."""
    s = np.exp(log_scale)
    grid = np.linspace(-12 * s, 12 * s, 200_001)
    log_q = -0.5 * (grid / s) ** 2 - log_scale - 0.5 * np.log(2 * np.pi)
    log_p = -0.5 * grid**2 - 0.5 * np.log(2 * np.pi)
    return np.trapezoid(np.exp(log_q) * (log_q - log_p), grid)


def test_a_closed_form_that_does_not_hold_is_refused():
    encoder = nn.MLP(features=4, hidden=())
    normal, plain = conditional_normal(encoder), standard_normal((2,))
    x = jnp.ones((4, 2))
    mixture = diagonal_normal_mixture(components=2)
    for model, which in (
        (LatentModel(normal, normal, mixture), "prior"),
        (LatentModel(density(identity(), normal), normal, plain), "posterior"),
    ):
        objective = elbo(model, latent_dim=2, kl=closed_form_kl)
        variables = objective.init(KEY, {"x": x})
        with pytest.raises(InputError, match=f"which this {which} is not"):
            objective.loss(variables, {"x": x}, KEY)


def test_a_prior_of_another_width_is_refused():
    normal = conditional_normal(nn.MLP(features=4, hidden=()))
    model = LatentModel(normal, normal, standard_normal((1,)))
    objective = elbo(model, latent_dim=2, kl=closed_form_kl)
    batch = {"x": jnp.ones((4, 2))}
    with pytest.raises(InputError, match=r"one shape, got \(2,\) and \(1,\)"):
        objective.loss(objective.init(KEY, batch), batch, KEY)
