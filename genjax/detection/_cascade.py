"""MTCNN: three networks, each looking closer at what the one before has left.

Everything has a fixed size: the pyramid follows from that of the picture, and each
network hands a fixed number of candidates to the next, so that one program finds the
faces of a batch of pictures.

Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import NetworkLike
from genjax.checks import check_is
from genjax.detection._boxes import Boxes
from genjax.detection._cascade_pixels import resampled, summed
from genjax.detection._nms import nms, share_exceeds
from genjax.errors import InputError
from genjax.nn._cascade import (
    FaceOutput,
    OutputNet,
    ProposalNet,
    RefinementNet,
    torch_variables,
)
from genjax.nn.adapters import as_network
from genjax.typing import Array, Bool, Float, Int, Variables
from genjax.variables import join_parts, part_of

CELL, STRIDE = 12, 2
"""The side of what the P-Net sees, and the pixels between two of its places."""
FINEST = 0.95
"""The largest factor between two levels of the pyramid."""


class Faces(NamedTuple):
    """The faces of a batch of pictures.

    Fields:
        boxes: `[b, n]`, best first, with scores and padding; all of class 0.
        landmarks: both eyes, the nose and the corners of the mouth, x and y in pixels.
        cut: candidates that were left out because there were too many, of the levels of
            the pyramid, before the R-Net and before the O-Net: where any is not 0,
            faces may be missing.
    """

    boxes: Boxes
    landmarks: Float[Array, "b n 5 2"]
    cut: Int[Array, "b 3"]


class Limits(NamedTuple):
    """How many candidates are looked at, at most, in each picture.

    Fields:
        level: of each level of the pyramid.
        refinement: by the R-Net.
        output: by the O-Net; so many faces are found at most.
    """

    level: int = 512
    refinement: int = 1024
    output: int = 64


LIMITS = Limits()


def mtcnn(
    *,
    min_size: float = 20.0,
    factor: float = 0.709,
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
    limits: Limits = LIMITS,
) -> Callable[[Variables, Array], Faces]:
    """Finds faces and their landmarks by a cascade of three networks.

    The P-Net looks at all places of a pyramid of the picture, the R-Net at what it
    proposes, the O-Net at what the R-Net keeps. Of candidates that overlap, the best
    stay: of each level beyond an IoU of .5, of all and after the R-Net beyond .7, after
    the O-Net beyond .7 of the smaller.

    Args:
        min_size: the side of the smallest face, in pixels.
        factor: from one level of the pyramid to the next.
        thresholds: the least probability of a face, of each network.
        limits: how many candidates are looked at.

    Returns:
        `(variables, pictures [b, h, w, 3]) -> faces`, from bytes; `mtcnn_variables`
        reads the variables.

    Raises:
        InputError: an argument makes no sense, or, where it is used, pictures are no
            bytes in colour, or smaller than the smallest face, or the variables are not
            those of the three networks.

    Source: Zhang, Zhang, Li and Qiao, 2016, arXiv:1604.02878.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.detection import mtcnn
    >>> from genjax.variables import join_parts
    >>> def variables_of(key):
    ...     images = [jnp.ones((1, side, side, 3)) for side in (12, 24, 48)]
    ...     nets = [nn.ProposalNet(), nn.RefinementNet(), nn.OutputNet()]
    ...     parts = [net.init(key, x) for net, x in zip(nets, images)]
    ...     names = ("proposal", "refinement", "output")
    ...     return join_parts(dict(zip(names, parts)))
    >>> variables = jax.eval_shape(variables_of, jax.random.key(0))
    >>> pictures = jax.ShapeDtypeStruct((2, 30, 40, 3), jnp.uint8)
    >>> jax.eval_shape(mtcnn(), variables, pictures).landmarks.shape
    (2, 64, 5, 2)
    """
    if not min_size >= CELL:
        raise InputError(
            f"mtcnn: min_size must be at least {CELL} pixels, what the P-Net sees, got "
            f"{min_size}."
        )
    if not 0 < factor <= FINEST:
        raise InputError(
            f"mtcnn: factor must be above 0 and at most {FINEST}, got {factor}."
        )
    if np.shape(thresholds) != (3,) or not all(0 < each < 1 for each in thresholds):
        raise InputError(
            "mtcnn: thresholds must be three numbers between 0 and 1, got "
            f"{thresholds}."
        )
    check_is("mtcnn", Limits, limits=limits)
    if min(limits) < 1:
        raise InputError(f"mtcnn: limits must be at least 1, got {tuple(limits)}.")

    def of_picture(
        variables: Variables, scales: Sequence[float], picture: Array
    ) -> Faces:
        sums = summed(picture)
        proposed, cut = _proposed(
            variables, sums, scales, threshold=thresholds[0], most=limits.level
        )
        first, cut_first = _best(proposed, limits.refinement)
        refined = _refined(variables, sums, first, threshold=thresholds[1])
        second, cut_second = _best(refined, limits.output)
        cuts = jnp.stack([cut, cut_first, cut_second])
        boxes, landmarks = _output(variables, sums, second, threshold=thresholds[2])
        return Faces(boxes, landmarks, cuts)

    def find(variables: Variables, pictures: Array) -> Faces:
        _check_pictures(pictures)
        _, height, width, _ = pictures.shape
        scales = _scales((height, width), min_size, factor)
        parts = variables.get("params") if isinstance(variables, Mapping) else None
        names = {stage.part for stage in STAGES}
        if not isinstance(parts, Mapping) or set(parts) != names:
            raise InputError(
                "mtcnn: the variables must be those that mtcnn_variables reads, with "
                f"{sorted(names)} under 'params'."
            )
        return jax.vmap(partial(of_picture, variables, scales))(pictures)

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
OUTPUT = _Stage("output", "onet.npz", OutputNet(), 48)
STAGES = (PROPOSAL, REFINEMENT, OUTPUT)


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


def _scales(size: tuple[int, int], min_size: float, factor: float) -> list[float]:
    """The levels of the pyramid: in the first, the least face fills what is seen."""
    first, side = CELL / min_size, min(size) * CELL / min_size
    if side < CELL:
        raise InputError(
            "mtcnn: pictures must be at least as large as the smallest face, "
            f"{min_size:g} pixels, got {size[0]} x {size[1]}."
        )
    levels = 1 + math.floor(math.log(CELL / side) / math.log(factor))
    return [first * factor**level for level in range(levels)]


def _proposed(
    variables: Variables,
    sums: Array,
    scales: Sequence[float],
    *,
    threshold: float,
    most: int,
) -> tuple[_Candidates, Array]:
    """What the P-Net proposes on all levels, and how many were left out of it."""
    levels, cuts = [], []
    height, width = (side - 1 for side in sums.shape[:2])
    whole = jnp.array([[0, 0, width, height]], jnp.int32)
    for scale in scales:
        sides = int(height * scale + 1), int(width * scale + 1)
        out = PROPOSAL.of(variables, resampled(sums, whole, sides))
        score = _probability(out)[0]
        columns = score.shape[1]
        above = score.reshape(-1) >= threshold
        best, index = jax.lax.top_k(
            jnp.where(above, score.reshape(-1), -1.0), min(most, score.size)
        )
        places = jnp.stack([index % columns, index // columns] * 2, axis=-1)
        edges = jnp.array([1, 1, CELL, CELL], places.dtype)[None]
        xyxy = jnp.floor((STRIDE * places + edges).astype(jnp.float32) / scale)
        found = _Candidates(xyxy, best, best >= 0, out.change.reshape(-1, 4)[index])
        levels.append(jax.tree.map(partial(_padded, most=most), found))
        cuts.append(jnp.maximum(jnp.sum(above) - most, 0))
    every = jax.tree.map(lambda *rows: jnp.stack(rows), *levels)
    keep = jax.vmap(partial(nms, iou_threshold=0.5))(*every[:3])
    joined = jax.tree.map(
        lambda x: x.reshape(-1, *x.shape[2:]), every._replace(valid=keep)
    )
    keep = nms(*joined[:3], iou_threshold=0.7)
    squares = _square(_changed(joined.xyxy, joined.change))
    kept = joined._replace(xyxy=squares, valid=keep)
    return kept, sum(cuts, jnp.zeros((), jnp.int32))


def _refined(
    variables: Variables, sums: Array, given: _Candidates, *, threshold: float
) -> _Candidates:
    """What the R-Net keeps."""
    found, _ = _classified(REFINEMENT, variables, sums, given)
    found = found._replace(valid=found.valid & (found.score > threshold))
    keep = nms(*found[:3], iou_threshold=0.7)
    squares = _square(_changed(found.xyxy, found.change, more=1.0))
    return found._replace(xyxy=squares, valid=keep)


def _output(
    variables: Variables, sums: Array, given: _Candidates, *, threshold: float
) -> tuple[Boxes, Array]:
    """The faces that the O-Net finds, best first, and their landmarks."""
    found, shares = _classified(OUTPUT, variables, sums, given)
    valid = found.valid & (found.score > threshold)
    xyxy = _changed(found.xyxy, found.change, more=1.0)
    # The areas of this suppression count pixels, both edges included.
    pixels = xyxy + jnp.array([0.0, 0, 1, 1])[None]
    keep = nms(pixels, found.score, valid, iou_threshold=0.7, exceeds=share_exceeds)
    order = jnp.argsort(jnp.where(keep, -found.score, jnp.inf), stable=True)
    kept = keep[order]
    boxes = Boxes(
        jnp.where(kept[:, None], xyxy[order], 0.0),
        jnp.zeros(len(order), jnp.int32),
        kept,
        jnp.where(kept, found.score[order], 0.0),
        jnp.zeros_like(kept),
    )
    landmarks = _landmarks(found.xyxy, shares)[order]
    return boxes, jnp.where(kept[:, None, None], landmarks, 0.0)


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


def _classified(
    stage: _Stage, variables: Variables, sums: Array, given: _Candidates
) -> tuple[_Candidates, Array]:
    """Candidates as a network sees the pixels inside them, and its landmarks."""
    height, width = (side - 1 for side in sums.shape[:2])
    edges = jnp.trunc(given.xyxy).astype(jnp.int32)
    low = jnp.maximum(edges[:, :2], 1) - 1
    high = jnp.minimum(edges[:, 2:], jnp.array([[width, height]], jnp.int32))
    is_there = jnp.all(high > low, axis=-1)
    first_pixel = jnp.array([[0, 0, 1, 1]], jnp.int32)
    box = jnp.concatenate([low, high], axis=-1)
    box = jnp.where(is_there[:, None], box, first_pixel)
    out = stage.of(variables, resampled(sums, box, (stage.side, stage.side)))
    valid = given.valid & is_there
    return _Candidates(given.xyxy, _probability(out), valid, out.change), out.landmarks


def _probability(out: FaceOutput) -> Array:
    return jax.nn.softmax(out.logits, axis=-1)[..., 1]


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
            "mtcnn: pictures must be bytes in colour, [b, h, w, 3] of uint8, from 0 to "
            f"255, got {pictures.shape} of {pictures.dtype}."
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
    for stage in STAGES:
        path = Path(folder) / stage.file
        if not path.is_file():
            raise InputError(f"mtcnn_variables: {path} is no file.")
        example = jnp.zeros((1, stage.side, stage.side, 3))
        try:
            with np.load(path) as file:
                weights = dict(file)
        except (ValueError, OSError, TypeError) as error:
            raise InputError(
                f"mtcnn_variables: {path} is no archive of arrays: {error}"
            ) from error
        parts[stage.part] = torch_variables(stage.module, example, weights)
    return join_parts(parts)
