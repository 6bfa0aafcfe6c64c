"""What discriminators are built with: bounded weights, and a look at the batch."""

from typing import Any

import jax
import jax.numpy as jnp

from genjax.base import Functions, Network
from genjax.errors import InputError
from genjax.nn.lipschitz import spectral_norm
from genjax.typing import Array, Float, Key, Variables


def spectrally_normalized(
    network: Network, *, bound: float = 1.0, iterations: int = 30
) -> Functions:
    """Divides every kernel of a network by its largest singular value.

        W <- bound W / sigma(W)

    A kernel is a matrix of its output features, all other axes together. The norm is a
    function of the weights, so there is nothing to keep between steps, and `sigma`
    has its gradient.

    Args:
        network: any whose weights are named `kernel`, as Flax's are.
        bound: the norm of every layer.
        iterations: of the power method, which comes from below: at the default within
            a percent of the norm of a random layer of 256 units.

    Raises:
        InputError: `bound` is not positive.

    Source: Miyato, Kataoka, Koyama and Yoshida, 2018, arXiv:1802.05957.

    >>> from genjax import nn
    >>> network = spectrally_normalized(nn.MLP(features=1, hidden=()), iterations=50)
    >>> x = jnp.eye(4)
    >>> variables = network.init(jax.random.key(0), x)
    >>> round(float(jnp.linalg.norm(network.apply(variables, x))), 4)
    1.0
    """
    if bound <= 0:
        raise InputError(f"spectrally_normalized: bound must be positive, got {bound}.")

    def normalize(path: Any, leaf: Array) -> Array:
        if getattr(path[-1], "key", None) != "kernel":
            return leaf
        matrix = leaf.reshape(-1, leaf.shape[-1])
        # A layer of zeros stays one, with the gradient of an unscaled layer.
        is_zero = jnp.all(matrix == 0)
        safe = jnp.where(is_zero, jnp.eye(*matrix.shape, dtype=leaf.dtype), matrix)
        norm = spectral_norm(safe, iterations=iterations).astype(leaf.dtype)
        return bound * leaf / norm

    def init(key: Key, *inputs: Any) -> Variables:
        return network.init(key, *inputs)

    def apply(variables: Variables, *inputs: Any, **mode: Any) -> Any:
        params = jax.tree_util.tree_map_with_path(normalize, variables["params"])
        return network.apply({**variables, "params": params}, *inputs, **mode)

    return Functions(init, apply)


def minibatch_deviation(
    x: Float[Array, "b h w c"], *, group: int = 4
) -> Float[Array, "b h w c1"]:
    """Adds a channel with the deviation inside groups of examples.

        s = mean_{h, w, c} sqrt(var_group x + 1e-8), the same for the whole group

    Fakes that are all alike have a deviation of their own, which gives them away.

    Args:
        x: features of images.
        group: how many examples; the whole batch where it is smaller.

    Raises:
        InputError: the group does not divide the batch.

    Source: Karras, Aila, Laine and Lehtinen, 2018, arXiv:1710.10196.

    >>> x = jnp.array([0.0, 2.0]).reshape(2, 1, 1, 1)
    >>> minibatch_deviation(x)[:, 0, 0].tolist()
    [[0.0, 1.0], [2.0, 1.0]]
    """
    b, height, width, _ = x.shape
    group = min(group, b)
    if b % group:
        raise InputError(
            f"minibatch_deviation: group = {group} must divide the batch, got {b} rows."
        )
    groups = x.astype(jnp.float32).reshape(group, b // group, *x.shape[1:])
    deviation = jnp.sqrt(jnp.var(groups, axis=0) + 1e-8)
    of_group = jnp.mean(deviation, axis=(1, 2, 3)).astype(x.dtype)
    channel = jnp.tile(of_group, group)[:, None, None, None]
    return jnp.concatenate(
        [x, jnp.broadcast_to(channel, (b, height, width, 1))], axis=3
    )
