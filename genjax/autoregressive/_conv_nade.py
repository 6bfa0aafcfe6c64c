"""ConvNADE: networks of images as orderless networks of vectors."""

import math

import jax.numpy as jnp

from genjax.base import Network, NetworkLike
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array, Input, Key, Variables


def on_images(model: NetworkLike, *, shape: tuple[int, int, int]) -> Network:
    """A network of images as one that `deep_nade` and `orderless_likelihood` take.

    The channels of its input are the observed values and, after them, the mask; the
    orderless model of such a network is ConvNADE.

    Args:
        model: a network from `[b, h, w, (inputs + 1) c]` to `[b, h, w, c size]`, with a
            condition where there is one; `inputs` and `size` are those of the
            conditional, both 1 for bits.
        shape: `(h, w, c)` of an image.

    Returns:
        `init` and `apply` over `[b, D inputs + D]` and `[b, D size]`, `D = h w c`.

    Raises:
        InputError: the vectors are not flattened images of that shape, or the network
            changes the image's size.

    Source: Uria, Cote, Gregor, Murray and Larochelle, 2016, arXiv:1605.02226.

    >>> import jax.numpy as jnp
    >>> import jax
    >>> from genjax import nn
    >>> from genjax.autoregressive import deep_nade, on_images
    >>> network = nn.ConvStack(features=1, widths=(8, 8))
    >>> model = deep_nade(on_images(network, shape=(4, 3, 1)))
    >>> x = jnp.ones((2, 12))
    >>> model.log_prob(model.init(jax.random.key(0), x), x).shape
    (2,)
    """
    height, width, channels = shape
    dim = math.prod(shape)

    def images(x: Array) -> Array:
        seen, mask = x[:, :-dim], x[:, -dim:]
        if seen.shape[1] % dim or not seen.shape[1]:
            raise InputError(
                f"on_images: vectors must be flattened images of the shape {shape}, "
                f"{dim} values, and as many of the mask; got the shape {x.shape}."
            )
        parts = [part.reshape(len(x), height, width, -1) for part in (seen, mask)]
        return jnp.concatenate(parts, axis=-1)

    network = as_network(model, user="on_images")

    def init(key: Key, /, *inputs: Input) -> Variables:
        x, *condition = inputs
        return network.init(key, images(x), *condition)

    def vectors(x: Array, y: Array) -> Array:
        if y.shape[:3] != (len(x), height, width) or y.shape[3] % channels:
            raise InputError(
                "on_images: the network must return images "
                f"[{len(x)}, {height}, {width}, {channels} size], got the shape "
                f"{y.shape}."
            )
        return y.reshape(len(x), -1)

    def apply(variables: Variables, /, *inputs: Input) -> Array:
        x, *condition = inputs
        return vectors(x, network.apply(variables, images(x), *condition))

    def training(
        variables: Variables, key: Key, /, *inputs: Input
    ) -> tuple[Array, Variables]:
        x, *condition = inputs
        y, changed = network.train(variables, key, images(x), *condition)
        return vectors(x, y), changed

    return Network(init, apply, training)
