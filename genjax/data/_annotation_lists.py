"""Images with boxes: YOLO's text files, and tables with a row for each box."""

import math
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from genjax.data._annotated import (
    Annotated,
    Box,
    ImageFolder,
    Picture,
    Skipped,
    collect,
    finite,
    is_image,
)
from genjax.data._columns import read_frame
from genjax.errors import InputError, extra

if TYPE_CHECKING:
    import pyarrow as pa

IMAGES, LABELS = "images", "labels"
"""Folders of like contents."""
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "image": ("image", "filename", "file", "file_name", "path", "image_path"),
        "label": ("label", "class", "name", "category", "cell_type"),
        "left": ("left", "xmin", "x1", "x_min"),
        "top": ("top", "ymin", "y1", "y_min"),
        "right": ("right", "xmax", "x2", "x_max"),
        "bottom": ("bottom", "ymax", "y2", "y_max"),
    }
)
"""What the columns of tables are called."""


def read_yolo(
    folder: str | Path,
    *,
    size: tuple[int, int],
    subset: str | None = None,
    classes: Sequence[str] = (),
    skip_bad: bool = False,
    memory: float = math.inf,
) -> Annotated:
    """Reads YOLO's text files: `class x y w h` a line, in shares of the picture.

    A line may also hold the corners of a polygon, `class x1 y1 x2 y2 x3 y3 ...`, whose
    bounding box is taken. An image without a file, or with an empty one, has no object.

    Args:
        folder: holds `images/` and `labels/` of like names, at any depth, such as
            `train/images/` or `images/train/`, or both kinds of files side by side; and
            `data.yaml` with the names of the classes, or `classes.txt` or `obj.names`,
            a name a line.
        size: height and width to bring the images to; their shape is kept, the rest
            is black.
        subset: read the images below this folder only, such as `train`, or
            `images/train`.
        classes: the names of the classes, where no file names them.
        skip_bad: leave out images that are damaged or whose lines are, and tell them
            among `problems`, instead of stopping.
        memory: gigabytes of images that are held. Those of a larger set are read when
            they are asked for, as `streamed` does; what is damaged stops it then.

    Raises:
        InputError: there is no image, no file of boxes or no name, a line is damaged,
            a class has no name, or a text file has no image.

    Source: Redmon, Divvala, Girshick and Farhadi, 2016, arXiv:1506.02640.

    >>> from genjax.data import read_yolo
    >>> read_yolo("absent", size=(32, 32))
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: absent holds no image.
    """
    root = Path(folder)
    entries = sorted(root.rglob("*"))
    paths = [path for path in entries if is_image(path.name)]
    if not paths:
        raise InputError(f"{root} holds no image.")
    if subset is not None:
        where = sorted({path.parent.relative_to(root).as_posix() for path in paths})
        paths = [p for p in paths if _is_below(p.relative_to(root), subset)]
        if not paths:
            raise InputError(
                f"{root} holds no image below a folder {subset!r}: they are in "
                f"{', '.join(where)}."
            )
    folders = [p for p in entries if p.name.lower() == LABELS and p.is_dir()]
    labels = {folder.parent: folder for folder in reversed(folders)}
    places = [_place_of_boxes(root, path, labels) for path in paths]
    counts = Counter(places)
    twice = [place for place in places if counts[place] > 1]
    if twice:
        raise InputError(f"{root}: several images share the boxes of {min(twice)}.")
    names = tuple(classes) or _names(root)
    if subset is None:
        _refuse_alone(folders, counts)
    pictures, skipped = [], Skipped(skip_bad=skip_bad)
    for path, place in zip(paths, places, strict=True):
        with skipped.record():
            pictures.append(Picture(path, _read_lines(place, names), place))
    found = collect(pictures, size, names, skipped, memory)
    lacking = [picture.owner for picture in pictures if not picture.owner.is_file()]
    if len(lacking) == len(pictures):
        raise InputError(
            f"{root}: no image has a file of boxes; one was looked for at {lacking[0]}."
        )
    told = f"{len(lacking)} of {len(pictures)} images have no file of boxes."
    return found._replace(problems=(*found.problems, *([told] if lacking else [])))


