"""Densities whose parameters a network computes from a condition."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax import nn
from genjax.base import Density, Functions, Network
from genjax.densities.bernoulli import bernoulli_log_prob, total
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Params, PerExample

Outputs = tuple[Array, Array]


def conditional_normal(
    network: Network, *, max_log_scale: float = 7.0, scale: float | None = None
) -> Density:
    """A normal with diagonal covariance, given by a network.

        p(x | c) = prod_d N(x_d; mean_d(c), exp(log_scale_d(c))^2)

    As the encoder of a variational autoencoder it is the diagonal Gaussian posterior
    q(z | x), with x for the condition.

    Args:
        network: from conditions to `[b, 2 d]`, first the means, then the logarithms of
            the scales; to `[b, d]`, the means alone, where `scale` is given.
        max_log_scale: the bound of `|log_scale|`, approached smoothly.
        scale: one fixed standard deviation.

    Raises:
        InputError: no condition is given, or the network's output does not fit.

    Source: Kingma and Welling, 2014, arXiv:1312.6114.

    >>> from genjax import nn
    >>> density = conditional_normal(nn.MLP(features=4, hidden=(8,)))
    >>> x, condition = jnp.zeros((3, 2)), jnp.ones((3, 5))
    >>> params = density.init(jax.random.key(0), x, condition)
    >>> density.log_prob(params, x, condition).shape
    (3,)
    """
    moments = gaussian_moments(network, max_log_scale=max_log_scale, scale=scale)

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        mean, log_scale = moments(params, condition)
        _check_shape("conditional_normal", mean, x)
        noise = (x - mean) * jnp.exp(-log_scale)
        return _normal_log_prob(noise, log_scale)

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, Array]:
        mean, log_scale = moments(params, condition)
        _check_rows(n, mean)
        noise = jax.random.normal(key, mean.shape)
        return mean + jnp.exp(log_scale) * noise, _normal_log_prob(noise, log_scale)

    return Density(_init_of(network), log_prob, sample)


def gaussian_moments(
    network: Network, *, max_log_scale: float = 7.0, scale: float | None = None
) -> Callable[[Params, Condition], Outputs]:
    """Returns `(params, condition) -> (mean, log_scale)` of `conditional_normal`."""
    if scale is not None and scale <= 0:
        raise InputError(f"conditional_normal: scale must be positive, got {scale}.")

    def moments(params: Params, condition: Condition) -> Outputs:
        raw = _outputs(network, params, condition)
        if scale is not None:
            return raw, jnp.full_like(raw, math.log(scale))
        if raw.shape[-1] % 2:
            raise InputError(
                "conditional_normal: the network must return means and log-scales, an "
                f"even number of features, got {raw.shape[-1]}."
            )
        mean, log_scale = jnp.split(raw, 2, axis=-1)
        return mean, max_log_scale * jnp.tanh(log_scale / max_log_scale)

    return moments


def conditional_bernoulli(network: Network) -> Density:
    """Independent Bernoulli dimensions, given by a network: a decoder of binary data.

        log p(x | c) = sum_d x_d l_d(c) - softplus(l_d(c))

    Args:
        network: from conditions to logits `[b, *event]`.

    Raises:
        InputError: no condition is given, or the network's output does not fit.

    >>> from genjax import nn
    >>> density = conditional_bernoulli(nn.MLP(features=2, hidden=(8,)))
    >>> x, condition = jnp.zeros((3, 2)), jnp.ones((3, 5))
    >>> params = density.init(jax.random.key(0), x, condition)
    >>> density.sample(params, jax.random.key(1), 3, condition)[0].shape
    (3, 2)
    """

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        logits = _outputs(network, params, condition)
        _check_shape("conditional_bernoulli", logits, x)
        return total(bernoulli_log_prob(logits, x))

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, Array]:
        logits = _outputs(network, params, condition)
        _check_rows(n, logits)
        x = jax.random.bernoulli(key, jax.nn.sigmoid(logits)).astype(logits.dtype)
        return x, total(bernoulli_log_prob(logits, x))

    return Density(_init_of(network), log_prob, sample)


def conditional_one_hot(network: Network) -> Density:
    """A class as a one-hot vector, given by a network: a classifier as a density.

        log p(x | c) = sum_k x_k log softmax(l(c))_k

    Args:
        network: from conditions to logits `[b, classes]`.

    Raises:
        InputError: no condition is given, or the network's output does not fit.

    >>> from genjax import nn
    >>> density = conditional_one_hot(nn.MLP(features=3, hidden=(8,)))
    >>> x, condition = jnp.eye(3), jnp.ones((3, 5))
    >>> params = density.init(jax.random.key(0), x, condition)
    >>> density.sample(params, jax.random.key(1), 3, condition)[0].shape
    (3, 3)
    """

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        logits = _outputs(network, params, condition)
        _check_shape("conditional_one_hot", logits, x)
        return total(x * jax.nn.log_softmax(logits))

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, Array]:
        logits = _outputs(network, params, condition)
        _check_rows(n, logits)
        label = jax.random.categorical(key, logits)
        x = jax.nn.one_hot(label, logits.shape[1])
        return x, total(x * jax.nn.log_softmax(logits))

    return Density(_init_of(network), log_prob, sample)


def embed_condition(density: Density, network: Network) -> Density:
    """Passes the condition of a density through a network first.

        p'(x | c) = p(x | network(c))

    Args:
        density: any that takes a condition.
        network: from conditions to what the density is conditioned on.

    Returns:
        A density with the parameters `density` and `network`.

    >>> from genjax import nn
    >>> inner = conditional_bernoulli(nn.MLP(features=2, hidden=()))
    >>> density = embed_condition(inner, nn.MLP(features=8, hidden=(16,)))
    >>> x, condition = jnp.zeros((3, 2)), jnp.ones((3, 5))
    >>> params = density.init(jax.random.key(0), x, condition)
    >>> density.log_prob(params, x, condition).shape
    (3,)
    """

    def embed(params: Params, condition: Condition) -> Array:
        return _outputs(network, params["network"], condition)

    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        key_network, key_density = jax.random.split(key)
        params = {"network": _init_of(network)(key_network, x, condition)}
        inner = density.init(key_density, x, embed(params, condition))
        return params | {"density": inner}

    def log_prob(params: Params, x: Event, condition: Condition = None) -> PerExample:
        return density.log_prob(params["density"], x, embed(params, condition))

    def sample(
        params: Params, key: Key, n: int, condition: Condition = None
    ) -> tuple[Array, Array]:
        return density.sample(params["density"], key, n, embed(params, condition))

    return Density(init, log_prob, sample)


def _init_of(network: Network) -> Callable[..., Params]:
    def init(key: Key, x: Event, condition: Condition = None) -> Params:
        del x
        return _stateless(network).init(key, _given(condition))

    return init


def _outputs(network: Network, params: Params, condition: Condition) -> Array:
    return _stateless(network).apply(params, _given(condition))


def _stateless(network: Network) -> Functions:
    return nn.stateless(network, user="a conditional density")


def _given(condition: Condition) -> Array:
    if condition is None:
        raise InputError("a conditional density needs a condition, a row an example.")
    return condition


def _check_shape(user: str, outputs: Array, x: Array) -> None:
    if outputs.shape != x.shape:
        raise InputError(
            f"{user}: the network gives parameters for {outputs.shape}, but the "
            f"examples are {x.shape}."
        )


def _check_rows(n: int, outputs: Array) -> None:
    if n != len(outputs):
        raise InputError(
            f"a conditional density draws one sample a row of the condition: n = {n}, "
            f"but there are {len(outputs)} rows."
        )


def _normal_log_prob(noise: Array, log_scale: Array) -> Array:
    return -total(0.5 * noise**2 + log_scale + 0.5 * math.log(2 * math.pi))
