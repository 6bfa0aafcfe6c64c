"""Images with boxes, whatever files they were read from."""

import contextlib
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genjax.data._images import ENDINGS
from genjax.data._pixels import image_sides, placement_to_fit, resize_to_fit
from genjax.data._source import ArraySource
from genjax.errors import InputError

BEYOND = 1.0
"""Pixels that a box may reach beyond its picture without a word."""


@dataclass(frozen=True)
class AnnotatedFiles:
    """Images with boxes whose pixels stay in their files until they are asked for.

    Fields:
        paths: of the images.
        size: height and width that they are brought to.
        arrays: what else there is of each image, `[n, ...]` by name.
    """

    paths: tuple[Path, ...]
    size: tuple[int, int]
    arrays: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.paths)

    def gather(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the images at these indices, and returns all that is known of them."""
        rows = np.arange(len(self))[indices]
        images = np.zeros((len(rows), *self.size, 3), np.uint8)
        for place, row in enumerate(rows):
            images[place] = resize_to_fit(self.paths[row], self.size).image
        return {"image": images, **_rows_of(self.arrays, rows)}

    def select(self, rows: np.ndarray) -> "AnnotatedFiles":
        """Returns the source of these images alone; nothing is read."""
        paths = tuple(self.paths[i] for i in np.arange(len(self))[rows])
        return replace(self, paths=paths, arrays=_rows_of(self.arrays, rows))


def _rows_of(
    arrays: Mapping[str, np.ndarray], rows: np.ndarray
) -> dict[str, np.ndarray]:
    return {name: values[rows] for name, values in arrays.items()}


class Annotated(NamedTuple):
    """A detection set.

    Fields:
        source: `image` `[n, h, w, 3]`, uint8; `xyxy` `[n, m, 4]`, in pixels of these
            images; `label` and `valid` `[n, m]`; `ignore` `[n, m]`: neither objects nor
            background, as crowds and difficult ones; `crowd` `[n, m]`: those that stand
            for many; `area` `[n, m]`, in square pixels of the files: of the object
            where it is stated, else of the box; `scale` and `offset` `[n, 2]`: where
            the files' pixels lie in the images, as a `Placement` has it. A set beyond
            `memory` stays in its files: `streamed` reads them ahead.
        classes: their names, by label.
        problems: a sentence for everything that is odd and does not stop the reading:
            records that were left out (`skip_bad`), boxes without extent, which are not
            valid, boxes beyond their picture, boxes that stand twice, and classes
            without a box.
    """

    source: ArraySource | AnnotatedFiles
    classes: tuple[str, ...]
    problems: tuple[str, ...]


class Box(NamedTuple):
    """One annotation, as its file states it.

    Fields:
        xyxy: its edges, in pixels, or in shares of the picture.
        name: of its class.
        crowd: whether it stands for many.
        difficult: whether it need not be found.
        area: of the object, in square pixels, where it is stated.
        in_shares: whether the edges are from 0 to 1.
    """

    xyxy: Sequence[float]
    name: str
    crowd: bool = False
    difficult: bool = False
    area: float | None = None
    in_shares: bool = False


class Skipped:
    """What is left out of a set that may have bad records; without leave it stops.

    Attributes:
        told: a sentence for each.
    """

    def __init__(self, *, skip_bad: bool) -> None:
        self.skip_bad = skip_bad
        self.told: list[str] = []

    @contextlib.contextmanager
    def record(self) -> Iterator[None]:
        """Surrounds the reading of one record."""
        try:
            yield
        except InputError as error:
            if not self.skip_bad:
                raise
            self.told.append(f"left out: {error}")


class Picture(NamedTuple):
    """One image, and its boxes.

    Fields:
        path: of the image.
        boxes: in the order of their file.
        owner: the file that states them.
    """

    path: Path
    boxes: list[Box]
    owner: Path


class ImageFolder:
    """A folder of images, found by the names that annotation tools write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: dict[Path, list[str]] = {}

    def find(self, name: object, owner: Path, *, stem: str = "") -> Path:
        """The place of an image, also by another case or without its ending.

        Args:
            name: as it is written, with any folders of another machine.
            owner: the file it is written in.
            stem: another name that it may have, when there is none of the first.

        Raises:
            InputError: it is no name, lies outside the folder, is not there, or may be
                any of several.
        """
        if isinstance(name, int):
            name = str(name)
        if not isinstance(name, str) or not name.strip() or "\0" in name:
            raise InputError(f"{owner}: {name!r} is not the name of a file.")
        name = name.strip().replace("\\", "/")
        if ".." in name.split("/"):
            raise InputError(f"{owner}: {name!r} lies outside the folder of images.")
        base = name.rsplit("/", 1)[-1]
        relative = [] if _is_absolute(name) else [name]
        for each in (*relative, base, *([stem] if stem else [])):
            found = self._alike(self.folder / each, owner)
            if found is not None:
                return found
        raise InputError(f"{owner}: there is no image at {self.folder / base}.")

    def _alike(self, path: Path, owner: Path) -> Path | None:
        if path.is_file():
            return path
        if path.parent not in self._entries:
            listed = sorted(os.listdir(path.parent)) if path.parent.is_dir() else []
            self._entries[path.parent] = [e for e in listed if is_image(e)]
        entries, wanted = self._entries[path.parent], path.name.lower()
        found = [e for e in entries if e.lower() == wanted] or [
            e
            for e in entries
            if not is_image(path.name) and Path(e).stem.lower() == wanted
        ]
        if len(found) > 1:
            raise InputError(
                f"{owner}: {path.name!r} may be any of {found} in {path.parent}."
            )
        return path.parent / found[0] if found else None


def _is_absolute(name: str) -> bool:
    """Also by the rules of another system."""
    return name.startswith("/") or name[1:3] == ":/"


def is_image(name: str) -> bool:
    """Whether a file is an image by its name, and none that a system hides."""
    return Path(name).suffix.lower() in ENDINGS and not name.startswith(".")


def finite(values: Sequence[Any]) -> list[float]:
    """The values as floats; a `ValueError` where one is none or not finite."""
    numbers = [float(value) for value in values]
    with np.errstate(over="ignore"):
        if not np.isfinite(np.asarray(numbers, np.float32)).all():
            raise ValueError(f"{numbers} are not all finite in float32")
    return numbers


def collect(
    pictures: Sequence[Picture],
    size: tuple[int, int],
    classes: Sequence[str],
    skipped: Skipped,
    memory: float,
) -> Annotated:
    """Reads the images, or only their sizes, and pads the boxes.

    Args:
        pictures: with their boxes.
        size: height and width to bring the images to.
        classes: their names by label; those that occur, sorted, when empty.
        skipped: what has been left out, and whether it may be.
        memory: gigabytes of images that are held.

    Raises:
        InputError: an image cannot be read, a class is not among `classes`, or `memory`
            is negative.
    """
    if not memory >= 0:
        raise InputError(f"memory must be gigabytes from 0 on, got {memory}.")
    found = {box.name: p.owner for p in pictures for box in p.boxes}
    names = tuple(classes) or tuple(sorted(found))
    _check_names(names)
    for name, owner in found.items():
        if name not in names:
            raise InputError(
                f"{owner}: the class {name!r} is not among the classes {list(names)}."
            )
    _check_pictures(pictures)
    most = max([1, *(len(picture.boxes) for picture in pictures)])
    shape = (len(pictures), most)
    held = len(pictures) * math.prod(size) * 3 <= memory * 1e9
    images = np.zeros((len(pictures) if held else 0, *size, 3), np.uint8)
    arrays: dict[str, Any] = {
        "xyxy": np.zeros((*shape, 4), np.float32),
        "label": np.zeros(shape, np.int32),
        "valid": np.zeros(shape, bool),
        "ignore": np.zeros(shape, bool),
        "crowd": np.zeros(shape, bool),
        "area": np.zeros(shape, np.float32),
        "scale": np.ones((len(pictures), 2), np.float32),
        "offset": np.zeros((len(pictures), 2), np.float32),
    }
    problems = [f"no box is of the class {n!r}." for n in names if n not in found]
    labels = {name: label for label, name in enumerate(names)}
    paths: list[Path] = []
    for picture in pictures:
        sides, row = None, len(paths)
        with skipped.record():
            if held:
                images[row], placement, sides = resize_to_fit(picture.path, size)
            else:
                sides = image_sides(picture.path)
                placement = placement_to_fit(sides, size)
        if sides is None:
            continue
        paths.append(picture.path)
        arrays["scale"][row], arrays["offset"][row] = placement
        edges = np.array([sides[1], sides[0]] * 2, np.float32)
        boxes = _table(picture.boxes, labels, edges)
        problems += _odd(picture, boxes["xyxy"], edges)
        boxes["xyxy"] = np.asarray(placement.of(boxes["xyxy"]))
        for name, values in boxes.items():
            arrays[name][row, : len(values)] = values
    if not paths:
        raise InputError(f"no image is left of this set: {skipped.told[:1]}.")
    arrays = {name: values[: len(paths)] for name, values in arrays.items()}
    if held:
        source = ArraySource({"image": images[: len(paths)], **arrays})
    else:
        source = AnnotatedFiles(tuple(paths), size, arrays)
    return Annotated(source, names, (*skipped.told, *problems))


def _table(
    boxes: Sequence[Box], labels: Mapping[str, int], edges: np.ndarray
) -> dict[str, np.ndarray]:
    """What the boxes of a picture say, in its pixels, a row for each."""
    xyxy = np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4)
    shares = np.array([box.in_shares for box in boxes], bool)
    xyxy = np.where(shares[:, None], xyxy * edges, xyxy)
    extent = xyxy[:, 2:] - xyxy[:, :2]
    stated = np.array([box.area is not None for box in boxes], bool)
    areas = np.array([box.area or 0.0 for box in boxes], np.float32)
    crowd = np.array([box.crowd for box in boxes], bool)
    return {
        "xyxy": xyxy,
        "label": np.array([labels[box.name] for box in boxes], np.int32),
        "valid": np.all(extent > 0, axis=1),
        "crowd": crowd,
        "ignore": crowd | np.array([box.difficult for box in boxes], bool),
        "area": np.where(stated, areas, np.prod(extent, axis=1)),
    }