NAMED = ("classes.txt", "README.txt", "train.txt", "val.txt", "test.txt")
"""Files beside the boxes that hold none: names of classes, lists of images."""


def _is_below(path: Path, folder: str) -> bool:
    """Whether a folder, or a path of folders, is among those of a path."""
    return f"/{folder.strip('/')}/" in f"/{path.parent.as_posix()}/"


def _place_of_boxes(root: Path, image: Path, labels: Mapping[Path, Path]) -> Path:
    """In `labels`, beside `images`, all is named alike; else boxes are by the image.

    Args:
        root: of the set.
        image: in it.
        labels: the folder of boxes in each folder that has one, whatever its case.
    """
    inner = image.relative_to(root).with_suffix(".txt")
    folders = [part.lower() for part in inner.parts[:-1]]
    if IMAGES in folders:
        last = len(folders) - 1 - folders[::-1].index(IMAGES)
        parent = root.joinpath(*inner.parts[:last])
        beside = labels.get(parent, parent / LABELS)
        return beside.joinpath(*inner.parts[last + 1 :])
    return labels.get(root, root) / inner


def _refuse_alone(folders: Sequence[Path], places: Container[Path]) -> None:
    """Boxes have an image. Side by side with images, a text may be of anything."""
    for folder in folders:
        for path in sorted(folder.rglob("[!.]*.txt")):
            if path.name not in NAMED and path not in places:
                raise InputError(f"{path} has no image.")


def _names(root: Path) -> tuple[str, ...]:
    stated = [names for path in _yaml_files(root) if (names := _names_of_yaml(path))]
    if stated:
        return stated[0]
    listed = [root / "classes.txt", root / "labels" / "classes.txt"]
    found = [p for p in (*listed, *sorted(root.glob("*.names"))) if p.is_file()]
    if not found:
        raise InputError(
            f"{root} holds neither data.yaml nor classes.txt nor obj.names, a name a "
            "line: name the classes."
        )
    lines = _text(found[0]).rstrip().splitlines()
    return tuple(line.strip() for line in lines)


def _yaml_files(root: Path) -> list[Path]:
    """`data.yaml` first."""
    found = [*root.glob("*.yaml"), *root.glob("*.yml")]
    return sorted(found, key=lambda path: (path.stem.lower() != "data", path.name))


def _names_of_yaml(path: Path) -> tuple[str, ...]:
    """The names that a file states, as they are written: a list, or by label."""
    with extra("data"):
        import yaml

    try:
        # Else `no` were a Boolean and 1.10 a number.
        content = yaml.load(_text(path), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path} is not in YAML: {error}.") from error
    names = content.get("names") if isinstance(content, dict) else None
    if not names:
        return ()
    if isinstance(names, dict):
        labels = [str(label) for label in range(len(names))]
        if sorted(names) != sorted(labels):
            raise InputError(
                f"{path}: names must be of the labels 0 to {len(names) - 1}, got "
                f"{list(names)}."
            )
        names = [names[label] for label in labels]
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise InputError(f"{path}: names must be a list of texts, got {names!r}.")
    if "kpt_shape" in content:
        raise InputError(f"{path}: the set holds keypoints (kpt_shape), and no boxes.")
    stated = content.get("nc", str(len(names)))
    if stated != str(len(names)):
        raise InputError(f"{path}: nc is {stated}, and there are {len(names)} names.")
    return tuple(names)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except ValueError as error:
        raise InputError(f"{path} is no text in UTF-8: {error}.") from error


