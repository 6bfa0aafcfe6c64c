"""Heatmaps of points: how they should be, how they are learnt, where their peaks are.

Sources: Law and Deng, 2018, arXiv:1808.01244; Zhou, Wang and Kraehenbuehl, 2019,
arXiv:1904.07850.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.detection._boxes import Boxes, centre_and_size
from genjax.typing import Array, Float


def gaussian_radius(
    size: Float[Array, "*b 2"], *, overlap: float = 0.7
) -> Float[Array, "*b"]:
    """How far both corners of a box may move so that it still overlaps itself enough.

    The least of three cases: both corners move outwards, inwards, or the same way,

        w h / ((w + 2r) (h + 2r)),   (w - 2r) (h - 2r) / w h,
        (w - r) (h - r) / (2 w h - (w - r) (h - r)),

    each of which is `overlap` at its radius.

    Args:
        size: width and height.
        overlap: the intersection over union that must remain, in (0, 1).

    Source: Law and Deng, 2018, arXiv:1808.01244, with the roots as the text has them.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import gaussian_radius
    >>> round(float(gaussian_radius(jnp.array([10.0, 10.0]))), 3)
    0.817
    """
    total, product = jnp.sum(size, axis=-1), jnp.prod(size, axis=-1)
    cases = _quadratics(total, product, overlap)
    # The smaller root in size of a r^2 + b r + c, without cancellation.
    roots = [
        2 * jnp.abs(c) / (jnp.abs(b) + jnp.sqrt(jnp.maximum(b**2 - 4 * a * c, 0)))
        for a, b, c in cases
    ]
    return jnp.minimum(jnp.minimum(roots[0], roots[1]), roots[2])


def released_radius(
    size: Float[Array, "*b 2"], *, overlap: float = 0.7
) -> Float[Array, "*b"]:
    """The radius of the released code of CornerNet and CenterNet, which is larger.

    Its roots are `(b + sqrt(b^2 - 4 a c)) / 2`, without the division by `a`. (That code
    also rounds it down, and cuts the peak at it.)

    Args:
        size: width and height.
        overlap: in (0, 1).

    Source: Law and Deng, 2018, arXiv:1808.01244: the released code.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import released_radius
    >>> round(float(released_radius(jnp.array([10.0, 10.0]))), 3)
    2.733
    """
    total, product = jnp.sum(size, axis=-1), jnp.prod(size, axis=-1)
    cases = _quadratics(total, product, overlap)
    roots = [(-b + jnp.sqrt(jnp.maximum(b**2 - 4 * a * c, 0))) / 2 for a, b, c in cases]
    return jnp.minimum(jnp.minimum(roots[0], roots[1]), roots[2])


def _quadratics(
    total: Array, product: Array, overlap: float
) -> list[tuple[float, Array, Array]]:
    """`a r^2 + b r + c = 0` of the same way, of inwards, of outwards."""
    rest = product * (1 - overlap)
    return [
        (1.0, -total, rest / (1 + overlap)),
        (4.0, -2 * total, rest),
        (4 * overlap, 2 * overlap * total, -rest),
    ]


def is_peak(score: Float[Array, "b h w c"], *, window: int = 3) -> Array:
    """Whether a score is the highest of its neighbourhood, `[b, h, w, c]`.

    Equal neighbours are peaks both.

    Args:
        score: maps.
        window: the side of the neighbourhood, odd.

    Source: Zhou, Wang and Kraehenbuehl, 2019, arXiv:1904.07850.

    >>> import jax.numpy as jnp
    >>> from genjax.detection import is_peak
    >>> is_peak(jnp.array([0.1, 0.9, 0.5, 0.6]).reshape(1, 1, 4, 1)).ravel().tolist()
    [False, True, False, True]
    """
    shape = (1, window, window, 1)
    highest = jax.lax.reduce_window(
        score, -jnp.inf, jax.lax.max, shape, (1, 1, 1, 1), "SAME"
    )
    return score == highest


def heatmap(
    boxes: Boxes,
    cells: Float[Array, "n 2"],
    size: tuple[int, int],
    stride: int,
    classes: int,
    radius: Callable[[Array], Array],
) -> Float[Array, "p classes"]:
    """How the heatmap of one image should be, place by place.

    Args:
        boxes: of the image.
        cells: column and row of the point of each box.
        size: rows and columns of the map.
        stride: of the map, in pixels.
        classes: how many there are.
        radius: from sizes in places to the radius of the peak.
    """
    height, width = size
    _, extent = centre_and_size(boxes.xyxy / stride)
    spread = (2 * radius(extent) + 1) / 6

    def along(n: int, cell: Array) -> Array:
        distance = jnp.arange(n, dtype=jnp.float32)[None] - cell[:, None]
        return jnp.exp(-((distance / spread[:, None]) ** 2) / 2)

    rows, columns = along(height, cells[:, 1]), along(width, cells[:, 0])
    heat = (rows[:, :, None] * columns[:, None]).reshape(-1, height * width)
    heat = jnp.where(boxes.objects[:, None], heat, 0.0)
    # Where a label is no class, the loss is NaN anyway.
    return jnp.zeros((classes, height * width)).at[boxes.label].max(heat, mode="drop").T


def peak_loss(logits: Array, wanted: Array) -> Array:
    """The focal loss of a heatmap; places near a peak count less.

    Args:
        logits: of the heat.
        wanted: 1 at peaks, below elsewhere.
    """
    hit = -jax.nn.log_sigmoid(logits) * jax.nn.sigmoid(-logits) ** 2
    miss = -jax.nn.log_sigmoid(-logits) * jax.nn.sigmoid(logits) ** 2
    return jnp.where(wanted == 1, hit, (1 - wanted) ** 4 * miss)
