import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import darn, fvsbn
from genjax.errors import InputError
from genjax.variables import part_of
from tests.laws.instances import moved

KEY = jax.random.key(0)


def test_the_latents_are_summed_out():
    prior, decoder = fvsbn(), fvsbn()
    model, x = darn(prior, decoder, latent_dim=2), jnp.eye(3)
    variables = moved(model.init(KEY, x))
    total = 0.0
    for state in itertools.product([0.0, 1.0], repeat=2):
        h = jnp.broadcast_to(jnp.array([state]), (3, 2))
        log_joint = prior.log_prob(part_of(variables, "prior"), h)
        log_joint += decoder.log_prob(part_of(variables, "decoder"), x, h)
        total = total + jnp.exp(log_joint)
    np.testing.assert_allclose(model.log_prob(variables, x), jnp.log(total), atol=1e-5)


def test_mistakes_are_named():
    with pytest.raises(InputError, match="between 1 and 12, got 13"):
        darn(fvsbn(), fvsbn(), latent_dim=13)
    with pytest.raises(InputError, match="it takes no other"):
        darn(fvsbn(), fvsbn(), latent_dim=1).init(KEY, jnp.eye(2), jnp.eye(2))
