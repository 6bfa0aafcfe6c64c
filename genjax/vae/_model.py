"""A latent-variable model and its posterior: three densities."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Density
from genjax.typing import Array, Event, Key, Variables
from genjax.variables import join_parts, part_of


class LatentModel(NamedTuple):
    """Three densities: any of the library's, so long as their shapes agree.

        p(x) = integral p(x | z) p(z) dz,   q(z | x) ~ p(z | x)

    Fields:
        posterior: q(z | x), conditioned on the example: `conditional_normal(encoder)`.
        likelihood: p(x | z), conditioned on the latent: `conditional_bernoulli`, a
            conditional NADE, a conditional flow.
        prior: p(z): `standard_normal`, a flow.

    Its variables have these three parts.
    """

    posterior: Density
    likelihood: Density
    prior: Density


def init(model: LatentModel, key: Key, x: Event, *, latent_dim: int) -> Variables:
    """Initialises all three densities on a batch.

    Args:
        model: the model.
        key: of the parameters.
        x: a batch of examples.
        latent_dim: the dimensions of z.

    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> normal = conditional_normal(nn.MLP(features=4, hidden=()))
    >>> model = LatentModel(normal, normal, standard_normal((2,)))
    >>> variables = init(model, jax.random.key(0), jnp.ones((3, 2)), latent_dim=2)
    >>> sorted(variables["params"])
    ['likelihood', 'posterior', 'prior']
    """
    key_posterior, key_draw, key_likelihood, key_prior = jax.random.split(key, 4)
    blank = jnp.zeros((len(x), latent_dim))
    posterior = model.posterior.init(key_posterior, blank, x)
    z, _ = model.posterior.sample(posterior, key_draw, len(x), x)
    return join_parts(
        {
            "posterior": posterior,
            "likelihood": model.likelihood.init(key_likelihood, x, z),
            "prior": model.prior.init(key_prior, z),
        }
    )


def sample(model: LatentModel, variables: Variables, key: Key, n: int) -> Array:
    """Draws `n` examples: a latent from the prior, then the example from it.

    Args:
        model: the model.
        variables: of its parts.
        key: of the draws.
        n: how many.

    Returns:
        Examples `[n, *event]`.

    Source: Kingma and Welling, 2014, arXiv:1312.6114.

    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> normal = conditional_normal(nn.MLP(features=4, hidden=()))
    >>> model = LatentModel(normal, normal, standard_normal((2,)))
    >>> variables = init(model, jax.random.key(0), jnp.ones((3, 2)), latent_dim=2)
    >>> sample(model, variables, jax.random.key(1), 5).shape
    (5, 2)
    """
    key_z, key_x = jax.random.split(key)
    z, _ = model.prior.sample(part_of(variables, "prior"), key_z, n)
    return model.likelihood.sample(part_of(variables, "likelihood"), key_x, n, z)[0]


def reconstruct(model: LatentModel, variables: Variables, key: Key, x: Event) -> Array:
    """Draws from p(x' | z) with z from the posterior of each example.

    Args:
        model: the model.
        variables: of its parts.
        key: of the draws.
        x: the examples.

    Source: Kingma and Welling, 2014, arXiv:1312.6114.

    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> normal = conditional_normal(nn.MLP(features=4, hidden=()))
    >>> model = LatentModel(normal, normal, standard_normal((2,)))
    >>> x = jnp.ones((3, 2))
    >>> variables = init(model, jax.random.key(0), x, latent_dim=2)
    >>> reconstruct(model, variables, jax.random.key(1), x).shape
    (3, 2)
    """
    key_z, key_x = jax.random.split(key)
    z, _ = model.posterior.sample(part_of(variables, "posterior"), key_z, len(x), x)
    own = part_of(variables, "likelihood")
    return model.likelihood.sample(own, key_x, len(x), z)[0]
