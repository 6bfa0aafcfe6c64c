"""Sets of images with boxes, in whatever form they come."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from genjax.data import Annotated, read_boxes, read_coco, read_voc, read_yolo
from genjax.errors import InputError

TABLES = (".csv", ".tsv", ".parquet", ".gz")
SHOWN = 10
"""Problems that are told in full."""


def read_annotated(
    data: str,
    images: str,
    size: tuple[int, int],
    *,
    subset: str | None = None,
    classes: Sequence[str] = (),
    skip_bad: bool = False,
    memory: float = math.inf,
) -> Annotated:
    """Reads a set by what its path is.

    Args:
        data: the folder of a VOC or a YOLO set, a COCO file, or a table of boxes.
        images: the folder of the images of the latter two; the file's own when empty.
        size: height and width to bring the images to.
        subset: of a VOC or a YOLO set, the part to read.
        classes: their names by label; those of the set when empty.
        skip_bad: leave out what is damaged instead of stopping.
        memory: gigabytes of images that are held.

    Raises:
        InputError: it is none of these, or cannot be read.
    """
    path = Path(data)
    how: dict[str, Any] = {"size": size, "skip_bad": skip_bad, "memory": memory}
    if subset is not None and not path.is_dir():
        raise InputError(f"--subsets: a VOC or YOLO folder has them, {path} has none.")
    if path.suffix == ".json":
        if classes:
            raise InputError(f"--classes: {path} names its categories itself.")
        return read_coco(path, images or path.parent, **how)
    if path.suffix in TABLES:
        return read_boxes(path, images or path.parent, classes=classes, **how)
    if not path.is_dir():
        raise InputError(
            f"--data: {path} is no folder, no COCO file (.json) and no table "
            f"({', '.join(TABLES)})."
        )
    if any(path.glob("Annotations/*.xml")) or any(path.glob("*.xml")):
        return read_voc(path, subset=subset, classes=classes, **how)
    of_yolo = ("*.txt", "*.yaml", "*.yml", "**/labels/**/*.txt")
    if any(any(path.glob(pattern)) for pattern in of_yolo):
        return read_yolo(path, subset=subset, classes=classes, **how)
    raise InputError(
        f"--data: {path} holds no annotations, neither VOC's (*.xml) nor YOLO's "
        "(*.txt)."
    )


def tell_problems(annotated: Annotated) -> None:
    """Prints what is odd about a set, so that nothing is left out silently.

    Args:
        annotated: the set.
    """
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for line in annotated.problems[:SHOWN]:
        console.print(line, markup=False)
    more = len(annotated.problems) - SHOWN
    if more > 0:
        console.print(f"... and {more} more: python -m experiments data check")


def checked_set(data: str, images: str) -> Iterator[Table | str]:
    """What a set holds, as tables, and all that is odd about it.

    Args:
        data: as of `read_annotated`.
        images: likewise.
    """
    annotated = read_annotated(data, images, (32, 32), skip_bad=True)
    arrays = annotated.source.arrays
    valid, ignore = (np.asarray(arrays[name], bool) for name in ("valid", "ignore"))
    per_image = valid.sum(axis=1)
    table = Table("images", "without a box", "boxes", "most of an image", "ignored")
    table.add_row(
        *map(
            str,
            (
                len(valid),
                (per_image == 0).sum(),
                valid.sum(),
                per_image.max(),
                (valid & ignore).sum(),
            ),
        )
    )
    yield table
    sizes = np.sqrt(np.asarray(arrays["area"], float))
    table = Table("class", "boxes", "images", "least side", "median", "greatest")
    for label, name in enumerate(annotated.classes):
        own = valid & (np.asarray(arrays["label"]) == label)
        sides = sizes[own]
        spans = np.quantile(sides, [0, 0.5, 1]) if len(sides) else [np.nan] * 3
        counts = own.sum(), own.any(axis=1).sum()
        table.add_row(name, *map(str, counts), *(f"{span:.1f}" for span in spans))
    yield table
    repeated = Counter(image.tobytes() for image in arrays["image"])
    twice = sum(count - 1 for count in repeated.values())
    if twice:
        yield f"{twice} images look like another at 32 x 32 pixels."
    yield from annotated.problems
    yield f"{len(annotated.problems) + bool(twice)} problems."
