"""Images with boxes: Pascal VOC's XML and COCO's JSON."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from genjax.data._annotated import (
    Annotated,
    Box,
    ImageFolder,
    Picture,
    Skipped,
    collect,
    finite,
)
from genjax.errors import InputError

DIFFICULT = {
    "0": False,
    "1": True,
    "false": False,
    "true": True,
    "unspecified": False,
}
"""What annotation tools write of an object."""


def read_voc(
    folder: str | Path,
    *,
    size: tuple[int, int],
    subset: str | None = None,
    classes: Sequence[str] = (),
    first_pixel: int = 0,
    skip_bad: bool = False,
    memory: float = math.inf,
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
        skip_bad: leave out damaged files and images, and tell them among `problems`,
            instead of stopping.
        memory: gigabytes of images that are held. Those of a larger set are read when
            they are asked for, as `streamed` does; what is damaged stops it then.

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
    paths = sorted(annotations.glob("[!.]*.xml"))
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
    pictures = ImageFolder(images if images.is_dir() else root)
    found, skipped = [], Skipped(skip_bad=skip_bad)
    for path in paths:
        with skipped.record():
            found.append(_read_xml(path, pictures, first_pixel))
    return collect(found, size, classes, skipped, memory)


def _read_xml(path: Path, images: ImageFolder, first_pixel: int) -> Picture:
    try:
        tree = ElementTree.parse(path)
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise InputError(f"{path} is not an annotation: {error}.") from error
    boxes = []
    for index, thing in enumerate(tree.iter("object")):
        name = (thing.findtext("name") or "").strip()
        edges = [
            thing.findtext(f"bndbox/{e}") for e in ("xmin", "ymin", "xmax", "ymax")
        ]
        try:
            left, top, right, bottom = finite(edges)
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(
                f"{path}: object {index} has the edges {edges}; four numbers were "
                "expected."
            ) from error
        if not name:
            raise InputError(f"{path}: object {index} has no name.")
        difficult = (thing.findtext("difficult") or "0").strip().lower()
        if difficult not in DIFFICULT:
            raise InputError(
                f"{path}: object {index} is difficult {difficult!r}; one of "
                f"{', '.join(DIFFICULT)} was expected."
            )
        xyxy = [left - first_pixel, top - first_pixel, right, bottom]
        boxes.append(Box(xyxy, name, difficult=DIFFICULT[difficult]))
    filename = (tree.findtext("filename") or "").strip() or path.stem
    return Picture(images.find(filename, path, stem=path.stem), boxes, path)


def read_coco(
    annotations: str | Path,
    images: str | Path,
    *,
    size: tuple[int, int],
    skip_bad: bool = False,
    memory: float = math.inf,
) -> Annotated:
    """Reads COCO annotations.

    Args:
        annotations: the JSON file, with `images`, `annotations` and `categories`.
        images: the folder of the images.
        size: height and width to bring the images to; their shape is kept, the rest
            is black.
        skip_bad: leave out images that are missing or damaged, and tell them among
            `problems`, instead of stopping.
        memory: gigabytes of images that are held. Those of a larger set are read when
            they are asked for, as `streamed` does; what is damaged stops it then.

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
    path, where, skipped = Path(annotations), "", Skipped(skip_bad=skip_bad)
    folder = ImageFolder(Path(images))
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        _refuse_twice(path, "categories", content)
        _refuse_twice(path, "images", content)
        names = {entry["id"]: entry["name"] for entry in content["categories"]}
        boxes: dict[Any, list[Box]] = {entry["id"]: [] for entry in content["images"]}
        for index, entry in enumerate(content["annotations"]):
            where = f", annotation {index}"
            boxes[entry["image_id"]].append(_coco_box(entry, names))
        pictures, where = [], ""
        for entry in sorted(content["images"], key=lambda entry: entry["id"]):
            with skipped.record():
                image = folder.find(entry["file_name"], path)
                pictures.append(Picture(image, boxes[entry["id"]], path))
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except KeyError as error:
        raise InputError(
            f"{path}{where}: there is no {error.args[0]!r}, which COCO's format needs "
            "or an annotation names."
        ) from error
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise InputError(f"{path}{where} is not in COCO's format: {error}.") from error
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply to be COCO's.") from error
    if not boxes:
        raise InputError(f"{path} lists no image.")
    if len(set(names.values())) < len(names):
        raise InputError(
            f"{path}: two categories have one name: {sorted(names.values())}."
        )
    return collect(pictures, size, list(names.values()), skipped, memory)


def _coco_box(entry: Mapping[str, Any], names: Mapping[Any, str]) -> Box:
    if not isinstance(entry["bbox"], list) or len(entry["bbox"]) != 4:
        raise ValueError(f"bbox must be 4 numbers, got {entry['bbox']!r}")
    x, y, width, height = finite(entry["bbox"])
    stated = entry.get("area")
    return Box(
        [x, y, x + width, y + height],
        names[entry["category_id"]],
        crowd=_flag("iscrowd", entry.get("iscrowd", 0)),
        area=None if stated is None else finite([stated])[0],
    )


def _flag(name: str, value: object) -> bool:
    if value not in (0, 1):
        raise ValueError(f"{name} must be 0 or 1, got {value!r}")
    return bool(value)


def _refuse_twice(path: Path, part: str, content: Mapping[str, Any]) -> None:
    ids = [entry["id"] for entry in content[part]]
    twice = [each for each, times in Counter(ids).items() if times > 1]
    if twice:
        raise InputError(f"{path}: the id {twice[0]!r} stands twice in its {part}.")
