import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.vae import closed_form_kl, elbo, iwae, log_likelihood, log_weights
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