def _check_names(names: Sequence[str]) -> None:
    """Classes have names, each its own."""
    wrong = [name for name in names if not isinstance(name, str) or not name.strip()]
    if wrong:
        raise InputError(f"the name of a class must be a text, got {wrong[0]!r}.")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(f"two classes have one name, {twice[0]!r}: {list(names)}.")


def _check_pictures(pictures: Sequence[Picture]) -> None:
    """Each image stands in the set once, and edges are in pixels where they say so."""
    owners: dict[Path, Path] = {}
    for picture in pictures:
        if picture.path in owners:
            raise InputError(
                f"{picture.path} stands twice in the set: in {owners[picture.path]} "
                f"and in {picture.owner}."
            )
        owners[picture.path] = picture.owner
    edges = [b.xyxy for p in pictures for b in p.boxes if not b.in_shares]
    if edges and np.min(edges) >= 0 and np.max(edges) <= 1:
        raise InputError(
            f"{pictures[0].owner}: all edges are from 0 to 1, and pixels were "
            "expected: multiply them by width and height."
        )


def _odd(picture: Picture, xyxy: np.ndarray, edges: np.ndarray) -> list[str]:
    """What is odd about the boxes of a picture."""
    seen, found = set(), []
    for place, (box, own) in enumerate(zip(picture.boxes, xyxy, strict=True)):
        named = f"{picture.path.name}: box {place} ({box.name}) {own.round(2).tolist()}"
        if np.any(own[2:] <= own[:2]):
            found.append(f"{named} has no extent and is left out.")
        elif np.any(own < -BEYOND) or np.any(own > edges + BEYOND):
            width, height = edges[:2].astype(int).tolist()
            found.append(f"{named} lies beyond its picture of {width} x {height}.")
        if (key := (box.name, *own.tolist())) in seen:
            found.append(f"{named} stands twice.")
        seen.add(key)
    return found
