"""The three networks of a cascade that finds faces.

Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.base import NetworkLike
from genjax.errors import InputError
from genjax.nn._convolution import max_pool
from genjax.nn.adapters import as_network
from genjax.typing import Array, Variables


class FaceOutput(NamedTuple):
    """What a network of the cascade returns.

    Fields:
        logits: of no face and of a face, `[..., 2]`.
        change: of the left, top, right and bottom edge, in shares of the box's sides,
            `[..., 4]`.
        landmarks: in shares of the box's sides: five x, then five y, `[..., 10]`; of
            the first two networks `[..., 0]`.
    """

    logits: Array
    change: Array
    landmarks: Array


class Layer(NamedTuple):
    """A convolution without padding, its PReLU, and a pooling."""

    width: int
    kernel: int
    pool: int = 0


class ProposalNet(nn.Module):
    """The P-Net, which looks at every 12 x 12 pixels, two pixels apart.

    Attributes:
        dtype: of the computation.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ProposalNet
    >>> x = jnp.ones((1, 20, 14, 3))
    >>> variables = ProposalNet().init(jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables))
    6632
    >>> ProposalNet().apply(variables, x).logits.shape
    (1, 5, 2, 2)
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> FaceOutput:
        """Maps images `[b, h, w, 3]`, from -1 to 1, to `[b, h / 2 - 5, w / 2 - 5, c]`.

        Raises:
            InputError: a side is below 12 pixels.
        """
        if min(x.shape[1:3]) < 12:
            raise InputError(
                "ProposalNet: images must be of at least 12 x 12 pixels, got "
                f"{x.shape[1]} x {x.shape[2]}."
            )
        layers = (Layer(10, 3, pool=2), Layer(16, 3), Layer(32, 3))
        x = _convolutions(x, layers, self.dtype)
        parts = [
            nn.Conv(features, (1, 1), dtype=self.dtype, name=f"conv4_{place}")(x)
            for place, features in ((1, 2), (2, 4))
        ]
        return _face_output(parts)


class RefinementNet(nn.Module):
    """The R-Net, which looks at what the P-Net proposes.

    Attributes:
        dtype: of the computation.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import RefinementNet
    >>> x = jnp.ones((2, 24, 24, 3))
    >>> variables = RefinementNet().init(jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables))
    100178
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> FaceOutput:
        """Maps images `[n, 24, 24, 3]`, from -1 to 1, to `[n, c]`.

        Raises:
            InputError: the images are of another size.
        """
        _check_side("RefinementNet", x, 24)
        layers = (Layer(28, 3, pool=3), Layer(48, 3, pool=3), Layer(64, 2))
        x = _convolutions(x, layers, self.dtype)
        return _dense(x, 4, 128, (2, 4), self.dtype)


class OutputNet(nn.Module):
    """The O-Net, which looks closer at what the R-Net keeps, and finds landmarks.

    These are the eyes, the nose and the corners of the mouth.

    Attributes:
        dtype: of the computation.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import OutputNet
    >>> x = jnp.ones((2, 48, 48, 3))
    >>> variables = OutputNet().init(jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables))
    389040
    """

    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> FaceOutput:
        """Maps images `[n, 48, 48, 3]`, from -1 to 1, to `[n, c]`.

        Raises:
            InputError: the images are of another size.
        """
        _check_side("OutputNet", x, 48)
        layers = (
            Layer(32, 3, pool=3),
            Layer(64, 3, pool=3),
            Layer(64, 3, pool=2),
            Layer(128, 2),
        )
        x = _convolutions(x, layers, self.dtype)
        return _dense(x, 5, 256, (2, 4, 10), self.dtype)


class _PReLU(nn.Module):
    """A slope for negative values, learnt for each channel."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        start = nn.initializers.constant(0.25)
        slope = self.param("slope", start, (x.shape[-1],), jnp.float32)
        slope = slope.astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
        return jnp.where(x >= 0, x, slope * x)


def _convolutions(x: Array, layers: Sequence[Layer], dtype: DTypeLike) -> Array:
    for place, (width, kernel, pool) in enumerate(layers, start=1):
        size = (kernel, kernel)
        conv = nn.Conv(width, size, padding="VALID", dtype=dtype, name=f"conv{place}")
        x = _PReLU(name=f"prelu{place}")(conv(x))
        if pool:
            x = _pooled(x, pool)
    return x


