"""PixelCNN: masked convolutions over images in raster order, without a blind spot."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from genjax.autoregressive._conditional import Conditional, binary
from genjax.autoregressive._engine import autoregressive, uncached
from genjax.autoregressive._projection import init_projection, project
from genjax.base import Density
from genjax.errors import InputError
from genjax.typing import Array, Condition, Key, Variables


def pixel_cnn(
    *,
    shape: tuple[int, int, int],
    channels: int,
    layers: int,
    conditional: Conditional | None = None,
    kernel: int = 5,
    dropout: float = 0.0,
    key: Key | None = None,
) -> Density:
    """The gated PixelCNN: a stack of convolutions above, and one to the left.

        v = gate(K v),   h = gate(k h + P v),   gate(a, b) = tanh(a) sigmoid(b)

    `v` sees whole rows above, so that nothing is blind; `h` sees the row to the left,
    and within a pixel the colours before. With `grey_levels(levels=256, components=10)`
    it has the mixture of logistics of PixelCNN++.

    Args:
        shape: `(h, w, c)` of an image; vectors are images flattened in that order.
        channels: of the convolutions, a multiple of c.
        layers: gated layers, with residual and skip connections.
        conditional: what a value is drawn from; `binary()` when None.
        kernel: the side of the first convolution, odd; those after it have 3.
        dropout: the share of what each gate lets through that is dropped, under `key`.
        key: of the dropout. The density is that of one draw: train by
            `training.stochastic(lambda key: ...)`, and leave both out in evaluation.

    Returns:
        A density over `[b, h w c]`; see `autoregressive`. Sampling takes a pass a
        value.

    Raises:
        InputError: `layers` is not positive, `kernel` is even, `channels` is no
            multiple of c, or `dropout` is outside [0, 1) or comes without a key.

    Source: van den Oord, Kalchbrenner and Kavukcuoglu, 2016, arXiv:1601.06759; van den
    Oord et al., 2016, arXiv:1606.05328; Salimans et al., 2017, arXiv:1701.05517.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import pixel_cnn
    >>> model = pixel_cnn(shape=(4, 3, 1), channels=4, layers=1, kernel=3)
    >>> x = jnp.ones((2, 12))
    >>> variables = model.init(jax.random.key(0), x)
    >>> model.log_prob(variables, x).shape
    (2,)
    """
    height, width, colours = shape
    _check_settings(layers, kernel, channels, colours, dropout, has_key=key is not None)
    noise = None if dropout == 0 else key
    conditional = binary() if conditional is None else conditional
    size, k = conditional.size, conditional.inputs
    narrow = 2 * channels

    def init(key: Key, inputs: Array, /, condition: Condition = None) -> Variables:
        _check_length(inputs, shape)
        keys = iter(jax.random.split(key, 3 + 5 * layers))
        params = {
            "layers": [],
            "hidden": _draw(next(keys), (1, 1, channels, channels)),
            "outputs": 0.1 * _draw(next(keys), (1, 1, channels, colours * size)),
            "condition": init_projection(next(keys), condition, narrow),
        }
        for i in range(layers):
            side, below = (3, channels) if i else (kernel, colours * k)
            above = side // 2 + 1
            params["layers"].append(
                {
                    "vertical": _draw(next(keys), (above, side, below, narrow)),
                    "horizontal": _draw(next(keys), (1, above, below, narrow)),
                    "link": _draw(next(keys), (1, 1, narrow, narrow)),
                    "residual": _draw(next(keys), (1, 1, channels, channels)),
                    "skip": _draw(next(keys), (1, 1, channels, channels)),
                }
            )
        return {"params": params}

    def outputs(
        variables: Variables, inputs: Array, /, condition: Condition = None
    ) -> Array:
        params = variables["params"]
        _check_length(inputs, shape)
        n = len(inputs)
        shift = project(
            params["condition"], condition, n, features=narrow, user="pixel_cnn"
        )
        v = h = inputs.reshape(n, height, width, colours * k)
        total = jnp.zeros((n, height, width, channels), jnp.float32)
        for i, layer in enumerate(params["layers"]):
            # The first layer must not see the row, the pixel, the colour itself.
            kernel_v = layer["vertical"] if i else layer["vertical"].at[-1].set(0.0)
            above = _convolve(v, kernel_v)
            beside = _masked(layer["horizontal"], colours, strict=i == 0)
            link = _masked(layer["link"], 1, strict=False)
            mixed = _convolve(h, beside) + _convolve(above, link)
            gated = _gate(mixed + shift[:, None, None], colours)
            if noise is not None:
                gated = _dropped(jax.random.fold_in(noise, i), gated, dropout)
            total = total + _convolve(gated, _masked(layer["skip"], colours))
            residual = _convolve(gated, _masked(layer["residual"], colours))
            v, h = _gate(above, 1), (h + residual if i else residual)
        hidden = _convolve(jax.nn.relu(total), _masked(params["hidden"], colours))
        last = _masked(params["outputs"], colours)
        return _convolve(jax.nn.relu(hidden), last).reshape(n, -1, size)

    return autoregressive(uncached(init, outputs), conditional)


def _check_settings(
    layers: int,
    kernel: int,
    channels: int,
    colours: int,
    dropout: float,
    *,
    has_key: bool,
) -> None:
    if min(layers, kernel, channels) < 1 or kernel % 2 == 0 or channels % colours:
        raise InputError(
            "pixel_cnn: layers must be at least 1, kernel odd, and channels a multiple "
            f"of the {colours} colours, got {layers}, {kernel} and {channels}."
        )
    if not 0 <= dropout < 1 or (dropout > 0 and not has_key):
        raise InputError(
            "pixel_cnn: dropout must be in [0, 1) and comes with a key, got "
            f"{dropout} and {'no key' if not has_key else 'a key'}."
        )


def _draw(key: Key, shape: tuple[int, ...]) -> Array:
    return jax.random.normal(key, shape) / math.sqrt(math.prod(shape[:-1]))


def _convolve(x: Array, kernel: Array) -> Array:
    """Correlates with taps at and before a place; to both sides in wider kernels."""
    rows, columns = kernel.shape[:2]
    is_wide = rows > 1
    sides = (columns // 2, columns // 2) if is_wide else (columns - 1, 0)
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1, 1),
        padding=((rows - 1, 0), sides),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _masked(kernel: Array, colours: int, *, strict: bool = False) -> Array:
    """Zeros, at the place itself, where a colour would see itself or later ones.

    Features belong to the colours in equal parts, one colour after another.
    """
    below, above = kernel.shape[2:]
    source = np.arange(below) * colours // below
    target = np.arange(above) * colours // above
    seen = source[:, None] < target[None] if strict else source[:, None] <= target[None]
    mask = np.ones(kernel.shape, np.float32)
    mask[-1, -1] = seen
    return kernel * mask


def _gate(x: Array, colours: int) -> Array:
    """Half of each colour's features bends, the other half gates."""
    parts = x.reshape(*x.shape[:-1], colours, 2, -1)
    gated = jnp.tanh(parts[..., 0, :]) * jax.nn.sigmoid(parts[..., 1, :])
    return gated.reshape(*x.shape[:-1], -1)


def _dropped(key: Key, x: Array, rate: float) -> Array:
    kept = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0.0)


def _check_length(inputs: Array, shape: tuple[int, int, int]) -> None:
    if inputs.shape[1] != math.prod(shape):
        raise InputError(
            f"pixel_cnn: vectors must be flattened images of the shape {shape}, "
            f"{math.prod(shape)} values, got {inputs.shape[1]}."
        )
