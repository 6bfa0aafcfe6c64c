"""Velocities: what a network says of them, and one that is exact."""

import jax
import jax.numpy as jnp

from genjax.base import Network, NetworkLike
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array, Condition, Event, Float, Input, Key, Variables


def velocity(
    model: NetworkLike,
    variables: Variables,
    x: Event,
    time: Float[Array, ""],
    condition: Condition = None,
) -> Event:
    """Returns a network's velocity at one time for the whole batch, in float32.

    Args:
        model: a network of `(x [b, *event], t [b])`, or `(x, t, condition)`.
        variables: of the network.
        x: where.
        time: when, in [0, 1].
        condition: of the network, where it takes one.

    Raises:
        InputError: the network does not keep the shape of x.

    Source: Lipman et al., 2023, arXiv:2210.02747.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import normal_mixture_velocity, velocity
    >>> network = normal_mixture_velocity(jnp.array([[3.0]]), scale=1.0)
    >>> velocity(network, {}, jnp.array([[0.0]]), jnp.array(0.0)).tolist()
    [[3.0]]
    """
    network = as_network(model, user="velocity")
    found = network.apply(variables, x, jnp.broadcast_to(time, (len(x),)), condition)
    return checked_velocity(found, x)


def checked_velocity(found: Array, x: Event) -> Event:
    """Returns a velocity that is known to have the shape of its points.

    Args:
        found: what a network has returned.
        x: where.

    Raises:
        InputError: it has another shape.
    """
    if found.shape != x.shape:
        raise InputError(
            f"a velocity: the network must keep the shape {x.shape} of x, got "
            f"{found.shape}."
        )
    return found


def normal_mixture_velocity(means: Float[Array, "k d"], *, scale: float) -> Network:
    """The exact velocity of the linear path to a mixture of equal normals.

        v(x, t) = sum_k w_k (m_k + (t s^2 - (1 - t)) / r_t (x - t m_k)),
        w = softmax_k(-|x - t m_k|^2 / 2 r_t),   r_t = (1 - t)^2 + t^2 s^2

    An oracle for training, solvers and likelihoods alike.

    Args:
        means: of the normals.
        scale: the standard deviation s of each.

    Returns:
        A network without parameters.

    Raises:
        InputError: `scale` is not positive.

    Source: Lipman et al., 2023, arXiv:2210.02747 (the marginal velocity).

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import normal_mixture_velocity
    >>> single = normal_mixture_velocity(jnp.array([[3.0]]), scale=1.0)
    >>> single.apply({}, jnp.array([[0.0]]), jnp.array([0.0])).tolist()
    [[3.0]]
    """
    if scale <= 0:
        raise InputError(
            f"normal_mixture_velocity: scale must be positive, got {scale}."
        )

    def apply(variables: Variables, /, *inputs: Input) -> Array:
        del variables
        x, t = inputs[0], inputs[1][:, None]
        variance = (1 - t) ** 2 + (t * scale) ** 2
        offset = x[:, None] - t[:, None] * means[None]
        logits = -0.5 * jnp.sum(offset**2, axis=2) / variance
        rate = (t * scale**2 - (1 - t)) / variance
        each = means[None] + rate[:, None] * offset
        return jnp.sum(jax.nn.softmax(logits)[:, :, None] * each, axis=1)

    def init(key: Key, /, *inputs: Input) -> Variables:
        del key, inputs
        return {"params": {}}

    return Network(init, apply)
