import jax
import jax.numpy as jnp
import numpy as np

from genjax.autoregressive import nade
from genjax.densities import conditional_normal
from genjax.flows import (
    affine,
    coupling,
    density,
    repeat,
)
from genjax.training import gradient_descent
from genjax.vae import LatentModel, elbo, reconstruct, sample
from tests.laws.instances import conditioner, layer, tiny_realnvp
from tests.vae.ppca import CORRELATED, KEY, VARIABLES, Ppca


def test_samples_follow_the_marginal_and_reconstructions_the_example():
    ppca = Ppca(CORRELATED)
    model = ppca.model()
    x = np.asarray(sample(model, VARIABLES, KEY, 50_000))
    wanted = ppca.w @ ppca.w.T + 0.25 * np.eye(5)
    np.testing.assert_allclose(np.cov(x.T), wanted, atol=0.05)
    given = ppca.sample(20_000)
    again = np.asarray(reconstruct(model, VARIABLES, KEY, given))
    expected = np.asarray(given, np.float64) @ ppca.encoder @ ppca.w.T
    assert np.mean((again - expected) ** 2) < 1.2 * (0.25 + 0.25)
    assert np.corrcoef(again[:, 0], expected[:, 0])[0, 1] > 0.6


def test_any_three_densities_make_a_model():
    """A posterior and a prior that are flows, a likelihood that is a NADE."""
    import optax

    flow = density(
        repeat(coupling(affine(), conditioner(), split=2), 2), tiny_realnvp()
    )
    posterior = conditional_normal(conditioner(8))
    prior = density(repeat(layer(), 2), flow)
    model = LatentModel(posterior, nade(hidden=5), prior)
    update = gradient_descent(elbo(model, latent_dim=4), optax.adam(1e-2))
    x = (jax.random.uniform(KEY, (32, 6)) < 0.3).astype(jnp.float32)
    state = jax.jit(update.init)(KEY, {"x": x})
    step, losses = jax.jit(update.step), []
    for _ in range(60):
        state, metrics = step(state, {"x": x})
        losses.append(float(metrics["loss"]))
    assert losses[-1] < losses[0]
    assert sample(model, state.variables, KEY, 7).shape == (7, 6)
