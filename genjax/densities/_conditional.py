"""Densities whose parameters a network computes from a condition."""

import math

import jax
import jax.numpy as jnp

from genjax.arrays import sum_event
from genjax.base import Density, Init, Moments, Network, NetworkLike
from genjax.checks import check_is
from genjax.densities._bernoulli import bernoulli_log_prob
from genjax.densities._normal import normal_log_prob
from genjax.errors import InputError
from genjax.nn.adapters import as_pure_network
from genjax.typing import Array, Condition, Event, Key, Mask, PerExample, Variables
from genjax.variables import join_parts, part_of


def conditional_normal(
    model: NetworkLike, *, max_log_scale: float = 7.0, scale: float | None = None
) -> Density:
    """A normal with diagonal covariance, given by a network.

        p(x | c) = prod_d N(x_d; mean_d(c), exp(log_scale_d(c))^2)

    As the encoder of a variational autoencoder it is the diagonal Gaussian posterior
    q(z | x), with x for the condition.

    Args:
        model: a network from conditions to `[b, 2 d]`, first the means, then the
            logarithms of the scales; to `[b, d]`, the means alone, where `scale` is
            given.
        max_log_scale: the bound of `|log_scale|`, approached smoothly.
        scale: one fixed standard deviation.

    Raises:
        InputError: no condition is given, or the network's output does not fit.

    Source: Kingma and Welling, 2014, arXiv:1312.6114.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import conditional_normal
    >>> from genjax import nn
    >>> density = conditional_normal(nn.MLP(features=4, hidden=(8,)))
    >>> x, condition = jnp.zeros((3, 2)), jnp.ones((3, 5))
    >>> variables = density.init(jax.random.key(0), x, condition)
    >>> density.log_prob(variables, x, condition).shape
    (3,)
    """
    if scale is not None and scale <= 0:
        raise InputError(f"conditional_normal: scale must be positive, got {scale}.")
    network = as_pure_network(model, user="conditional_normal")

    def moments(variables: Variables, /, condition: Condition = None) -> Moments:
        raw = _outputs(network, variables, condition)
        if scale is not None:
            return Moments(raw, jnp.full_like(raw, math.log(scale)))
        if raw.shape[-1] % 2:
            raise InputError(
                "conditional_normal: the network must return means and log-scales, an "
                f"even number of features, got {raw.shape[-1]}."
            )
        mean, log_scale = jnp.split(raw, 2, axis=-1)
        return Moments(mean, max_log_scale * jnp.tanh(log_scale / max_log_scale))

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        mean, log_scale = moments(variables, condition)
        _check_shape("conditional_normal", mean, x)
        return normal_log_prob((x - mean) * jnp.exp(-log_scale), log_scale)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        mean, log_scale = moments(variables, condition)
        _check_rows(n, mean)
        noise = jax.random.normal(key, mean.shape)
        return mean + jnp.exp(log_scale) * noise, normal_log_prob(noise, log_scale)

    return Density(_init_of(network), log_prob, sample, moments=moments)


def conditional_bernoulli(model: NetworkLike) -> Density:
    """Independent Bernoulli dimensions, given by a network: a decoder of binary data.

        log p(x | c) = sum_d x_d l_d(c) - softplus(l_d(c))

    Args:
        model: a network from conditions to logits `[b, *event]`.

    Raises:
        InputError: no condition is given, or the network's output does not fit.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import conditional_bernoulli
    >>> from genjax import nn
    >>> density = conditional_bernoulli(nn.MLP(features=2, hidden=(8,)))
    >>> x, condition = jnp.zeros((3, 2)), jnp.ones((3, 5))
    >>> variables = density.init(jax.random.key(0), x, condition)
    >>> density.sample(variables, jax.random.key(1), 3, condition)[0].shape
    (3, 2)
    """
    network = as_pure_network(model, user="conditional_bernoulli")

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        logits = _outputs(network, variables, condition)
        _check_shape("conditional_bernoulli", logits, x)
        return sum_event(bernoulli_log_prob(logits, x))

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        logits = _outputs(network, variables, condition)
        _check_rows(n, logits)
        x = jax.random.bernoulli(key, jax.nn.sigmoid(logits)).astype(logits.dtype)
        return x, sum_event(bernoulli_log_prob(logits, x))

    return Density(_init_of(network), log_prob, sample)