def _read_lines(path: Path, names: Sequence[str]) -> list[Box]:
    if not path.is_file():
        return []
    boxes = []
    lines = _text(path).splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place, *rest = line.split()
        try:
            label, values = int(place), finite(rest)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {line!r}: {error}.") from error
        if not 0 <= label < len(names):
            raise InputError(
                f"{path}, line {number}: class {label} has no name among {list(names)}."
            )
        if len(values) != 4 and (len(values) < 6 or len(values) % 2):
            raise InputError(
                f"{path}, line {number}: a class and 4 numbers, or the corners of a "
                f"polygon, were expected, got {line!r}."
            )
        if not all(-0.01 <= value <= 1.01 for value in values):
            raise InputError(
                f"{path}, line {number}: shares of the picture, from 0 to 1, were "
                f"expected, got {line!r}."
            )
        boxes.append(Box(_edges(values), names[label], in_shares=True))
    return boxes


def _edges(values: Sequence[float]) -> list[float]:
    if len(values) == 4:
        x, y, width, height = values
        return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    across, down = values[::2], values[1::2]
    return [min(across), min(down), max(across), max(down)]


def read_boxes(
    table: str | Path,
    images: str | Path,
    *,
    size: tuple[int, int],
    classes: Sequence[str] = (),
    columns: Mapping[str, str] = MappingProxyType({}),
    skip_bad: bool = False,
    memory: float = math.inf,
) -> Annotated:
    """Reads a table with a row for each box: an image, a class and four edges.

    Args:
        table: of any kind that `read_frame` reads, with names of columns; edges are in
            pixels. The usual names are known: `image` or `filename`, `label` or
            `class`, `xmin`, `ymin`, `xmax` and `ymax`, or `left`, `top`, `right` and
            `bottom`.
        images: the folder of the images; those that no row names have no part.
        size: height and width to bring the images to; their shape is kept, the rest
            is black.
        classes: the names of the classes, in the order of their labels; those that
            occur, sorted, when empty.
        columns: other names of columns, by `image`, `label`, `left`, `top`, `right` and
            `bottom`.
        skip_bad: leave out rows and images that are damaged, and tell them among
            `problems`, instead of stopping.
        memory: gigabytes of images that are held. Those of a larger set are read when
            they are asked for, as `streamed` does; what is damaged stops it then.

    Returns:
        The images in the order of their names `[n, h, w, 3]`, with their boxes.

    Raises:
        InputError: the table cannot be read, a column is missing, or a value is.

    >>> from genjax.data import read_boxes
    >>> read_boxes("absent.csv", "absent", size=(32, 32))
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: there is no table at absent.csv.
    """
    path, folder = Path(table), ImageFolder(Path(images))
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise InputError(
            f"read_boxes: columns may name {', '.join(COLUMNS)}, got {unknown[0]!r}."
        )
    frame = read_frame(path)
    chosen = {name: _column(path, name, frame, columns) for name in COLUMNS}
    rows = zip(
        *(frame.column(column).to_pylist() for column in chosen.values()), strict=True
    )
    pictures: dict[Path, Picture] = {}
    found: dict[object, Path] = {}
    skipped = Skipped(skip_bad=skip_bad)
    for number, (image, *values) in enumerate(rows, start=1):
        with skipped.record():
            box = _row_box(f"{path}, row {number}", *values)
            if image not in found:
                found[image] = folder.find(image, path)
            own = found[image]
            pictures.setdefault(own, Picture(own, [], path)).boxes.append(box)
    return collect(
        [pictures[name] for name in sorted(pictures)], size, classes, skipped, memory
    )


def _row_box(where: str, label: object, *edges: object) -> Box:
    if label is None or not str(label).strip():
        raise InputError(f"{where}: the class is missing.")
    try:
        return Box(finite(edges), str(label).strip())
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{where}: the edges {list(edges)} are no four numbers."
        ) from error


def _column(
    path: Path, name: str, frame: "pa.Table", columns: Mapping[str, str]
) -> str:
    known = [columns[name]] if name in columns else COLUMNS[name]
    found = [c for c in frame.column_names if c.strip().lower() in known or c in known]
    if len(found) != 1:
        raise InputError(
            f"{path}: one column of {', '.join(known)} was expected, got the columns "
            f"{frame.column_names}."
        )
    return found[0]
