"""What a trained detector finds in pictures of one's own."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.detection._dense import CLASSES, confident, dense_model
from experiments.record import read_run
from experiments.report import write_file
from experiments.runner import first_seed, read_variables
from genjax.data import open_image, resize_to_fit
from genjax.errors import InputError
from genjax.plotting import boxes_on_images, save


def detect_pictures(
    folder: Path, paths: Sequence[Path], out: Path, least: float
) -> Iterator[str]:
    """Writes pictures with boxes, and `detections.jsonl`, a line for each picture.

    Boxes are `[left, top, right, bottom]` in the pixels of the original.

    Args:
        folder: of a run of `detection/custom`.
        paths: pictures.
        out: a folder that is not there yet.
        least: the lowest score.

    Returns:
        What was found in each, as a sentence, as soon as it is.

    Raises:
        InputError: the folder holds no such run, a picture cannot be read, or `out` is
            there.
    """
    _, config = read_run(folder)
    if not hasattr(config, "width_pixels") or not (folder / CLASSES).is_file():
        raise InputError(f"{folder} holds no run of detection/custom.")
    if out.exists():
        raise InputError(f"--out: {out} is there already: name another folder.")
    for path in paths:
        open_image(path, "RGB")  # all are known to be readable before any is looked at
    classes = json.loads((folder / CLASSES).read_text())
    size = config.height, config.width_pixels
    model = dense_model(config, len(classes))
    box = {"xyxy": jnp.zeros((1, 1, 4)), "label": jnp.zeros((1, 1), jnp.int32)}
    blank = {"image": jnp.zeros((1, *size, 3), jnp.uint8)}
    example = {**blank, **box, "valid": jnp.zeros((1, 1), bool)}
    variables = read_variables(config, model.update, example, folder)
    variables = first_seed(variables, config.seeds)
    detect, lines, names = jax.jit(model.detect), [], _unique_names(paths)
    out.mkdir(parents=True)
    for path, name in zip(paths, names, strict=True):
        pixels, scale = resize_to_fit(path, size)
        found = detect(variables, jnp.asarray(pixels[None]))
        found = found._replace(xyxy=found.xyxy / scale)
        original = np.asarray(open_image(path, "RGB"))
        drawn = confident(found, 0, classes, least=least)
        figure = boxes_on_images(original[None], [drawn], columns=1)
        figure.set_size_inches(*(side / 150 for side in original.shape[1::-1]))
        save(figure, out / f"{name}.png")
        lines.append(json.dumps({"image": str(path), "objects": _objects(drawn)}))
        write_file(out / "detections.jsonl", "\n".join(lines) + "\n")
        yield f"{path}: {len(drawn)} found"


def _objects(drawn: Sequence[tuple[Any, str]]) -> list[dict[str, Any]]:
    objects = []
    for xyxy, text in drawn:
        name, score = text.rsplit(" ", 1)
        edges = [round(float(edge), 2) for edge in xyxy]
        objects.append({"class": name, "score": float(score), "xyxy": edges})
    return objects


def _unique_names(paths: Sequence[Path]) -> list[str]:
    """The stems of files, numbered where two are the same."""
    seen: dict[str, int] = {}
    names = []
    for path in paths:
        seen[path.stem] = seen.get(path.stem, 0) + 1
        count = seen[path.stem]
        names.append(path.stem if count == 1 else f"{path.stem}_{count}")
    return names
