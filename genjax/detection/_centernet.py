"""CenterNet: objects as the peaks of a map for each class.

Source: Zhou, Wang and Kraehenbuehl, 2019, arXiv:1904.07850.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Head, NetworkLike
from genjax.detection._boxes import Boxes, around, centre_and_size
from genjax.detection._dense import (
    PEAKS,
    Selection,
    Targets,
    check_classes,
    detections,
    flat,
    grid,
    known_labels,
    level_sizes,
    sizes_of,
    smallest,
    targets_by,
)
from genjax.nn.adapters import as_network
from genjax.typing import Array, Features, Float, Key, Variables

SIZE = 0.1
"""The paper's weight of the size."""


class Raw(NamedTuple):
    """What the head predicts at each place of one level.

    Fields:
        heat: logits of the classes, `[b, h, w, classes]`.
        offset: of the centre within its place, in places, `[b, h, w, 2]`.
        size: width and height, in places, `[b, h, w, 2]`.
    """

    heat: Array
    offset: Array
    size: Array


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

    Its roots are `(b + sqrt(b^2 - 4 a c)) / 2`, without the division by `a`. Published
    figures were reached with it.

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


def centernet(
    network: NetworkLike,
    *,
    classes: int,
    stride: int,
    radius: Callable[[Array], Array] = released_radius,
    selection: Selection = PEAKS,
) -> Head:
    """The head of CenterNet: a heatmap of centres, their offsets, and sizes.

    The heatmap of a class should be `exp(-d^2 / 2 s^2)` at a distance `d` from the
    place of a centre, `s = (2 radius + 1) / 6`; of several objects the highest counts.

        centres:    -(1 - p)^2 log p
        elsewhere:  -(1 - heat)^4 p^2 log(1 - p)
        offset and size: absolute errors, the size with weight 0.1

    A detection is a place that is no less than its eight neighbours; no suppression
    follows. Of several objects at one place, the smallest gives offset and size.

    Args:
        network: `features -> {"heat": (map,), "offset": (map,), "size": (map,)}` of one
            level, as `genjax.nn.DenseTower` with `centernet_outputs(classes)`.
        classes: how many there are.
        stride: of the level, in pixels.
        radius: from sizes in places `[*b, 2]` to the radius of the heatmap.
        selection: which predictions become detections.

    Returns:
        A head. Its losses `heat`, `offset` and `size` are sums, counted by objects.

    Raises:
        InputError: there are no classes.

    Source: Zhou, Wang and Kraehenbuehl, 2019, arXiv:1904.07850.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import centernet, centernet_outputs
    >>> from genjax import nn
    >>> tower = nn.DenseTower(outputs=centernet_outputs(3), width=4)
    >>> head = centernet(tower, classes=3, stride=4)
    >>> levels = (jnp.ones((2, 8, 8, 4)),)
    >>> variables = head.init(jax.random.key(0), levels)
    >>> head.apply(variables, levels).heat.shape
    (2, 8, 8, 3)
    """
    check_classes("centernet", classes)
    inner = as_network(network, user="centernet")

    def apply(variables: Variables, features: Features) -> Raw:
        return _of_one_level(inner.apply(variables, features))

    def train(
        variables: Variables, key: Key, features: Features
    ) -> tuple[Raw, Variables]:
        raw, changed = inner.train(variables, key, features)
        return _of_one_level(raw), changed

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        sizes = level_sizes("centernet", image_size, [stride])
        (places,) = grid(sizes, [stride])

        def match(boxes: Boxes) -> tuple[Array, Array]:
            cell = _cells(boxes, sizes[0], stride)[None]
            own = cell == places[:, None] / stride - 0.5
            return smallest(jnp.all(own, axis=-1), boxes)

        return targets_by(match, boxes, places)

    def loss(raw: Raw, targets: Targets) -> tuple[dict[str, Array], dict[str, Array]]:
        (size,) = sizes_of([raw.heat])
        wanted = jax.vmap(
            partial(_heat, size=size, stride=stride, classes=classes, radius=radius)
        )(targets.boxes)
        logits = flat([raw.heat])
        hit = -jax.nn.log_sigmoid(logits) * jax.nn.sigmoid(-logits) ** 2
        miss = -jax.nn.log_sigmoid(-logits) * jax.nn.sigmoid(logits) ** 2
        heat = jnp.where(wanted == 1, hit, (1 - wanted) ** 4 * miss)
        corner = grid([size], [stride])[0][None] / stride - 0.5
        centre, extent = centre_and_size(targets.xyxy / stride)
        offset = jnp.abs(flat([raw.offset]) - (centre - corner))
        span = jnp.abs(flat([raw.size]) - extent)
        positive = targets.positive[..., None].astype(jnp.float32)
        sums = {
            "heat": jnp.sum(jnp.where(targets.learnt[..., None], heat, 0.0)),
            "offset": jnp.sum(positive * offset),
            "size": SIZE * jnp.sum(positive * span),
        }
        objects = jnp.sum(targets.objects.astype(jnp.float32))
        counts = {**dict.fromkeys(sums, jnp.sum(positive)), "heat": objects}
        return known_labels(sums, targets, classes), counts

    def decode(raw: Raw) -> Boxes:
        (size,) = sizes_of([raw.heat])
        (places,) = grid([size], [stride])
        score = jax.nn.sigmoid(raw.heat.astype(jnp.float32))
        score = jnp.where(is_peak(score), score, 0.0)
        centre = (places - stride / 2)[None] + stride * flat([raw.offset])
        xyxy = around(centre, stride * jnp.maximum(flat([raw.size]), 0.0))
        pixels = (size[0] * stride, size[1] * stride)
        return detections(flat([score]), xyxy, pixels, selection)

    return Head(inner.init, apply, train, assign, loss, decode)


