"""Models of images of one's own: trained, sampled, and asked for features."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pyarrow as pa
from PIL import Image

from experiments.folders import FolderConfig
from experiments.record import read_run
from experiments.report import make_folder, write_file
from experiments.runner import read_variables, spans
from experiments.seeds import of_seed
from genjax.base import Update
from genjax.data import image_files, write_frame
from genjax.errors import InputError
from genjax.typing import Array, Batch, Key, Variables

BLOCK = 64
"""Images at a time."""


class ImageModel(NamedTuple):
    """A model of images, which needs no data to be made again.

    Fields:
        update: a training step.
        prepare: from batches `{"image": bytes [b, h, w, c], "label"}` to its own.
        sample: `(variables, key, n) -> images [n, h, w, c]` in [0, 1]; None where
            nothing is drawn.
        encode: `(variables, bytes [n, h, w, c]) -> features [n, d]`; None where there
            are none.
    """

    update: Update
    prepare: Callable[[Batch], Batch] = lambda batch: batch
    sample: Callable[[Variables, Key, int], Array] | None = None
    encode: Callable[[Variables, Array], Array] | None = None


def is_of_images(config: Any) -> bool:
    """Tells whether a configuration is that of a run on a folder of images."""
    return isinstance(config, FolderConfig)


def sample_images(folder: Path, n: int, seed: int, out: Path) -> None:
    """Draws images by a run's model, and writes a PNG file of each.

    Args:
        folder: of the run.
        n: how many.
        seed: of the draw.
        out: a folder that is not there yet.

    Raises:
        InputError: the model draws none.
    """
    _, model, variables = _restored(folder)
    if model.sample is None:
        raise InputError(f"{folder} holds a run that has nothing to sample from.")
    draw = jax.jit(model.sample, static_argnums=2)
    make_folder(out)
    for first, count in spans(n, BLOCK):
        key = jax.random.fold_in(jax.random.key(seed), first)
        drawn = np.clip(np.asarray(draw(variables, key, count)), 0.0, 1.0)
        for place, image in enumerate(np.round(255 * drawn).astype(np.uint8), first):
            picture = BytesIO()
            pixels = image[..., 0] if image.shape[2] == 1 else image
            Image.fromarray(pixels).save(picture, "PNG")
            name = f"{place:0{len(str(n - 1))}d}.png"
            write_file(out / name, picture.getvalue())


def encode_images(folder: Path, data: Path, out: Path) -> int:
    """Writes the features of every image below a folder, a row for each.

    Args:
        folder: of the run.
        data: a folder of images, of any sizes.
        out: a table with the columns `file` and `feature_0` on, or an `.npz` with the
            arrays `files` and `features`.

    Returns:
        How many images there are.

    Raises:
        InputError: the model has no features, there is no image, or one cannot be read.
    """
    config, model, variables = _restored(folder)
    if model.encode is None:
        raise InputError(f"{folder} holds a run whose model gives no features.")
    size = (config.size, config.size)
    files = image_files(data, size=size, fit=config.fit, grey=config.grey, classes=None)
    encode = jax.jit(model.encode)
    features = np.concatenate(
        [
            np.asarray(encode(variables, jnp.asarray(files.gather(rows)["image"])))
            for rows in (np.arange(a, a + n) for a, n in spans(len(files), BLOCK))
        ]
    )
    names = [path.relative_to(data).as_posix() for path in files.paths]
    if out.suffix == ".npz":
        arrays = BytesIO()
        np.savez(arrays, files=np.array(names), features=features)
        write_file(out, arrays.getvalue())
    else:
        columns = {f"feature_{i}": column for i, column in enumerate(features.T)}
        write_frame(pa.table({"file": names, **columns}), out)
    return len(names)


def _restored(folder: Path) -> tuple[Any, ImageModel, Variables]:
    """The configuration, the model and the variables; images are not read."""
    module, config = read_run(folder)
    if not is_of_images(config):
        raise InputError(f"{folder} holds no run on a folder of images.")
    model = module.model(config)
    blank = {
        "image": jnp.zeros((2, *config.shape), jnp.uint8),
        "label": jnp.zeros(2, jnp.int32),
    }
    example = model.prepare(blank)
    variables = read_variables(config, model.update, example, folder)
    return config, model, of_seed(variables, 0, config.seeds)
