"""TensorFlow Datasets without TensorFlow and without network.

`prepare` turns the original archives of a data set into TFDS's own records, verified by
TFDS's own checksums; `load_prepared` reads any prepared set by name.
"""

import gzip
import io
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from genjax.data._source import ArraySource
from genjax.errors import InputError, extra

PREPARABLE = ("mnist", "fashion_mnist", "kmnist", "binarized_mnist")


def prepare(
    name: str, archives: str | Path, *, data_dir: str | Path | None = None
) -> Path:
    """Prepares a data set from its original archives.

    Args:
        name: one of `PREPARABLE`.
        archives: the folder with the archives under their original names.
        data_dir: where prepared sets are kept; TFDS's own folder when None.

    Returns:
        The folder of the prepared set.

    Raises:
        InputError: another name, or an archive is missing or damaged.

    >>> from genjax.data import prepare
    >>> prepare("mnist", "absent")
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: there is no folder of archives at absent.
    """
    if name not in PREPARABLE:
        raise InputError(
            f"{name!r} cannot be prepared here, only {', '.join(PREPARABLE)}."
        )
    if not Path(archives).is_dir():
        raise InputError(f"there is no folder of archives at {archives}.")
    with extra("data"):
        import tensorflow_datasets as tfds

    builder = _builder(name, data_dir)
    folder = Path(archives).absolute()
    missing = [file for file in _archives(name) if not (folder / file).is_file()]
    if missing:
        raise InputError(f"{name}: {folder} lacks {', '.join(missing)}.")
    config = tfds.download.DownloadConfig(manual_dir=folder)
    try:
        builder.download_and_prepare(download_config=config, file_format="array_record")
    except tfds.download.download_manager.NonMatchingChecksumError as error:
        raise InputError(f"{name}: an archive in {folder} is damaged: {error}") from (
            error
        )
    return Path(builder.data_dir)


def load_prepared(
    name: str, split: str, *, data_dir: str | Path | None = None
) -> ArraySource:
    """Reads a split of any prepared TFDS set into memory.

    Args:
        name: the TFDS name, with its configuration or version where it has several.
        split: the TFDS name of the split: `"train"`, `"test"`, `"train[:1000]"`.
        data_dir: where prepared sets are kept; TFDS's own folder when None.

    Returns:
        A source with the features of the set, in the order of the records.

    Raises:
        InputError: the set is not prepared; the sentence says how to prepare it.

    >>> from genjax.data import load_prepared
    >>> load_prepared("mnist", "train", data_dir="absent")
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: mnist is not prepared: call data.prepare('mnist', FOLDER)
    with a folder that holds train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz,
    t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz.
    """
    with extra("data"):
        from tensorflow_datasets.core import read_only_builder, registered

    try:
        builder = (
            _builder(name, data_dir)
            if name in PREPARABLE
            else read_only_builder.builder_from_files(name, data_dir=data_dir)
        )
    except (registered.DatasetNotFoundError, FileNotFoundError) as error:
        raise InputError(_unprepared(name)) from error
    except Exception as error:  # damaged files lead its parsers anywhere
        raise InputError(_damaged(name, data_dir, error)) from error
    if not Path(builder.data_dir).is_dir() or not builder.info.splits:
        raise InputError(_unprepared(name))
    known = sorted(builder.info.splits)
    if re.split(r"[\[+]", split)[0] not in [*known, "all"]:
        raise InputError(f"{name} has no split {split!r}, only {known}.")
    try:
        examples: list[Any] = list(builder.as_data_source(split=split))
    except Exception as error:
        raise InputError(_damaged(name, builder.data_dir, error)) from error
    if not examples:
        raise InputError(f"{name}: the split {split!r} is empty.")
    try:
        fields = {key: np.stack([row[key] for row in examples]) for key in examples[0]}
    except ValueError as error:
        raise InputError(
            f"{name}: its examples differ in size and cannot be stacked: {error}."
        ) from error
    return ArraySource(fields)


def _damaged(name: str, folder: str | Path | None, error: Exception) -> str:
    return (
        f"{name}: what was prepared in {folder or 'the folder of TFDS'} is damaged "
        f"({error}); remove it, and prepare it anew."
    )


def _unprepared(name: str) -> str:
    if name in PREPARABLE:
        files = ", ".join(_archives(name))
        return (
            f"{name} is not prepared: call data.prepare({name!r}, FOLDER) with a "
            f"folder that holds {files}."
        )
    return f"{name} is not prepared in TFDS's folder, and cannot be prepared here."


def _archives(name: str) -> list[str]:
    if name == "binarized_mnist":
        return [f"binarized_mnist_{part}.amat" for part in ("train", "valid", "test")]
    return [
        f"{part}-{kind}-ubyte.gz"
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    ]


def _builder(name: str, data_dir: str | Path | None) -> Any:
    return _builder_class(name)(data_dir=data_dir)


@cache
def _builder_class(name: str) -> Any:
    """A stock builder whose examples are read by NumPy instead of TensorFlow."""
    with extra("data"):
        import tensorflow_datasets as tfds

    stock: Any = tfds.builder_cls(name)
    with tfds.core.registered.skip_registration():

        class WithoutTensorFlow(stock):
            """The stock builder, reading with NumPy."""

            def _split_generators(self, dl_manager):
                # TFDS extracts by TensorFlow; `_idx` reads the archive itself.
                downloads = SimpleNamespace(
                    download=dl_manager.download,
                    download_and_extract=dl_manager.download,
                )
                return super()._split_generators(downloads)

            def _generate_examples(self, data_path, label_path=None, **_):
                return _examples(Path(data_path), label_path)

    WithoutTensorFlow.name = name
    return WithoutTensorFlow


def _examples(data: Path, labels: Path | None) -> Iterator[tuple[int, dict[str, Any]]]:
    if labels is None:
        images = np.loadtxt(data, dtype=np.uint8).reshape(-1, 28, 28)
        for index, image in enumerate(images):
            yield index, {"image": _png(image)}
        return
    images = _idx(data, offset=16).reshape(-1, 28, 28)
    pairs = zip(images, _idx(Path(labels), offset=8), strict=True)
    for index, (image, label) in enumerate(pairs):
        yield index, {"image": _png(image), "label": int(label)}


def _idx(path: Path, *, offset: int) -> np.ndarray:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return np.frombuffer(data, np.uint8, offset=offset)


def _png(image: np.ndarray) -> io.BytesIO:
    with extra("data"):
        from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    buffer.seek(0)
    return buffer