def centernet_outputs(classes: int) -> tuple[tuple[str, int], ...]:
    """Returns the outputs that the tower of `centernet` needs.

    Source: Zhou, Wang and Kraehenbuehl, 2019, arXiv:1904.07850.

    >>> from genjax.detection import centernet_outputs
    >>> centernet_outputs(3)
    (('heat', 3), ('offset', 2), ('size', 2))
    """
    return (("heat", classes), ("offset", 2), ("size", 2))


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


def _of_one_level(raw: dict[str, Features]) -> Raw:
    return Raw(**{name: levels[0] for name, levels in raw.items()})


def _cells(boxes: Boxes, size: tuple[int, int], stride: int) -> Array:
    """Column and row of the place of each centre, `[n, 2]`."""
    centre, _ = centre_and_size(boxes.xyxy)
    last = jnp.array([size[1] - 1, size[0] - 1], jnp.float32)
    return jnp.clip(jnp.floor(centre / stride), 0, last[None])


def _heat(
    boxes: Boxes,
    *,
    size: tuple[int, int],
    stride: int,
    classes: int,
    radius: Callable[[Array], Array],
) -> Array:
    """The heatmap of one image, `[h w, classes]`."""
    height, width = size
    cells = _cells(boxes, size, stride)
    _, extent = centre_and_size(boxes.xyxy / stride)
    spread = (2 * radius(extent) + 1) / 6

    def along(n: int, cell: Array) -> Array:
        distance = jnp.arange(n, dtype=jnp.float32)[None] - cell[:, None]
        return jnp.exp(-((distance / spread[:, None]) ** 2) / 2)

    rows, columns = along(height, cells[:, 1]), along(width, cells[:, 0])
    heat = (rows[:, :, None] * columns[:, None]).reshape(-1, height * width)
    objects = boxes.valid & ~boxes.ignore
    heat = jnp.where(objects[:, None], heat, 0.0)
    # Of a label that is no class nothing is entered: the loss is NaN then.
    return jnp.zeros((classes, height * width)).at[boxes.label].max(heat, mode="drop").T
