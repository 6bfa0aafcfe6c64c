"""Files with damaged bytes: an array as another reader has it, or a sentence."""

import io
import json
from contextlib import suppress
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from genjax.data import image_folder, read_coco, read_table, read_voc
from genjax.errors import InputError

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (9, 7, 3), dtype=np.uint8)
ROUNDS = [40, pytest.param(1000, marks=pytest.mark.slow)]


def damaged(whole, rng):
    """A file with some bytes turned, cut off, or put in between."""
    data = bytearray(whole)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(data)))
        match rng.integers(4):
            case 0:
                data[at] = rng.integers(256)
            case 1:
                data = data[: at + 1]
            case 2:
                data[at:at] = rng.bytes(rng.integers(1, 9))
            case 3:
                del data[at : at + int(rng.integers(1, 9))]
        data = data or bytearray(b"\0")
    return bytes(data)


def taken(path, whole, read, *, rounds, seed):
    """What is read of damaged files, where that is not refused in a sentence."""
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        path.write_bytes(damaged(whole, rng))
        with suppress(InputError):
            yield read()


def image_bytes(ending, **settings):
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, ending, **settings)
    return file.getvalue()


IMAGES = {
    "png": image_bytes("PNG"),
    "jpg": image_bytes("JPEG"),
    "bmp": image_bytes("BMP"),
    "gif": image_bytes("GIF"),
    "webp": image_bytes("WEBP", lossless=True),
    "tif": image_bytes("TIFF"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("ending", IMAGES)
def test_images(ending, rounds, tmp_path):
    path, whole = tmp_path / f"a.{ending}", IMAGES[ending]
    read = partial(image_folder, tmp_path)
    for source in taken(path, whole, read, rounds=rounds, seed=1):
        found = source.arrays["image"]
        with Image.open(path) as image:
            assert found.shape[1:3] == (image.height, image.width)
            assert found.dtype == np.uint8


CSV = b"a,b\n1,2.5\n-3,4e3\n5,.25\n"


def table_bytes(save):
    file = io.BytesIO()
    save(file)
    return file.getvalue()


TABLES = {
    "csv": CSV,
    "npy": table_bytes(lambda file: np.save(file, np.ones((3, 2)))),
    "npz": table_bytes(lambda file: np.savez(file, only=np.ones((3, 2)))),
    "parquet": table_bytes(
        lambda file: parquet.write_table(pa.table({"a": [1.0, 2.0]}), file)
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("ending", TABLES)
def test_tables(ending, rounds, tmp_path):
    path, whole = tmp_path / f"t.{ending}", TABLES[ending]
    read = partial(read_table, path)
    for found in taken(path, whole, read, rounds=rounds, seed=2):
        assert found.dtype == np.float32
        assert found.ndim == 2
        assert np.isfinite(found).all()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_tables_of_numbers_are_those_of_numpy(rounds, tmp_path):
    rng = np.random.default_rng(3)
    path = tmp_path / "t.csv"
    for _ in range(rounds):
        rows, columns = rng.integers(1, 6, 2)
        numbers = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-9, 9)
        cells = np.where(
            rng.random((rows, columns)) < 0.5, numbers, numbers.round()
        ).astype(str)
        if rng.random() < 0.3:
            cells = np.char.add(np.char.add('"', cells), '"')
        names = [",".join(f"n{i}" for i in range(columns))] * int(rng.integers(2))
        end = rng.choice(["\n", "\r\n"])
        text = end.join([*names, *map(",".join, cells.tolist())]) + end
        path.write_text(rng.choice(["", "\ufeff"]) + text, encoding="utf-8", newline="")
        wanted = np.loadtxt(
            path,
            delimiter=",",
            quotechar='"',
            skiprows=len(names),
            encoding="utf-8-sig",
            ndmin=2,
        )
        np.testing.assert_allclose(read_table(path), wanted, rtol=1e-6)


XML = b"""<annotation><filename>a.png</filename><object><name>cat</name><bndbox>
<xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>5</ymax></bndbox></object></annotation>"""
JSON = json.dumps(
    {
        "images": [{"id": 7, "file_name": "a.png"}],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [{"image_id": 7, "category_id": 3, "bbox": [1, 1, 3, 4]}],
    }
).encode()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize(("ending", "whole"), [("xml", XML), ("json", JSON)])
def test_annotations(ending, whole, rounds, tmp_path):
    (tmp_path / "a.png").write_bytes(IMAGES["png"])
    path, size = tmp_path / f"a.{ending}", (9, 7)
    read = {
        "xml": partial(read_voc, tmp_path, size=size),
        "json": partial(read_coco, path, tmp_path, size=size),
    }[ending]
    for found in taken(path, whole, read, rounds=rounds, seed=4):
        arrays = found.source.arrays
        assert np.isfinite(arrays["xyxy"]).all()
        assert (arrays["label"][arrays["valid"]] < len(found.classes)).all()
