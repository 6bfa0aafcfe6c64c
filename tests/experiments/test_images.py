"""A folder of pictures: to a model, and back to pictures and features."""

import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import image_runs
from genjax.data import image_folder, read_frame
from genjax.training import read_jsonl
from tests.experiments.commands import run

RANDOM = np.random.default_rng(0)
NAME = "vae/custom"
MODES = ("RGB", "L", "P", "RGBA", "CMYK", "I;16")


def write(folder, n):
    """Pictures of two classes, in sizes and modes of their own."""
    for i in range(n):
        mode = MODES[i % len(MODES)]
        low, high = ((0, 120), (120, 255))[i % 2]
        pixels = RANDOM.integers(low, high, (9 + i % 5, 12, 3)).astype(np.uint8)
        if mode == "I;16":
            image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        else:
            image = Image.fromarray(pixels).convert(mode)
        place = folder / ("dark", "light")[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{i}.{'jpg' if mode == 'CMYK' else 'png'}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    write(folder / "own", 40)
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    shutil.copytree(folder / "own", folder / "gone")
    how = ["--smoke", "--no-progress", "--data", folder / "gone"]
    done = run(NAME, *how, "--workdir", folder / "run")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "gone")  # it is needed no more
    return folder / "run"


def test_samples_are_files(trained, folder):
    out = folder / "samples"
    done = run("sample", trained, "-n", 11, "--out", out)
    assert done.returncode == 0, done.stderr
    found = image_folder(out).arrays["image"]
    assert found.shape == (11, 8, 8, 3)
    assert len(np.unique(found)) > 2
    assert (out / "00.png").exists()
    again = run("sample", trained, "-n", 11, "--out", out)
    assert "is there already" in again.stderr


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_features_are_rows_of_files(trained, folder, ending):
    out = folder / f"features.{ending}"
    done = run("encode", trained, "--data", folder / "own", "--out", out)
    assert done.returncode == 0, done.stderr
    if ending == "npz":
        with np.load(out) as arrays:
            files, features = arrays["files"].tolist(), arrays["features"]
    else:
        table = read_frame(out)
        files = table.column("file").to_pylist()
        features = np.column_stack(table.drop(["file"]).columns)
    paths = sorted(p for p in (folder / "own").rglob("*") if p.is_file())
    assert files == [p.relative_to(folder / "own").as_posix() for p in paths]
    _, model, variables = image_runs._restored(trained)
    images = image_folder(folder / "own", size=(8, 8)).arrays["image"]
    expected = model.encode(variables, jnp.asarray(images))
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)


def test_features_do_not_depend_on_what_else_there_is(trained, folder, tmp_path):
    one = sorted((folder / "own" / "dark").iterdir())[3]
    shutil.copy(one, tmp_path / one.name)
    for place in (folder / "own", tmp_path):
        out = tmp_path / f"{place.name}.npz"
        assert run("encode", trained, "--data", place, "--out", out).returncode == 0
    alone, among = (
        np.load(tmp_path / f"{p.name}.npz") for p in (tmp_path, folder / "own")
    )
    place = among["files"].tolist().index(f"dark/{one.name}")
    np.testing.assert_allclose(
        alone["features"][0], among["features"][place], rtol=1e-5
    )


def test_data_that_have_changed_are_refused(folder):
    shutil.copytree(folder / "own", folder / "moving")
    how = ["--smoke", "--no-progress", "--data", folder / "moving"]
    done = run(NAME, *how, "--workdir", folder / "moved")
    assert done.returncode == 0, done.stderr
    assert run("evaluate", folder / "moved").returncode == 0
    next((folder / "moving" / "dark").iterdir()).unlink()
    again = run("evaluate", folder / "moved")
    assert "images came or went" in again.stderr
    more = run(NAME, "--resume", "--workdir", folder / "moved", "--steps", 6)
    assert "images came or went" in more.stderr


def test_sizes_that_cannot_be_built_are_told_by_their_flag(folder, tmp_path):
    own = ["--data", folder / "own", "--workdir", tmp_path / "run"]
    for name, size, sentence in (
        ("gan/custom", 30, "the nearest are 28 and 32, got 30"),
        (NAME, 50, "the nearest are 48 and 56, got 50"),
        ("flows/custom", 30, "a multiple of 8, since --scales 3"),
    ):
        assert sentence in run(name, "--size", size, *own).stderr
    wide = run("autoregressive/custom_images", "--width", 4, *own)
    assert "--width must be a multiple of the 3 colours" in wide.stderr


def test_a_set_beyond_memory_is_the_same_run(trained, folder):
    how = ["--smoke", "--no-progress", "--data", folder / "own", "--memory", 0]
    done = run(NAME, *how, "--workdir", folder / "streamed")
    assert done.returncode == 0, done.stderr
    rows = [read_jsonl(f / "metrics.jsonl") for f in (trained, folder / "streamed")]
    assert rows[0] == rows[1]


def test_what_cannot_be_done_is_a_sentence(trained, folder, tmp_path):
    own = ["--data", folder / "own"]
    out = run("encode", trained, *own, "--out", tmp_path / "features.txt")
    assert "the endings are .csv, .tsv, .parquet, .npz" in out.stderr
    few = run("gan/custom", "--smoke", *own, "--workdir", tmp_path / "gan")
    assert (
        "40 images leave 4 for validation, of which this model needs 24" in few.stderr
    )
    many = run(NAME, *own, "--workdir", tmp_path / "vae")
    assert "--batch-size 64: only 32 of 40 images are for training" in many.stderr
    (tmp_path / "empty").mkdir()
    none = run("encode", trained, "--data", tmp_path / "empty", "--out", "f.npz")
    assert "holds no image" in none.stderr
    (tmp_path / "empty" / "one.png").write_text("no image")
    one = run(NAME, "--data", tmp_path / "empty", "--workdir", tmp_path / "one")
    assert "1 examples leave the split 'train' empty" in one.stderr
    bad = run("encode", trained, "--data", tmp_path / "empty", "--out", "f.npz")
    assert "one.png is not an image that can be read" in bad.stderr
