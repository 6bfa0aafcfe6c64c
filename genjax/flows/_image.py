"""Flows of images: squeezing, activation normalisation, several scales, Glow."""

import jax.numpy as jnp
import numpy as np

from genjax.arrays import as_float
from genjax.base import Bijector, NetworkLike
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.flows._compose import chain, invert, stack
from genjax.flows._coupling import coupling
from genjax.flows._elementwise import Elementwise
from genjax.flows._linear import plu
from genjax.flows._permutation import identity, volume_preserving
from genjax.typing import Array, Condition, Event, Key, Params, PerExample, Variables


def squeeze() -> Bijector:
    """Trades space for channels: `[h, w, c] -> [h / 2, w / 2, 4 c]`.

    Each 2 x 2 block becomes one place; the log-determinant is 0.

    Raises:
        InputError: the height or the width is odd, or, backwards, the channels are no
            multiple of 4.

    Source: Dinh, Sohl-Dickstein and Bengio, 2017, arXiv:1605.08803.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import squeeze
    >>> layer, x = squeeze(), jnp.zeros((1, 4, 6, 3))
    >>> layer.forward({}, x)[0].shape
    (1, 2, 3, 12)
    """

    def forward(x: Array) -> Array:
        b, h, w, c = _image_shape("squeeze", x)
        if h % 2 or w % 2:
            raise InputError(
                f"squeeze: height and width must be even, got {h} x {w} pixels."
            )
        x = x.reshape(b, h // 2, 2, w // 2, 2, c)
        return x.transpose(0, 1, 3, 5, 2, 4).reshape(b, h // 2, w // 2, 4 * c)

    def inverse(y: Array) -> Array:
        b, h, w, c = _image_shape("squeeze", y)
        if c % 4:
            raise InputError(f"squeeze: channels must be a multiple of 4, got {c}.")
        y = y.reshape(b, h, w, c // 4, 2, 2)
        return y.transpose(0, 1, 4, 2, 5, 3).reshape(b, 2 * h, 2 * w, c // 4)

    return volume_preserving(forward, inverse)


def actnorm() -> Bijector:
    """Scales and shifts each feature, so that the first batch has mean 0, variance 1.

        y = (x - m) exp(-s),   log|det| = -places sum_c s_c

    The first batch is the one that `init` is given: no flag, no state.

    Examples are `[b, ..., c]`; `m` and `s` are `[c]`.

    Source: Kingma and Dhariwal, 2018, arXiv:1807.03039.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import actnorm
    >>> import jax
    >>> layer, x = actnorm(), jnp.array([[1.0], [3.0]])
    >>> y, log_det = layer.forward(layer.init(jax.random.key(0), x), x)
    >>> y.tolist()
    [[-1.0], [1.0]]
    """

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del key, condition
        rows = as_float(x).reshape(-1, x.shape[-1])
        scale = jnp.maximum(rows.std(axis=0), 1e-3)
        mean = rows.mean(axis=0)
        return {"params": {"mean": mean, "log_scale": jnp.log(scale)}}

    def per_feature(leaf: Array, x: Array) -> Array:
        if x.shape[-1] != len(leaf):
            raise InputError(
                f"actnorm: it was initialised on {len(leaf)} features, got an x of the "
                f"shape {x.shape}."
            )
        return leaf.reshape(*[1] * (x.ndim - 1), -1)

    def log_det(params: Params, x: Array) -> Array:
        places = int(np.prod(x.shape[1:-1]))
        return jnp.broadcast_to(-places * params["log_scale"].sum(), (len(x),))

    def forward(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        del condition
        params = variables["params"]
        scale = jnp.exp(-per_feature(params["log_scale"], x))
        return (x - per_feature(params["mean"], x)) * scale, log_det(params, x)

    def inverse(
        variables: Variables, y: Event, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        del condition
        params = variables["params"]
        scale = jnp.exp(per_feature(params["log_scale"], y))
        return y * scale + per_feature(params["mean"], y), -log_det(params, y)

    return Bijector(init, forward, inverse)


def glow_step(transform: Elementwise, model: NetworkLike, *, split: int) -> Bijector:
    """Activation normalisation, an invertible 1x1 convolution, a coupling.

    Images are `[b, h, w, c]`, a log-determinant for each example `[b]`.

    Args:
        transform: the scalar map of the coupling; `affine()` in the paper.
        model: the network of the coupling, from `split` channels to `size` times the
            others.
        split: how many channels pass the coupling unchanged.

    Source: Kingma and Dhariwal, 2018, arXiv:1807.03039.

    >>> import jax.numpy as jnp
    >>> import jax
    >>> from genjax import nn
    >>> from genjax.flows import affine, glow_step
    >>> layer = glow_step(affine(), nn.MLP(features=4, hidden=(8,)), split=2)
    >>> x = jnp.ones((1, 4, 4, 4))
    >>> layer.forward(layer.init(jax.random.key(0), x), x)[0].shape
    (1, 4, 4, 4)
    """
    return chain(actnorm(), plu(), coupling(transform, model, split=split))


def multiscale(*levels: Bijector) -> Bijector:
    """Squeezes, applies a level, and hands half of the channels to the next one.

        level 1 on [h/2, w/2, 4c], level 2 on half of that as [h/4, w/4, 8c], ...

    What a level keeps for itself is unsqueezed beside the rest, so that noise has the
    shape of the image, whatever the number of levels.

    Args:
        levels: the bijector of each scale, the finest one first.

    Raises:
        InputError: there is no level.

    Source: Dinh, Sohl-Dickstein and Bengio, 2017, arXiv:1605.08803.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import actnorm, multiscale
    >>> import jax
    >>> x = jnp.zeros((2, 8, 8, 1))
    >>> flow = multiscale(actnorm(), actnorm())
    >>> flow.forward(flow.init(jax.random.key(0), x), x)[0].shape
    (2, 8, 8, 1)
    """
    for level in levels:
        check_is("multiscale", Bijector, level=level)
    if not levels:
        raise InputError("multiscale: give at least one level.")
    first, *others = levels
    inner = [stack(identity(), multiscale(*others))] if others else []
    return chain(squeeze(), first, *inner, invert(squeeze()))


def _image_shape(name: str, x: Array) -> tuple[int, int, int, int]:
    if x.ndim != 4:
        raise InputError(f"{name}: images are [b, h, w, c], got {x.shape}.")
    b, h, w, c = x.shape
    return b, h, w, c