def conditional_one_hot(model: NetworkLike) -> Density:
    """A class as a one-hot vector, given by a network: a classifier as a density.

        log p(x | c) = sum_k x_k log softmax(l(c))_k

    For soft labels, smoothed ones say, that is the cross-entropy.

    Args:
        model: a network from conditions to logits `[b, classes]`.

    Raises:
        InputError: no condition is given, or the network's output does not fit.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import conditional_one_hot
    >>> from genjax import nn
    >>> density = conditional_one_hot(nn.MLP(features=3, hidden=(8,)))
    >>> x, condition = jnp.eye(3), jnp.ones((3, 5))
    >>> variables = density.init(jax.random.key(0), x, condition)
    >>> density.sample(variables, jax.random.key(1), 3, condition)[0].shape
    (3, 3)
    """
    network = as_pure_network(model, user="conditional_one_hot")

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        logits = _outputs(network, variables, condition)
        _check_shape("conditional_one_hot", logits, x)
        return sum_event(x * jax.nn.log_softmax(logits))

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        logits = _outputs(network, variables, condition)
        _check_rows(n, logits)
        label = jax.random.categorical(key, logits)
        x = jax.nn.one_hot(label, logits.shape[1])
        return x, sum_event(x * jax.nn.log_softmax(logits))

    return Density(_init_of(network), log_prob, sample)


def embed_condition(density: Density, model: NetworkLike) -> Density:
    """Passes the condition of a density through a network first.

        p'(x | c) = p(x | model(c))

    Examples are `[b, *event]`, conditions `[b, ...]`, whatever the network takes.

    Args:
        density: any that takes a condition.
        model: a network from conditions to what the density is conditioned on.

    Returns:
        A density with the parameters `density` and `network`.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import conditional_bernoulli, embed_condition
    >>> from genjax import nn
    >>> inner = conditional_bernoulli(nn.MLP(features=2, hidden=()))
    >>> density = embed_condition(inner, nn.MLP(features=8, hidden=(16,)))
    >>> x, condition = jnp.zeros((3, 2)), jnp.ones((3, 5))
    >>> variables = density.init(jax.random.key(0), x, condition)
    >>> density.log_prob(variables, x, condition).shape
    (3,)
    """
    check_is("embed_condition", Density, density=density)
    network = as_pure_network(model, user="embed_condition")

    def embed(variables: Variables, condition: Condition) -> Array:
        return _outputs(network, part_of(variables, "network"), condition)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        key_network, key_density = jax.random.split(key)
        own = _init_of(network)(key_network, x, condition)
        embedded = _outputs(network, own, condition)
        inner = density.init(key_density, x, embedded)
        return join_parts({"network": own, "density": inner})

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        inner = part_of(variables, "density")
        return density.log_prob(inner, x, embed(variables, condition))

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        inner = part_of(variables, "density")
        return density.sample(inner, key, n, embed(variables, condition))

    def complete(
        variables: Variables,
        key: Key,
        x: Event,
        observed: Mask,
        /,
        condition: Condition = None,
    ) -> tuple[Array, PerExample]:
        assert density.complete is not None
        inner = part_of(variables, "density")
        embedded = embed(variables, condition)
        return density.complete(inner, key, x, observed, embedded)

    def moments(variables: Variables, /, condition: Condition = None) -> Moments:
        assert density.moments is not None
        return density.moments(
            part_of(variables, "density"), embed(variables, condition)
        )

    return Density(
        init,
        log_prob,
        sample,
        complete=None if density.complete is None else complete,
        moments=None if density.moments is None else moments,
    )


def _init_of(network: Network) -> Init:
    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del x
        return network.init(key, _given(condition))

    return init


def _outputs(network: Network, variables: Variables, condition: Condition) -> Array:
    return network.apply(variables, _given(condition))


def _given(condition: Condition) -> Array:
    if condition is None:
        raise InputError("a conditional density needs a condition, a row per example.")
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
            "a conditional density draws one sample per row of the condition: "
            f"n = {n}, but there are {len(outputs)} rows."
        )
