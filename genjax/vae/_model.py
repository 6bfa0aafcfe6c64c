"""A latent-variable model: three densities, and networks before two of them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Density, NetworkLike
from genjax.checks import check_is
from genjax.nn.adapters import as_network
from genjax.typing import Array, Event, Key, Latent, Output, Variables
from genjax.variables import join_changes, join_parts, part_of


class LatentModel(NamedTuple):
    """Three densities: any of the library's, so long as their shapes agree.

        p(x) = integral p(x | z) p(z) dz,   q(z | x) ~ p(z | x)

    Fields:
        posterior: q(z | x), conditioned on the example: `conditional_normal(network)`.
        likelihood: p(x | z), conditioned on the latent: `conditional_bernoulli`, a
            conditional NADE, a conditional flow.
        prior: p(z): `standard_normal`, a flow.
        encoder: a network of the example, on whose outputs the posterior is
            conditioned. Densities are pure functions: batch normalisation and dropout
            have their place here.
        decoder: such a network of the latent, for the likelihood.

    Its variables have these parts.
    """

    posterior: Density
    likelihood: Density
    prior: Density
    encoder: NetworkLike | None = None
    decoder: NetworkLike | None = None


def check_parts(user: str, model: LatentModel) -> None:
    """Checks that a model is one, and its three densities are densities.

    Args:
        user: who asks, for the error's sentence.
        model: to check.

    Raises:
        InputError: it is something else, or a part is.

    >>> from genjax.vae import LatentModel
    >>> from genjax.vae._model import check_parts
    >>> from genjax.densities import standard_normal
    >>> check_parts("elbo", LatentModel(*[standard_normal((2,))] * 3))
    """
    check_is(user, LatentModel, model=model)
    densities = dict(zip(LatentModel._fields, model[:3], strict=False))
    check_is(user, Density, **densities)


def encode(
    model: LatentModel, variables: Variables, x: Event, *, key: Key | None = None
) -> tuple[Output, Variables]:
    """What the posterior of examples is conditioned on: they, or their features.

    Args:
        model: the model.
        variables: of its parts.
        x: the examples `[b, *event]`.
        key: of a training pass; evaluation when None.

    Returns:
        The condition, and the collections that a training pass has changed.

    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, encode
    >>> from genjax.densities import standard_normal
    >>> model = LatentModel(*[standard_normal((1,))] * 3)
    >>> encode(model, {}, jnp.ones((2, 1)))[0].shape
    (2, 1)
    """
    return _applied(model.encoder, "encoder", variables, x, key)


def decode(
    model: LatentModel, variables: Variables, z: Latent, *, key: Key | None = None
) -> tuple[Output, Variables]:
    """What the likelihood of latents is conditioned on, as `encode` for posteriors.

    Args:
        model: the model.
        variables: of its parts.
        z: the latents `[b, *event]`.
        key: of a training pass; evaluation when None.

    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, decode
    >>> from genjax.densities import standard_normal
    >>> model = LatentModel(*[standard_normal((1,))] * 3)
    >>> decode(model, {}, jnp.ones((2, 1)))[0].shape
    (2, 1)
    """
    return _applied(model.decoder, "decoder", variables, z, key)


def _applied(
    network: NetworkLike | None,
    part: str,
    variables: Variables,
    x: Array,
    key: Key | None,
) -> tuple[Output, Variables]:
    if network is None:
        return x, {}
    own, adapted = part_of(variables, part), as_network(network, user=part)
    if key is None:
        return adapted.apply(own, x), {}
    outputs, changed = adapted.train(own, key, x)
    return outputs, join_changes({part: changed})


def init(model: LatentModel, key: Key, x: Event, *, latent_dim: int) -> Variables:
    """Initialises all parts on a batch.

    Args:
        model: the model.
        key: of the parameters.
        x: a batch of examples.
        latent_dim: the dimensions of z.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, init
    >>> from genjax import nn
    >>> from genjax.densities import conditional_normal, standard_normal
    >>> normal = conditional_normal(nn.MLP(features=4, hidden=()))
    >>> model = LatentModel(normal, normal, standard_normal((2,)))
    >>> variables = init(model, jax.random.key(0), jnp.ones((3, 2)), latent_dim=2)
    >>> sorted(variables["params"])
    ['likelihood', 'posterior', 'prior']
    """
    key_posterior, key_draw, key_likelihood, key_prior = jax.random.split(key, 4)
    parts = {}

    def applied(part: str, network: NetworkLike | None, key: Key, x: Array) -> Output:
        if network is None:
            return x
        adapted = as_network(network, user=part)
        parts[part] = adapted.init(jax.random.fold_in(key, 1), x)
        return adapted.apply(parts[part], x)

    features = applied("encoder", model.encoder, key_posterior, x)
    blank = jnp.zeros((len(x), latent_dim))
    parts["posterior"] = model.posterior.init(key_posterior, blank, features)
    z, _ = model.posterior.sample(parts["posterior"], key_draw, len(x), features)
    given = applied("decoder", model.decoder, key_likelihood, z)
    parts["likelihood"] = model.likelihood.init(key_likelihood, x, given)
    parts["prior"] = model.prior.init(key_prior, z)
    return join_parts(parts)


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

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, init, sample
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
    given, _ = decode(model, variables, z)
    return model.likelihood.sample(part_of(variables, "likelihood"), key_x, n, given)[0]


def reconstruct(model: LatentModel, variables: Variables, key: Key, x: Event) -> Array:
    """Draws from p(x' | z) with z from the posterior of each example.

    Args:
        model: the model.
        variables: of its parts.
        key: of the draws.
        x: the examples.

    Source: Kingma and Welling, 2014, arXiv:1312.6114.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.vae import LatentModel, init, reconstruct
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
    features, _ = encode(model, variables, x)
    own = part_of(variables, "posterior")
    z, _ = model.posterior.sample(own, key_z, len(x), features)
    given, _ = decode(model, variables, z)
    own = part_of(variables, "likelihood")
    return model.likelihood.sample(own, key_x, len(x), given)[0]
