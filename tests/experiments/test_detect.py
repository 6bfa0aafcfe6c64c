"""Pictures of one's own: what a trained detector finds in them."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.experiments.commands import run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detect") / "run"
    done = run("detection/custom", "--smoke", "--no-progress", "--workdir", folder)
    assert done.returncode == 0, done.stderr
    return folder


def picture(path, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_pictures_and_lines_are_written_in_the_pixels_of_the_original(
    trained, tmp_path
):
    (tmp_path / "other").mkdir()
    paths = [picture(tmp_path / "a.png", (200, 90))]
    paths.append(picture(tmp_path / "other" / "a.png", (64, 64)))
    out = tmp_path / "out"
    done = run("detect", trained, *paths, "--out", out, "--score", 0.0)
    assert done.returncode == 0, done.stderr
    lines = (out / "detections.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["image"] for row in rows] == [str(path) for path in paths]
    for row, (width, height) in zip(rows, ((200, 90), (64, 64)), strict=True):
        assert row["objects"]
        for found in row["objects"]:
            assert set(found) == {"class", "score", "xyxy"}
            left, top, right, bottom = found["xyxy"]
            assert -width < left < right < 2 * width
            assert -height < top < bottom < 2 * height * 2
    assert (out / "a.png").exists()
    assert (out / "a_2.png").exists()
    metrics = json.loads((trained / "result.json").read_text())["metrics"]
    assert {f"AP of {digit}" for digit in range(10)} <= set(metrics)


@pytest.mark.parametrize(
    ("pictures", "sentence"),
    [(["absent.png"], "there is no image at"), (["text.png"], "is not an image")],
)
def test_what_is_no_picture_is_told_and_nothing_written(
    pictures, sentence, trained, tmp_path
):
    (tmp_path / "text.png").write_text("no picture")
    paths = [tmp_path / name for name in pictures]
    done = run("detect", trained, *paths, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_not_written_into(trained, tmp_path):
    path = picture(tmp_path / "a.png", (32, 32))
    done = run("detect", trained, path, "--out", tmp_path)
    assert done.returncode == 2
    assert "is there already" in done.stderr
    other = run("detect", tmp_path, path, "--out", tmp_path / "out")
    assert "is not the folder of a run" in other.stderr
