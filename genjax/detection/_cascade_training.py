"""What trains the networks of MTCNN, each by itself.

Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.arrays import drawn_boxes
from genjax.augment import BoxTransform
from genjax.base import NetworkLike, Objective
from genjax.checks import check_is, check_not_negative, read_batch
from genjax.detection._boxes import centre_and_size
from genjax.detection._cascade_pixels import resampled, summed
from genjax.detection._iou import pairwise_iou
from genjax.errors import InputError
from genjax.nn._cascade import FaceOutput
from genjax.nn.adapters import as_network
from genjax.typing import Array, Batch, Bool, Float, Key, Outcome, Variables

FIELDS = ("image", "overlap", "change", "valid")
HIDDEN = 0.1
"""The overlap with a box to ignore beyond which a crop teaches nothing."""


class FaceOverlaps(NamedTuple):
    """The overlaps with a face that decide what a crop teaches.

    Fields:
        background: below it, that there is no face.
        part: from it on, where the face's edges are.
        face: from it on, that there is a face.
    """

    background: float = 0.3
    part: float = 0.4
    face: float = 0.65


BOUNDS = FaceOverlaps()


def face_crops(
    *,
    side: int,
    crops: int = 16,
    min_side: float = 12.0,
    faces: float = 0.25,
    parts: float = 0.25,
) -> BoxTransform:
    """Squares cut out of pictures, about faces and elsewhere, for `face_objective`.

    Those about a face are as large as it is, times .8 to 1.25, and moved by up to a
    tenth of their side; those about parts of one by up to two fifths. The others lie
    anywhere, their side uniform in its logarithm. All lie inside the picture. Those
    that overlap a box to ignore by more than a tenth teach nothing.

    Batches are `{"image": [b, h, w, 1 or 3], "xyxy": [b, n, 4], "valid": [b, n]}`, of
    bytes or of floats from 0 to 1; every box is a face, whatever its `"label"` is, but
    those of `"ignore"`.

    Args:
        side: of the crops, in pixels: 12, 24 and 48 for the three networks.
        crops: of each picture.
        min_side: of the smallest square that is cut out, in pixels.
        faces: the share of the crops that are about a face, where there is one.
        parts: the share of those that are about a part of one.

    Returns:
        A transform to batches `{"image": [b crops, side, side, 3], "overlap": [b
        crops], "change": [b crops, 4], "valid": [b crops]}`: pixels from -1 to 1, the
        IoU with the face that a crop overlaps most, and that face's edges against the
        crop's, in shares of its side.

    Raises:
        InputError: a size or a share makes no sense, or a field is missing.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection import face_crops
    >>> image, box = jnp.ones((2, 40, 40, 1)), jnp.array([[[8.0, 8.0, 28.0, 28.0]]])
    >>> batch = {"image": image, "xyxy": jnp.tile(box, (2, 1, 1))}
    >>> batch["valid"] = jnp.ones((2, 1), bool)
    >>> found = face_crops(side=12, crops=4)(jax.random.key(0), batch)
    >>> found["image"].shape, found["change"].shape
    ((8, 12, 12, 3), (8, 4))
    """
    if min(side, crops) < 1 or not min_side > 0:
        raise InputError(
            "face_crops: side, crops and min_side must be positive, got "
            f"{side}, {crops} and {min_side}."
        )
    if not (min(faces, parts) >= 0 and faces + parts <= 1):
        raise InputError(
            f"face_crops: faces and parts must be shares, got {faces} and {parts}."
        )

    def transform(key: Key, batch: Batch) -> Batch:
        fields = ("image", "xyxy", "valid"), ("label", "ignore")
        image, xyxy, valid, _, ignore = read_batch("face_crops", batch, *fields)
        if image.ndim != 4 or image.shape[-1] not in (1, 3):
            raise InputError(
                f"face_crops: images must be [b, h, w, 1 or 3], got {image.shape}."
            )
        if not jnp.issubdtype(image.dtype, jnp.integer):
            image = jnp.round(255 * jnp.clip(image, 0.0, 1.0))
        image = jnp.broadcast_to(image, (*image.shape[:3], 3)).astype(jnp.uint8)
        ignore = jnp.zeros_like(valid) if ignore is None else ignore
        own = partial(
            _crops, side=side, crops=crops, least=min_side, shares=(faces, parts)
        )
        keys = jax.random.split(key, len(image))
        found = jax.vmap(own)(keys, image, xyxy, valid, ignore)
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)

    return transform


def _crops(
    key: Key,
    image: Array,
    xyxy: Float[Array, "n 4"],
    valid: Bool[Array, " n"],
    ignore: Bool[Array, " n"],
    *,
    side: int,
    crops: int,
    least: float,
    shares: tuple[float, float],
) -> Batch:
    """The crops of one picture."""
    height, width, _ = image.shape
    keys = jax.random.split(key, 5)
    faces, parts = shares
    kind = jax.random.uniform(keys[4], (crops,))
    # There may be no row.
    xyxy = jnp.concatenate([xyxy, jnp.array([[0.0, 0.0, 1.0, 1.0]])])
    valid, ignore = (jnp.pad(flags, (0, 1)) for flags in (valid, ignore))
    is_face = valid & ~ignore
    near, some = drawn_boxes(keys[0], xyxy, is_face, crops)
    centre, size = centre_and_size(near)
    apart = jax.random.uniform(keys[1], (crops, 3), minval=-1.0, maxval=1.0)
    reach = jnp.where(kind < faces, 0.1, 0.4)
    most = float(min(height, width))
    about = jnp.max(size, axis=1) * jnp.exp(apart[:, 2] * jnp.log(1.25))
    about_centre = centre + (reach * about)[:, None] * apart[:, :2]
    low, high = jnp.log(min(least, most)), jnp.log(most)
    elsewhere = jnp.exp(jax.random.uniform(keys[2], (crops,), minval=low, maxval=high))
    sides = jnp.array([[width, height]], jnp.float32)
    anywhere = jax.random.uniform(keys[3], (crops, 2)) * sides
    is_near = some & (kind < faces + parts)
    square = jnp.where(is_near, about, elsewhere)
    square = jnp.round(jnp.clip(square, min(least, most), most))[:, None]
    corner = jnp.where(is_near[:, None], about_centre, anywhere) - square / 2
    corner = jnp.round(jnp.clip(corner, 0.0, sides - square))
    box = jnp.concatenate([corner, corner + square], axis=1)
    iou = pairwise_iou(box, xyxy)
    overlap = jnp.where(is_face[None], iou, 0.0)
    hidden = jnp.any((valid & ignore)[None] & (iou > HIDDEN), axis=1)
    best = xyxy[jnp.argmax(overlap, axis=1)]
    overlap = jnp.max(overlap, axis=1)
    change = jnp.where((overlap > 0)[:, None], (best - box) / square, 0.0)
    pixels = resampled(summed(image), box.astype(jnp.int32), (side, side))
    return dict(zip(FIELDS, (pixels, overlap, change, ~hidden), strict=True))


def face_objective(
    network: NetworkLike,
    *,
    box_weight: float = 0.5,
    hard_share: float = 0.7,
    bounds: FaceOverlaps = BOUNDS,
) -> Objective:
    """Trains one network of MTCNN to tell faces from other crops, and their edges.

        loss = mean of the hardest cross-entropies
               + w * mean over crops with a face or a part of it of |d - d_face|^2

    Cross-entropies are those of crops that are faces or background; of them the
    largest share `hard_share` counts. Landmarks are not learnt.

    Args:
        network: `genjax.nn.ProposalNet`, `RefinementNet` or `OutputNet`.
        box_weight: w, of the edges.
        hard_share: of the cross-entropies.
        bounds: the overlaps that decide.

    Returns:
        An objective over batches as `face_crops` makes them, `{"image": [n, side, side,
        3], "overlap": [n], "change": [n, 4]}`, with `"valid"` `[n]` or not. Its metrics
        are `loss`, `classification` and `box`.

    Raises:
        InputError: a number makes no sense, or, where it is used, the network returns
            other than one answer for each crop.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.detection import face_objective
    >>> objective = face_objective(nn.ProposalNet())
    >>> batch = {"image": jnp.ones((2, 12, 12, 3)), "overlap": jnp.array([0.0, 1.0])}
    >>> batch["change"] = jnp.zeros((2, 4))
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> sorted(objective.loss(variables, batch, jax.random.key(1))[1][1])
    ['box', 'classification', 'loss']
    """
    check_not_negative("face_objective", "box_weight", box_weight)
    check_is("face_objective", FaceOverlaps, bounds=bounds)
    if not 0 < hard_share <= 1:
        raise InputError(
            "face_objective: hard_share must be above 0 and at most 1, got "
            f"{hard_share}."
        )
    if not 0 <= bounds.background <= bounds.part <= bounds.face <= 1:
        raise InputError(
            f"face_objective: bounds must ascend from 0 to 1, got {tuple(bounds)}."
        )
    inner = as_network(network, user="face_objective")

    def init(key: Key, batch: Batch, /) -> Variables:
        image, *_ = read_batch("face_objective", batch, FIELDS[:3], FIELDS[3:])
        return inner.init(key, image)

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        image, overlap, change, valid = read_batch(
            "face_objective", batch, FIELDS[:3], FIELDS[3:]
        )
        valid = jnp.ones(len(image), bool) if valid is None else valid
        out, changed = inner.train(variables, key, image)
        logits, found = _of_crops(out, len(image))
        is_face = overlap >= bounds.face
        # An overlap that is no number counts, so that it is not hidden.
        counts = valid & (is_face | ~(overlap >= bounds.background))
        entropy = jax.nn.softplus(jnp.where(is_face, -1.0, 1.0) * logits)
        classification = _mean_of_hardest(entropy, counts, hard_share)
        has_part = (valid & (overlap >= bounds.part))[:, None]
        squares = jnp.where(has_part, (found - change) ** 2, 0.0)
        box = jnp.sum(squares) / jnp.maximum(jnp.sum(has_part.astype(jnp.float32)), 1.0)
        value = classification + box_weight * box
        metrics = {"loss": value, "classification": classification, "box": box}
        return value, (changed, metrics)

    return Objective(init, loss)


def _of_crops(out: FaceOutput, rows: int) -> tuple[Array, Array]:
    """The logit of a face and the change of each crop."""
    if out.logits.size != 2 * rows or out.change.size != 4 * rows:
        raise InputError(
            "face_objective: the network must return two logits and four changes for "
            f"each of {rows} crops, got {out.logits.shape} and {out.change.shape}."
        )
    logits = out.logits.reshape(rows, 2)
    return logits[:, 1] - logits[:, 0], out.change.reshape(rows, 4)


def _mean_of_hardest(
    values: Float[Array, " n"], counts: Bool[Array, " n"], share: float
) -> Array:
    """The mean of the largest share of the values that count."""
    hardness = jnp.where(jnp.isnan(values), jnp.inf, values)
    order = jnp.argsort(jnp.where(counts, -hardness, jnp.inf))
    # A product that is rounded up is no further value.
    kept = jnp.ceil(share * jnp.sum(counts.astype(jnp.float32)) - 1e-4)
    rank = jnp.arange(len(values), dtype=jnp.float32)
    total = jnp.sum(jnp.where((rank < kept) & counts[order], values[order], 0.0))
    return total / jnp.maximum(kept, 1.0)