def _pooled(x: Array, window: int) -> Array:
    """Maxima of windows two pixels apart; the last may reach beyond the edge."""
    rest = [(0, -(side - window) % 2) for side in x.shape[1:3]]
    x = jnp.pad(x, [(0, 0), *rest, (0, 0)], constant_values=-jnp.inf)
    return max_pool(x, (window, window), strides=(2, 2))


def _dense(
    x: Array, place: int, width: int, outputs: Sequence[int], dtype: DTypeLike
) -> FaceOutput:
    # Columns before rows: the order in which published weights expect them.
    x = x.transpose(0, 2, 1, 3).reshape(len(x), -1)
    x = nn.Dense(width, dtype=dtype, name=f"dense{place}")(x)
    x = _PReLU(name=f"prelu{place}")(x)
    parts = [
        nn.Dense(n, dtype=dtype, name=f"dense{place + 1}_{own}")(x)
        for own, n in enumerate(outputs, start=1)
    ]
    return _face_output(parts)


def _face_output(parts: Sequence[Array]) -> FaceOutput:
    logits, change, *others = (part.astype(jnp.float32) for part in parts)
    return FaceOutput(logits, change, others[0] if others else change[..., :0])


def _check_side(user: str, x: Array, side: int) -> None:
    if x.shape[1:3] != (side, side):
        raise InputError(
            f"{user}: images must be of {side} x {side} pixels, got {x.shape[1]} x "
            f"{x.shape[2]}."
        )


def torch_variables(
    model: NetworkLike, example: Array, weights: Mapping[str, np.ndarray]
) -> Variables:
    """The variables of a network of the cascade, from arrays in PyTorch's layout.

    Args:
        model: `ProposalNet`, `RefinementNet` or `OutputNet`.
        example: images of its size.
        weights: arrays by names such as `conv1.weight`: kernels `[out, in, h, w]`, and
            `prelu1.weight`.

    Raises:
        InputError: an array is missing, not one of the network's, or of another shape.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.

    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from genjax.nn._cascade import ProposalNet, torch_variables
    >>> shapes = {"conv1": (10, 3), "conv2": (16, 10), "conv3": (32, 16)}
    >>> weights = {f"{k}.weight": np.ones((*v, 3, 3)) for k, v in shapes.items()}
    >>> for layer, (out, into) in {"conv4_1": (2, 32), "conv4_2": (4, 32)}.items():
    ...     weights |= {f"{layer}.weight": np.ones((out, into, 1, 1))}
    ...     shapes[layer] = (out, into)
    >>> weights |= {f"{k}.bias": np.zeros(v[0]) for k, v in shapes.items()}
    >>> slopes = {"prelu1": 10, "prelu2": 16, "prelu3": 32}
    >>> weights |= {f"{k}.weight": np.ones(n) for k, n in slopes.items()}
    >>> variables = torch_variables(ProposalNet(), jnp.ones((1, 12, 12, 3)), weights)
    >>> variables["params"]["conv1"]["kernel"].shape
    (3, 3, 3, 10)
    """
    user = type(model).__name__
    network = as_network(model, user=user)
    shapes: Any = jax.eval_shape(network.init, jax.random.key(0), example)["params"]
    names = {
        (layer, own): f"{layer}.{'bias' if own == 'bias' else 'weight'}"
        for layer, rows in shapes.items()
        for own in rows
    }
    if set(names.values()) != set(weights):
        raise InputError(
            f"{user}: its weights are {sorted(names.values())}, got {sorted(weights)}."
        )
    found: dict[str, dict[str, Array]] = {layer: {} for layer in shapes}
    for (layer, own), name in names.items():
        value, wanted = np.asarray(weights[name]), shapes[layer][own].shape
        order = {4: (2, 3, 1, 0), 2: (1, 0)}.get(value.ndim, range(value.ndim))
        turned = value.transpose(*order)
        if turned.shape != wanted:
            raise InputError(
                f"{user}: {name}, turned to the layout of Flax, must be {wanted}, got "
                f"{turned.shape}."
            )
        found[layer][own] = jnp.asarray(turned, jnp.float32)
    return {"params": found}
