"""What a trained detector finds in pictures of one's own."""

import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.detection._dense import (
    Found,
    confident,
    dense_model,
    labelled,
    read_kind,
)
from experiments.record import read_run
from experiments.report import make_folder, write_file
from experiments.runner import read_variables
from experiments.seeds import of_seed
from genjax.data import image_files, open_image, resize_to_fit
from genjax.errors import InputError
from genjax.plotting import boxes_on_images, save


def detect_pictures(
    folder: Path, paths: Sequence[Path], out: Path, least: float
) -> Iterator[str]:
    """Writes pictures with boxes, and `detections.jsonl`, a line for each picture.

    Boxes are `[left, top, right, bottom]` in the pixels of the original.

    Args:
        folder: of a run of `detection/custom`.
        paths: pictures, or folders of them.
        out: a folder that is not there yet.
        least: the lowest score.

    Returns:
        What was found in each, as a sentence, as soon as it is.

    Raises:
        InputError: the folder holds no such run, a picture cannot be read, or `out` is
            there.
    """
    _, config = read_run(folder)
    kind = read_kind(folder)
    if not hasattr(config, "width_pixels"):
        raise InputError(
            f"{folder} holds no run of detection/custom or detection/bccd."
        )
    paths = [own for path in paths for own in _pictures_in(path)]
    if out.exists():
        raise InputError(f"--out: {out} is there already: name another folder.")
    if not 0 <= least < 1:
        raise InputError(f"--score must be from 0 to below 1, got {least}.")
    for path in paths:
        open_image(path, "RGB")  # all are known to be readable before any is looked at
    classes, size = kind.classes, kind.size
    model = dense_model(config, kind)
    box = {"xyxy": jnp.zeros((1, 1, 4)), "label": jnp.zeros((1, 1), jnp.int32)}
    blank = {"image": jnp.zeros((1, *size, 3), jnp.uint8)}
    example = {**blank, **box, "valid": jnp.zeros((1, 1), bool)}
    variables = read_variables(config, model.update, example, folder)
    variables = of_seed(variables, 0, config.seeds)
    detect, lines, names = jax.jit(model.detect), [], _unique_names(paths)
    make_folder(out)
    for path, name in zip(paths, names, strict=True):
        fitted = resize_to_fit(path, size)
        found = detect(variables, jnp.asarray(fitted.image[None]))
        original = np.asarray(open_image(path, "RGB"))
        height, width, _ = original.shape
        edges = jnp.array([width, height, width, height], jnp.float32)
        inside = jnp.clip(fitted.placement.back.of(found.xyxy), 0.0, edges)
        objects = confident(found._replace(xyxy=inside), 0, classes, least=least)
        figure = boxes_on_images(original[None], [labelled(objects)], columns=1)
        figure.set_size_inches(*(side / 150 for side in original.shape[1::-1]))
        save(figure, out / f"{name}.png")
        lines.append(json.dumps({"image": str(path), "objects": _rounded(objects)}))
        write_file(out / "detections.jsonl", "\n".join(lines) + "\n")
        yield f"{path}: {len(objects)} found"


def _pictures_in(path: Path) -> list[Path]:
    """A picture itself, or those of a folder."""
    if not path.is_dir():
        return [path]
    return list(image_files(path, size=None).paths)


def _rounded(objects: Sequence[Found]) -> list[dict[str, Any]]:
    return [
        {
            "class": found.name,
            "score": round(found.score, 4),
            "xyxy": [round(float(edge), 2) for edge in found.xyxy],
        }
        for found in objects
    ]


def _unique_names(paths: Sequence[Path]) -> list[str]:
    """The stems of files, numbered where one is taken."""
    names: list[str] = []
    for path in paths:
        numbered = (f"{path.stem}_{i}" for i in count(2))
        name = path.stem
        while name in names:
            name = next(numbered)
        names.append(name)
    return names
