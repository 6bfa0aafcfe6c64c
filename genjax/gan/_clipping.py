"""Clipping the weights of a critic."""

import jax
import jax.numpy as jnp
import optax

from genjax.errors import InputError
from genjax.typing import Array, Params


def clip_weights(*, limit: float) -> optax.GradientTransformation:
    """Keeps every parameter in `[-limit, limit]`: the last link of an optimiser chain.

        updates <- clip(params + updates, -limit, limit) - params

    Updates are rounded so that not even the last digit of a sum lies outside.

    Args:
        limit: .01 in the paper.

    Raises:
        InputError: `limit` is not positive.

    Source: Arjovsky, Chintala and Bottou, 2017, arXiv:1701.07875.

    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.gan import clip_weights
    >>> optimizer = optax.chain(optax.sgd(1.0), clip_weights(limit=0.1))
    >>> params = jnp.array([0.0, 0.05])
    >>> gradient = jnp.array([-1.0, 0.05])
    >>> updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    >>> optax.apply_updates(params, updates).round(3).tolist()
    [0.10000000149011612, 0.0]
    """
    if limit <= 0:
        raise InputError(f"clip_weights: limit must be positive, got {limit}.")

    def clip(updates: Params, params: Params | None) -> Params:
        if params is None:
            raise InputError(
                "clip_weights: the optimiser must be given the parameters."
            )

        def one(update: Array, param: Array) -> Array:
            update = jnp.clip(param + update, -limit, limit) - param
            # The difference is rounded at the size of the parameter it comes from.
            rounded = jax.lax.stop_gradient(update)
            inwards = jnp.nextafter(rounded, jnp.where(param > 0, -jnp.inf, jnp.inf))
            is_outside = jnp.abs(param + update) > limit
            return update + jnp.where(is_outside, inwards - rounded, 0)

        return jax.tree.map(one, updates, params)

    return optax.stateless(clip)
