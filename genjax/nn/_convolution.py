"""Convolutions and pooling with gradients that XLA runs fast.

The values and the gradients, of second order too, are those of Flax's own layers; only
the way to them differs, and it is that of reverse mode: convolutions have no forward
mode. On CPU, XLA computes the weight gradient of a convolution with a dilated input,
and the gradient of a pooling window, tens of times slower than what is used here.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.typing import Array, Float

LAYOUT = ("NHWC", "HWIO", "NHWC")
Images = Float[Array, "b h w c"]


def conv_transpose(
    x: Images,
    kernel: Float[Array, "kh kw c features"],
    *,
    strides: tuple[int, int],
    padding: str = "SAME",
) -> Float[Array, "b h2 w2 features"]:
    """The transposed convolution, equal to `jax.lax.conv_transpose`.

    It is the adjoint of a strided convolution, so its weight gradient is taken from
    that strided convolution, with input and cotangent exchanged.

    Args:
        x: images.
        kernel: the weights.
        strides: by how much each axis grows.
        padding: `"SAME"` or `"VALID"`.

    Raises:
        InputError: another padding.

    Source: Dumoulin and Visin, 2016, arXiv:1603.07285.

    >>> import jax.numpy as jnp
    >>> from genjax.nn import conv_transpose
    >>> x, kernel = jnp.ones((1, 4, 4, 3)), jnp.ones((3, 3, 3, 2))
    >>> conv_transpose(x, kernel, strides=(2, 2)).shape
    (1, 8, 8, 2)
    """
    _check_padding("conv_transpose", padding)
    pads = tuple(
        _transposed_padding(size, stride, padding)
        for size, stride in zip(kernel.shape[:2], strides, strict=True)
    )
    return _conv_transpose(strides, pads, x, kernel)


def conv(
    x: Images,
    kernel: Float[Array, "kh kw c features"],
    *,
    strides: tuple[int, int] = (1, 1),
    padding: str = "SAME",
) -> Float[Array, "b h2 w2 features"]:
    """The convolution, equal to `jax.lax.conv`, with fast gradients of second order.

    The gradient in the input of a strided convolution is a transposed one, and its
    weight gradient, which gradient penalties need, is taken as `conv_transpose` does.

    Args:
        x: images.
        kernel: the weights.
        strides: by how much each axis shrinks.
        padding: `"SAME"` or `"VALID"`.

    Raises:
        InputError: another padding.

    >>> import jax.numpy as jnp
    >>> from genjax.nn import conv
    >>> x, kernel = jnp.ones((1, 4, 4, 3)), jnp.ones((3, 3, 3, 2))
    >>> conv(x, kernel, strides=(2, 2)).shape
    (1, 2, 2, 2)
    """
    _check_padding("conv", padding)
    pads = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    return _conv(strides, tuple(pads), x, kernel)


def _check_padding(user: str, padding: str) -> None:
    if padding not in ("SAME", "VALID"):
        raise InputError(f"{user}: padding must be 'SAME' or 'VALID', got {padding!r}.")


def _transposed_padding(size: int, stride: int, padding: str) -> tuple[int, int]:
    if padding == "VALID":
        return size - 1, stride - 1 + max(size - stride, 0)
    total = size + stride - 2
    low = size - 1 if stride > size - 1 else -(-total // 2)
    return low, total - low


Strides = tuple[int, int]
Pads = tuple[tuple[int, int], tuple[int, int]]
Residuals = tuple[Array, Array]


# Each of the two is the other's gradient in the input, whatever the order.


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _conv(strides: Strides, pads: Pads, x: Array, kernel: Array) -> Array:
    return _plain(strides, pads, x, kernel)


def _conv_forward(
    strides: Strides, pads: Pads, x: Array, kernel: Array
) -> tuple[Array, Residuals]:
    return _conv(strides, pads, x, kernel), (x, kernel)


def _conv_backward(
    strides: Strides, pads: Pads, residuals: Residuals, g: Array
) -> Residuals:
    x, kernel = residuals

    def transposed_pads(axis: int) -> tuple[int, int]:
        size, stride = kernel.shape[axis], strides[axis]
        low = size - 1 - pads[axis][0]
        spread = (g.shape[1 + axis] - 1) * stride
        return low, x.shape[1 + axis] + size - 2 - spread - low

    both = (transposed_pads(0), transposed_pads(1))
    of_input = _conv_transpose(strides, both, g, _adjoint(kernel))
    return of_input, _weight_gradient(strides, pads, x, kernel, g)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _conv_transpose(strides: Strides, pads: Pads, x: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), pads, lhs_dilation=strides, dimension_numbers=LAYOUT
    )


def _transpose_forward(
    strides: Strides, pads: Pads, x: Array, kernel: Array
) -> tuple[Array, Residuals]:
    return _conv_transpose(strides, pads, x, kernel), (x, kernel)


def _transpose_backward(
    strides: Strides, pads: Pads, residuals: Residuals, g: Array
) -> Residuals:
    x, kernel = residuals

    def strided_pads(axis: int) -> tuple[int, int]:
        size, stride = kernel.shape[axis], strides[axis]
        low = size - 1 - pads[axis][0]
        span = (x.shape[1 + axis] - 1) * stride + size
        return low, span - g.shape[1 + axis] - low

    both, adjoint = (strided_pads(0), strided_pads(1)), _adjoint(kernel)
    of_weights = _weight_gradient(strides, both, g, adjoint, x)
    return _conv(strides, both, g, adjoint), _adjoint(of_weights)


def _plain(strides: Strides, pads: Pads, x: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=LAYOUT
    )


def _weight_gradient(
    strides: Strides, pads: Pads, x: Array, kernel: Array, g: Array
) -> Array:
    _, pullback = jax.vjp(partial(_plain, strides, pads, x), kernel)
    return pullback(g)[0]


def _adjoint(kernel: Array) -> Array:
    return jnp.flip(kernel, (0, 1)).swapaxes(2, 3)


_conv.defvjp(_conv_forward, _conv_backward)
_conv_transpose.defvjp(_transpose_forward, _transpose_backward)


class _Convolution(nn.Module):
    features: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str = "SAME"
    use_bias: bool = True
    kernel_init: Callable[..., Any] = nn.initializers.lecun_normal()
    dtype: DTypeLike = jnp.float32

    def _apply(self, function: Callable[..., Array], x: Array) -> Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        y = function(
            x.astype(self.dtype),
            kernel.astype(self.dtype),
            strides=self.strides,
            padding=self.padding,
        )
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            y = y + bias.astype(self.dtype)[None, None, None]
        return y


class Conv(_Convolution):
    """A convolution, equal to `flax.linen.Conv` with the same weights.

    Attributes:
        features: output channels.
        kernel_size: of both axes.
        strides: by how much each axis shrinks.
        padding: `"SAME"` or `"VALID"`.
        use_bias: whether to add one.
        kernel_init: initialiser of the kernel.
        dtype: of the computation.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import Conv
    >>> module = Conv(features=2, kernel_size=(4, 4), strides=(2, 2))
    >>> x = jnp.ones((1, 8, 8, 3))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (1, 4, 4, 2)
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, h, w, c]` to `[b, h', w', features]`."""
        return self._apply(conv, x)


class ConvTranspose(_Convolution):
    """A learnt up-sampling, equal to `flax.linen.ConvTranspose` with the same weights.

    Attributes:
        features: output channels.
        kernel_size: of both axes.
        strides: by how much each axis grows.
        padding: `"SAME"` or `"VALID"`.
        use_bias: whether to add one.
        kernel_init: initialiser of the kernel.
        dtype: of the computation.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import ConvTranspose
    >>> module = ConvTranspose(features=2, kernel_size=(4, 4), strides=(2, 2))
    >>> x = jnp.ones((1, 4, 4, 3))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (1, 8, 8, 2)
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, h, w, c]` to `[b, h', w', features]`."""
        return self._apply(conv_transpose, x)


def max_pool(
    x: Images,
    window: tuple[int, int],
    *,
    strides: Sequence[int] | None = None,
    padding: str = "VALID",
) -> Float[Array, "b h2 w2 c"]:
    """Maxima of windows, equal to `flax.linen.max_pool`.

    They are taken over strided slices, one per place in the window. Of equal values the
    first, row by row, gets the whole gradient.

    Args:
        x: images.
        window: its height and width.
        strides: of the windows; the window itself when None.
        padding: `"VALID"` or `"SAME"`.

    Raises:
        InputError: another padding.

    >>> import jax.numpy as jnp
    >>> from genjax.nn import max_pool
    >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), (2, 2))[0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """
    _check_padding("max_pool", padding)
    steps = (1, *(strides or window), 1)
    sizes = (1, *window, 1)
    pads = jax.lax.padtype_to_pads(x.shape, sizes, steps, padding)
    lowest = jnp.array(-jnp.inf, x.dtype)
    x = jax.lax.pad(x, lowest, [(low, high, 0) for low, high in pads])
    spans = [(x.shape[a] - sizes[a]) // steps[a] * steps[a] + 1 for a in range(x.ndim)]
    best = None
    for row in range(window[0]):
        for column in range(window[1]):
            start = (0, row, column, 0)
            stop = [s + span for s, span in zip(start, spans, strict=True)]
            candidate = jax.lax.slice(x, start, stop, steps)
            best = candidate if best is None else _first_maximum(best, candidate)
    assert best is not None
    return best


def _first_maximum(first: Array, second: Array) -> Array:
    return jnp.where((first >= second) | jnp.isnan(first), first, second)
