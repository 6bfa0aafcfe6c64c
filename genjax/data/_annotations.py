"""Images with boxes: Pascal VOC's XML and COCO's JSON."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

from genjax.data._pixels import resize_to_fit
from genjax.data._source import ArraySource
from genjax.errors import InputError


class Annotated(NamedTuple):
    """A detection set in memory.

    Fields:
        source: `image` `[n, h, w, 3]`, uint8; `xyxy` `[n, m, 4]`, in pixels of these
            images; `label` and `valid` `[n, m]`; `ignore` `[n, m]`: neither objects nor
            background, as crowds and difficult ones; `crowd` `[n, m]`: those that stand
            for many; `area` `[n, m]`, in square pixels of the files: of the object
            where it is stated, else of the box; `scale` and `offset` `[n, 2]`: where
            the files' pixels lie in the images, as a `Placement` has it.
        classes: their names, by label.
    """

    source: ArraySource
    classes: tuple[str, ...]


class _Picture(NamedTuple):
    """One image and its boxes, as the files state them."""

    path: Path
    xyxy: list[list[float]]
    names: list[str]
    crowd: list[bool]
    difficult: list[bool]
    area: list[float | None]


def read_voc(
    folder: str | Path,
    *,
    size: tuple[int, int],
    subset: str | None = None,
    classes: Sequence[str] = (),
    first_pixel: int = 0,
) -> Annotated:
    """Reads Pascal VOC annotations.

    Objects marked as difficult are to be ignored: neither learnt nor asked for.

    Args:
        folder: holds `Annotations/*.xml` and `JPEGImages/`, or both kinds of files
            themselves.
        size: height and width to bring the images to; their shape is kept, the rest
            is black.
        subset: read the names in `ImageSets/Main/<subset>.txt` only.
        classes: the names of the classes, in the order of their labels; those that
            occur, sorted, when empty.
        first_pixel: where the files count from. Pascal's own count pixels from 1, and
            both ends of a box belong to it: with 1, its left and upper edges move by
            one pixel. Most annotation tools write edges from 0 on.

    Returns:
        The images; boxes without extent are marked as not valid.

    Raises:
        InputError: there is no annotation, a file is damaged or missing, or a class is
            not among `classes`.

    Source: Everingham et al., 2010, the Pascal Visual Object Classes challenge.

    >>> from genjax.data import read_voc
    >>> read_voc("absent", size=(32, 32))
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: absent holds no Pascal VOC annotation (*.xml).
    """
    root = Path(folder)
    annotations = root / "Annotations"
    annotations = annotations if annotations.is_dir() else root
    paths = sorted(annotations.glob("*.xml"))
    if subset is not None:
        listing = root / "ImageSets" / "Main" / f"{subset}.txt"
        if not listing.is_file():
            raise InputError(f"there is no subset {subset!r}: {listing} is missing.")
        lines = listing.read_text(errors="replace").splitlines()
        wanted = [line.split()[0] for line in lines if line.strip()]
        paths = [annotations / f"{name}.xml" for name in wanted]
    if not paths:
        raise InputError(f"{root} holds no Pascal VOC annotation (*.xml).")
    images = root / "JPEGImages"
    images = images if images.is_dir() else root
    pictures = [_read_xml(path, images, first_pixel) for path in paths]
    return _collect(pictures, size, classes)


def _read_xml(path: Path, images: Path, first_pixel: int) -> _Picture:
    try:
        tree = ElementTree.parse(path)
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise InputError(f"{path} is not an annotation: {error}.") from error
    xyxy, names, difficult = [], [], []
    for index, thing in enumerate(tree.iter("object")):
        name = thing.findtext("name")
        edges = [
            thing.findtext(f"bndbox/{e}") for e in ("xmin", "ymin", "xmax", "ymax")
        ]
        try:
            left, top, right, bottom = _finite(edges)
            xyxy.append([left - first_pixel, top - first_pixel, right, bottom])
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(
                f"{path}: object {index} has the edges {edges}; four numbers were "
                "expected."
            ) from error
        if not name:
            raise InputError(f"{path}: object {index} has no name.")
        names.append(name.strip())
        difficult.append((thing.findtext("difficult") or "0").strip() == "1")
    filename = tree.findtext("filename") or f"{path.stem}.jpg"
    picture = _inside(images, filename, path)
    none: list[float | None] = [None] * len(names)
    return _Picture(picture, xyxy, names, [False] * len(names), difficult, none)


def read_coco(
    annotations: str | Path, images: str | Path, *, size: tuple[int, int]
) -> Annotated:
    """Reads COCO annotations.

    Args:
        annotations: the JSON file, with `images`, `annotations` and `categories`.
        images: the folder of the images.
        size: height and width to bring the images to; their shape is kept, the rest
            is black.

    Returns:
        The images, in the order of their ids; labels follow the order of the
        categories. Boxes without extent are marked as not valid.

    Raises:
        InputError: a file is damaged or missing, or an annotation names an image or a
            category that is not there.

    Source: Lin et al., 2014, arXiv:1405.0312.

    >>> from genjax.data import read_coco
    >>> read_coco("absent.json", "absent", size=(32, 32))
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: absent.json cannot be read: No such file or directory.
    """
    path = Path(annotations)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        _refuse_twice(path, "categories", content)
        _refuse_twice(path, "images", content)
        names = {entry["id"]: entry["name"] for entry in content["categories"]}
        pictures = {
            entry["id"]: _Picture(
                _inside(Path(images), entry["file_name"], path), [], [], [], [], []
            )
            for entry in sorted(content["images"], key=lambda entry: entry["id"])
        }
        for entry in content["annotations"]:
            own = pictures[entry["image_id"]]
            x, y, width, height = _finite(entry["bbox"])
            own.xyxy.append([x, y, x + width, y + height])
            own.names.append(names[entry["category_id"]])
            own.crowd.append(_flag("iscrowd", entry.get("iscrowd", 0)))
            own.difficult.append(False)
            stated = entry.get("area")
            own.area.append(None if stated is None else _finite([stated])[0])
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except KeyError as error:
        raise InputError(
            f"{path}: there is no {error.args[0]!r}, which COCO's format needs or an "
            "annotation names."
        ) from error
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise InputError(f"{path} is not in COCO's format: {error}.") from error
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply to be COCO's.") from error
    if not pictures:
        raise InputError(f"{path} lists no image.")
    if len(set(names.values())) < len(names):
        raise InputError(
            f"{path}: two categories have one name: {sorted(names.values())}."
        )
    return _collect(list(pictures.values()), size, list(names.values()))


def _finite(values: Sequence[Any]) -> list[float]:
    """The values as floats; a `ValueError` where one is none or not finite."""
    numbers = [float(value) for value in values]
    with np.errstate(over="ignore"):
        if not np.isfinite(np.asarray(numbers, np.float32)).all():
            raise ValueError(f"{numbers} are not all finite in float32")
    return numbers


def _flag(name: str, value: object) -> bool:
    if value not in (0, 1):
        raise ValueError(f"{name} must be 0 or 1, got {value!r}")
    return bool(value)


def _refuse_twice(path: Path, part: str, content: Mapping[str, Any]) -> None:
    ids = [entry["id"] for entry in content[part]]
    twice = [each for each, times in Counter(ids).items() if times > 1]
    if twice:
        raise InputError(f"{path}: the id {twice[0]!r} stands twice in its {part}.")


def _inside(folder: Path, name: object, path: Path) -> Path:
    """The place of an image, which must lie in the folder of images."""
    if not isinstance(name, str) or "\0" in name:
        raise InputError(f"{path}: {name!r} is not the name of a file.")
    if Path(name).is_absolute() or os.path.normpath(name).split(os.sep)[0] == "..":
        raise InputError(f"{path}: {name!r} lies outside the folder of images.")
    return folder / name


def _collect(
    pictures: Sequence[_Picture], size: tuple[int, int], classes: Sequence[str]
) -> Annotated:
    """Reads the images and pads the boxes."""
    found = sorted({name for picture in pictures for name in picture.names})
    names = tuple(classes) or tuple(found)
    unknown = [name for name in found if name not in names]
    if unknown:
        raise InputError(
            f"the class {unknown[0]!r} is not among the classes {list(names)}."
        )
    most = max(1, max(len(picture.names) for picture in pictures))
    shape = (len(pictures), most)
    arrays: dict[str, Any] = {
        "image": np.zeros((len(pictures), *size, 3), np.uint8),
        "xyxy": np.zeros((*shape, 4), np.float32),
        "label": np.zeros(shape, np.int32),
        "valid": np.zeros(shape, bool),
        "ignore": np.zeros(shape, bool),
        "crowd": np.zeros(shape, bool),
        "area": np.zeros(shape, np.float32),
        "scale": np.ones((len(pictures), 2), np.float32),
        "offset": np.zeros((len(pictures), 2), np.float32),
    }
    for row, picture in enumerate(pictures):
        arrays["image"][row], placement = resize_to_fit(picture.path, size)
        arrays["scale"][row], arrays["offset"][row] = placement
        count = len(picture.names)
        boxes = np.asarray(picture.xyxy, np.float32).reshape(-1, 4)
        arrays["area"][row, :count] = _areas(picture, boxes)
        boxes = np.asarray(placement.of(boxes))
        arrays["xyxy"][row, :count] = boxes
        arrays["label"][row, :count] = [names.index(name) for name in picture.names]
        arrays["valid"][row, :count] = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
        arrays["crowd"][row, :count] = picture.crowd
        spared = np.logical_or(picture.crowd, picture.difficult)
        arrays["ignore"][row, :count] = spared
    return Annotated(ArraySource(arrays), names)


def _areas(picture: _Picture, boxes: np.ndarray) -> list[float]:
    """The stated areas, and those of the boxes where none is."""
    sides = boxes[:, 2:] - boxes[:, :2]
    pairs = zip(picture.area, np.prod(sides, axis=1), strict=True)
    return [float(own) if stated is None else stated for stated, own in pairs]
