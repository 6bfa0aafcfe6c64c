"""Masked multi-layer perceptrons, whose outputs see only earlier inputs."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from genjax.errors import InputError
from genjax.typing import Array


def autoregressive_masks(
    order: Sequence[int], hidden: Sequence[int], *, seed: int | None = None
) -> list[np.ndarray]:
    """Returns the masks of a MADE, one a layer, `[inputs, outputs]`.

    A unit of degree m sees inputs whose place in the order is below m; output d sees
    units of degree at most its place. Hence output d depends on earlier inputs alone.

    Args:
        order: the place of each input: a permutation of `0 ... d - 1`.
        hidden: the widths of the hidden layers.
        seed: draws the degrees at random, uniformly from those that see something; they
            are spread evenly when None.

    Raises:
        InputError: `order` is no permutation.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> first, last = autoregressive_masks((0, 1, 2), (4,))
    >>> ((first @ last) > 0).astype(int).tolist()
    [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    """
    places = np.asarray(order)
    dim = len(places)
    if sorted(places.tolist()) != list(range(dim)):
        raise InputError(
            f"autoregressive_masks: order must hold each of 0 ... {dim - 1} once, "
            f"got {list(order)}."
        )
    random = None if seed is None else np.random.default_rng(seed)
    degrees, masks = places + 1, []
    for width in hidden:
        lowest = min(int(degrees.min()), max(dim - 1, 1))
        count = max(dim - lowest, 1)
        if random is None:
            following = lowest + np.arange(width) * count // width
        else:
            following = random.integers(lowest, lowest + count, width)
        masks.append(degrees[:, None] <= following[None])
        degrees = following
    masks.append(degrees[:, None] <= places[None])
    return [mask.astype(np.float32) for mask in masks]


class MaskedDense(nn.Module):
    """A dense layer whose kernel is multiplied by a constant mask.

    Attributes:
        mask: `[inputs, outputs]`, of zeros and ones.
        kernel_init: initialiser of the kernel.
        dtype: of the computation.
    """

    mask: np.ndarray
    kernel_init: Callable[..., Any] = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[..., inputs]` to `[..., outputs]`."""
        kernel = self.param("kernel", self.kernel_init, self.mask.shape)
        bias = self.param("bias", nn.initializers.zeros, self.mask.shape[1:])
        y = x.astype(self.dtype) @ (kernel * self.mask).astype(self.dtype)
        return y + jnp.broadcast_to(bias.astype(self.dtype), y.shape)


class MaskedMLP(nn.Module):
    """An MLP whose output for input d depends only on inputs before d in an order.

    Attributes:
        features: outputs an input: 1 for a logit, 2 for a shift and a scale.
        hidden: the widths of the hidden layers.
        order: the place of each input, the natural order when None.
        seed: of random degrees; evenly spread ones when None.
        activation: after each hidden layer.
        output_init: initialiser of the last kernel.
        dtype: of the computation.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> module = MaskedMLP(features=2, hidden=(16, 16))
    >>> x = jnp.ones((3, 4))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (3, 4, 2)
    """

    features: int
    hidden: Sequence[int]
    order: Sequence[int] | None = None
    seed: int | None = None
    activation: Callable[[Array], Array] = jax.nn.relu
    output_init: Callable[..., Any] = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, d]` to `[b, d, features]`."""
        dim = x.shape[-1]
        order = range(dim) if self.order is None else self.order
        *masks, last = autoregressive_masks(order, self.hidden, seed=self.seed)
        for mask in masks:
            x = self.activation(MaskedDense(mask, dtype=self.dtype)(x))
        tiled = np.repeat(last, self.features, axis=1)
        y = MaskedDense(tiled, self.output_init, dtype=self.dtype)(x)
        return y.reshape(*y.shape[:-1], dim, self.features).astype(jnp.float32)
