"""MTCNN: three networks, each looking closer at what the one before has left.

Everything has a fixed size: the pyramid follows from that of the picture, and each
network hands a fixed number of candidates to the next, so that one program finds the
faces of a batch of pictures.

Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import NetworkLike
from genjax.detection._boxes import Boxes
from genjax.detection._nms import nms
from genjax.errors import InputError
from genjax.nn._cascade import (
    FaceOutput,
    LandmarkNet,
    ProposalNet,
    RefinementNet,
    torch_variables,
)
from genjax.nn.adapters import as_network
from genjax.typing import Array, Bool, Float, Int, Variables
from genjax.variables import join_parts, part_of

CELL, REACH = 12, 2
"""The side of what the first network sees, and the pixels between two of its places."""


class Faces(NamedTuple):
    """The faces of a batch of pictures.

    Fields:
        boxes: `[b, n]`, best first, with scores and padding; all of class 0.
        landmarks: both eyes, the nose and the corners of the mouth, x and y in pixels.
        cut: candidates that were left out because there were too many, of the levels of
            the pyramid and before the second and the third network: where any is not
            0, faces may be missing.
    """

    boxes: Boxes
    landmarks: Float[Array, "b n 5 2"]
    cut: Int[Array, "b 3"]


class Limits(NamedTuple):
    """How many candidates are looked at, at most, in each picture.

    Fields:
        level: of each level of the pyramid.
        refined: by the second network.
        marked: by the third network.
    """

    level: int = 512
    refined: int = 1024
    marked: int = 64


LIMITS = Limits()


def mtcnn(
    *,
    least: float = 20.0,
    factor: float = 0.709,
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
    limits: Limits = LIMITS,
) -> Callable[[Variables, Array], Faces]:
    """Finds faces and their landmarks by a cascade of three networks.

    Args:
        least: the side of the smallest face, in pixels.
        factor: from one level of the pyramid to the next.
        thresholds: the least probability of a face, for each network.
        limits: how many candidates are looked at.

    Returns:
        `(variables, pictures [b, h, w, 3]) -> faces`, from bytes; `mtcnn_variables`
        reads the variables.

    Raises:
        InputError: an argument makes no sense, or, where it is used, pictures are no
            bytes in colour, or smaller than the smallest face.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.detection import mtcnn
    >>> from genjax.variables import join_parts
    >>> def variables_of(key):
    ...     images = [jnp.ones((1, side, side, 3)) for side in (12, 24, 48)]
    ...     nets = [nn.ProposalNet(), nn.RefinementNet(), nn.LandmarkNet()]
    ...     parts = [net.init(key, x) for net, x in zip(nets, images)]
    ...     names = ("proposal", "refinement", "landmarks")
    ...     return join_parts(dict(zip(names, parts)))
    >>> variables = jax.eval_shape(variables_of, jax.random.key(0))
    >>> pictures = jax.ShapeDtypeStruct((2, 30, 40, 3), jnp.uint8)
    >>> jax.eval_shape(mtcnn(), variables, pictures).landmarks.shape
    (2, 64, 5, 2)
    """
    if not least >= CELL:
        raise InputError(
            f"mtcnn: least must be at least {CELL} pixels, what the first network "
            f"sees, got {least}."
        )
    if not 0 < factor < 1:
        raise InputError(f"mtcnn: factor must be between 0 and 1, got {factor}.")
    if not all(0 < each < 1 for each in thresholds) or min(limits) < 1:
        raise InputError(
            "mtcnn: thresholds must be between 0 and 1, and limits at least 1, got "
            f"{thresholds} and {tuple(limits)}."
        )

    def of_picture(variables: Variables, picture: Array) -> Faces:
        sums, (height, width, _) = _summed(picture), picture.shape
        proposed, cut = _proposed(
            variables,
            sums,
            _scales((height, width), least, factor),
            thresholds[0],
            limits.level,
        )
        keep = nms(*proposed[:3], iou_threshold=0.7)
        first, cut_first = _best(proposed._replace(valid=keep), limits.refined)
        xyxy = _square(_changed(first.xyxy, first.change))
        refined, _ = _looked(REFINEMENT, variables, sums, xyxy, first.valid)
        refined = refined._replace(
            valid=refined.valid & (refined.score > thresholds[1])
        )
        keep = nms(*refined[:3], iou_threshold=0.7)
        second, cut_second = _best(refined._replace(valid=keep), limits.marked)
        xyxy = _square(_changed(second.xyxy, second.change, more=1.0))
        last, shares = _looked(LANDMARKS, variables, sums, xyxy, second.valid)
        valid = last.valid & (last.score > thresholds[2])
        landmarks = _landmarks(xyxy, shares)
        xyxy = _changed(xyxy, last.change, more=1.0)
        # The areas of this suppression count pixels, both edges included.
        pixels = xyxy + jnp.array([0.0, 0, 1, 1])[None]
        keep = nms(pixels, last.score, valid, iou_threshold=0.7, overlap="smaller")
        order = jnp.argsort(jnp.where(keep, -last.score, jnp.inf), stable=True)
        keep = keep[order]
        boxes = Boxes(
            jnp.where(keep[:, None], xyxy[order], 0.0),
            jnp.zeros(len(order), jnp.int32),
            keep,
            jnp.where(keep, last.score[order], 0.0),
            jnp.zeros_like(keep),
        )
        marks = jnp.where(keep[:, None, None], landmarks[order], 0.0)
        return Faces(boxes, marks, jnp.stack([cut, cut_first, cut_second]))

    def find(variables: Variables, pictures: Array) -> Faces:
        _check_pictures(pictures)
        return jax.vmap(partial(of_picture, variables))(pictures)

    return find


class _Stage(NamedTuple):
    """One of the networks: its part of the variables, its file, and what it sees."""

    part: str
    file: str
    module: NetworkLike
    side: int

    def of(self, variables: Variables, images: Array) -> FaceOutput:
        network = as_network(self.module, user="mtcnn")
        return network.apply(part_of(variables, self.part), images)


PROPOSAL = _Stage("proposal", "pnet.npz", ProposalNet(), CELL)
REFINEMENT = _Stage("refinement", "rnet.npz", RefinementNet(), 24)
LANDMARKS = _Stage("landmarks", "onet.npz", LandmarkNet(), 48)


class _Candidates(NamedTuple):
    """What may be a face, in one picture.

    Fields:
        xyxy: in pixels of the picture.
        score: the probability of a face.
        valid: False for padding.
        change: that its network would make to the box.
    """

    xyxy: Float[Array, "n 4"]
    score: Float[Array, " n"]
    valid: Bool[Array, " n"]
    change: Float[Array, "n 4"]


def _scales(size: tuple[int, int], least: float, factor: float) -> list[float]:
    """The levels of the pyramid: in the first, the least face fills what is seen."""
    first, side = CELL / least, min(size) * CELL / least
    if side < CELL:
        raise InputError(
            "mtcnn: pictures must be at least as large as the smallest face, "
            f"{least:g} pixels, got {size[0]} x {size[1]}."
        )
    levels = 1 + math.floor(math.log(CELL / side) / math.log(factor))
    return [first * factor**level for level in range(levels)]


def _proposed(
    variables: Variables,
    sums: Array,
    scales: Sequence[float],
    threshold: float,
    most: int,
) -> tuple[_Candidates, Array]:
    """The candidates of all levels, and how many were left out."""
    levels, cuts = [], []
    height, width = (side - 1 for side in sums.shape[:2])
    whole = jnp.array([[0, 0, width, height]], jnp.int32)
    for scale in scales:
        sides = int(height * scale + 1), int(width * scale + 1)
        out = PROPOSAL.of(variables, _resampled(sums, whole, sides))
        score = _probability(out)[0]
        columns = score.shape[1]
        above = score.reshape(-1) >= threshold
        best, index = jax.lax.top_k(
            jnp.where(above, score.reshape(-1), -1.0), min(most, score.size)
        )
        places = jnp.stack([index % columns, index // columns] * 2, axis=-1)
        reach = jnp.array([1, 1, CELL, CELL], places.dtype)[None]
        xyxy = jnp.floor((REACH * places + reach).astype(jnp.float32) / scale)
        found = _Candidates(xyxy, best, best >= 0, out.change.reshape(-1, 4)[index])
        levels.append(jax.tree.map(partial(_padded, most=most), found))
        cuts.append(jnp.maximum(jnp.sum(above) - most, 0))
    every = jax.tree.map(lambda *rows: jnp.stack(rows), *levels)
    keep = jax.vmap(partial(nms, iou_threshold=0.5))(*every[:3])
    joined = jax.tree.map(
        lambda x: x.reshape(-1, *x.shape[2:]), every._replace(valid=keep)
    )
    return joined, sum(cuts, jnp.zeros((), jnp.int32))


def _padded(rows: Array, most: int) -> Array:
    return jnp.pad(rows, [(0, most - len(rows))] + [(0, 0)] * (rows.ndim - 1))


def _best(candidates: _Candidates, most: int) -> tuple[_Candidates, Array]:
    """The best of those that are valid, and how many were left out."""
    count = min(most, len(candidates.score))
    score = jnp.where(candidates.valid, candidates.score, -1.0)
    kept, index = jax.lax.top_k(score, count)
    best = jax.tree.map(lambda leaf: leaf[index], candidates)
    cut = jnp.maximum(jnp.sum(candidates.valid) - count, 0)
    return best._replace(valid=kept >= 0), cut


def _looked(
    stage: "_Stage", variables: Variables, sums: Array, xyxy: Array, valid: Array
) -> tuple[_Candidates, Array]:
    """What a network says of the pixels inside boxes."""
    height, width = (side - 1 for side in sums.shape[:2])
    edges = jnp.trunc(xyxy).astype(jnp.int32)
    low = jnp.maximum(edges[:, :2], 1) - 1
    high = jnp.minimum(edges[:, 2:], jnp.array([[width, height]], jnp.int32))
    is_there = jnp.all(high > low, axis=-1)
    box = jnp.where(is_there[:, None], jnp.concatenate([low, high], axis=-1), 0)
    box = jnp.where(is_there[:, None], box, jnp.array([[0, 0, 1, 1]], jnp.int32))
    out = stage.of(variables, _resampled(sums, box, (stage.side, stage.side)))
    found = _Candidates(xyxy, _probability(out), valid & is_there, out.change)
    return found, out.landmarks


def _probability(out: FaceOutput) -> Array:
    return jax.nn.softmax(out.logits, axis=-1)[..., 1]


def _summed(picture: Array) -> Array:
    """Sums of all pixels above and to the left, `[h + 1, w + 1, c]`.

    Whole numbers, of which differences are right even beyond the largest one.
    """
    sums = picture.astype(jnp.uint32)
    for axis in (0, 1):
        sums = jnp.cumsum(sums, axis=axis, dtype=jnp.uint32)
    return jnp.pad(sums, [(1, 0), (1, 0), (0, 0)])


def _resampled(
    sums: Array, box: Int[Array, "n 4"], sides: tuple[int, int]
) -> Float[Array, "n h w c"]:
    """Means of the pixels of a box in `h x w` parts, which may share pixels."""

    def ends(start: Array, stop: Array, parts: int) -> tuple[Array, Array]:
        extent = (stop - start)[:, None]
        place = jnp.arange(parts, dtype=jnp.int32)[None]
        low = place * extent // parts
        high = -(-(place + 1) * extent // parts)
        return start[:, None] + low, start[:, None] + high

    left, right = ends(box[:, 0], box[:, 2], sides[1])
    top, bottom = ends(box[:, 1], box[:, 3], sides[0])

    def at(rows: Array, columns: Array) -> Array:
        return sums[rows[:, :, None], columns[:, None]]

    total = at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left)
    count = (bottom - top)[:, :, None] * (right - left)[:, None]
    mean = total.astype(jnp.float32) / count.astype(jnp.float32)[..., None]
    return (mean - 127.5) / 128


def _changed(xyxy: Array, change: Array, *, more: float = 0.0) -> Array:
    """Boxes with their edges moved by shares of their sides."""
    sides = xyxy[:, 2:] - xyxy[:, :2] + more
    return xyxy + change * jnp.tile(sides, 2)


def _square(xyxy: Array) -> Array:
    """Squares about the same centres, as large as the longer side."""
    sides = xyxy[:, 2:] - xyxy[:, :2]
    longest = jnp.max(sides, axis=-1, keepdims=True)
    low = xyxy[:, :2] + (sides - longest) / 2
    return jnp.concatenate([low, low + longest], axis=-1)


def _landmarks(xyxy: Array, shares: Array) -> Float[Array, "n 5 2"]:
    """From shares of the sides to pixels."""
    points = shares.reshape(-1, 2, 5).transpose(0, 2, 1)
    sides = xyxy[:, 2:] - xyxy[:, :2] + 1
    return xyxy[:, None, :2] + sides[:, None] * points - 1


def _check_pictures(pictures: Array) -> None:
    if pictures.dtype != jnp.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise InputError(
            "mtcnn: pictures must be bytes in colour, [b, h, w, 3] of uint8, got "
            f"{pictures.shape} of {pictures.dtype}."
        )


def mtcnn_variables(folder: Path | str) -> Variables:
    """Reads the weights of the three networks.

    Args:
        folder: with `pnet.npz`, `rnet.npz` and `onet.npz`, arrays in the layout and by
            the names of facenet-pytorch: `conv1.weight`, `prelu1.weight`, ...

    Raises:
        InputError: a file is missing, or its arrays are not those of the network.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.

    >>> from genjax.detection import mtcnn_variables
    >>> mtcnn_variables("nowhere")
    Traceback (most recent call last):
        ...
    genjax.errors.InputError: mtcnn_variables: nowhere/pnet.npz is no file.
    """
    parts = {}
    for stage in (PROPOSAL, REFINEMENT, LANDMARKS):
        path = Path(folder) / stage.file
        if not path.is_file():
            raise InputError(f"mtcnn_variables: {path} is no file.")
        example = jnp.zeros((1, stage.side, stage.side, 3))
        with np.load(path) as weights:
            parts[stage.part] = torch_variables(stage.module, example, dict(weights))
    return join_parts(parts)
