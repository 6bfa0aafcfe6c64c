import numpy as np
import pytest

from genjax.data import ArraySource, object_crops, read_voc
from genjax.errors import InputError
from tests.data.test_annotations import write_voc


def annotated():
    """Two pictures with a box of each brightness."""
    image = np.zeros((2, 20, 30, 3), np.uint8)
    image[0, 2:8, 3:15], image[0, 10:20, 20:30], image[1, 0:4, 0:4] = 50, 100, 200
    xyxy = np.zeros((2, 3, 4), np.float32)
    xyxy[0, :2], xyxy[1, 0] = [[3, 2, 15, 8], [20, 10, 35, 26]], [-4, 0, 4, 4]
    return {
        "image": image,
        "xyxy": xyxy,
        "label": np.array([[5, 6, 0], [7, 0, 0]]),
        "valid": np.array([[True, True, False], [True, False, False]]),
        "ignore": np.zeros((2, 3), bool),
    }


def test_every_object_is_cut_out_inside_its_picture():
    crops = object_crops(ArraySource(annotated()), size=8).arrays
    assert crops["label"].tolist() == [5, 6, 7]
    assert crops["image"].shape == (3, 8, 8, 3)
    for crop, level in zip(crops["image"], (50, 100, 200), strict=True):
        np.testing.assert_array_equal(crop, level)


def test_what_is_ignored_or_out_of_the_picture_is_left_out():
    arrays = annotated()
    arrays["ignore"][0, 0] = True
    arrays["xyxy"][1, 0] = [40, 2, 50, 8]
    crops = object_crops(ArraySource(arrays), size=4).arrays
    assert crops["label"].tolist() == [6]


def test_pictures_may_stay_in_their_files(tmp_path):
    folder = write_voc(tmp_path, [("cat", 1, 2, 9, 9), ("dog", 5, 5, 12, 19)])
    held, streamed = (
        object_crops(read_voc(folder, size=(20, 40), memory=gb).source, size=6).arrays
        for gb in (1.0, 0.0)
    )
    assert held["label"].tolist() == [0, 1]
    for name in held:
        np.testing.assert_array_equal(held[name], streamed[name])


@pytest.mark.shared_data
def test_platelets_are_the_small_cells(shared_data):
    found = read_voc(shared_data / "bccd/BCCD", subset="val", size=(480, 640))
    crops = object_crops(found.source, size=24).arrays
    counts = np.bincount(crops["label"], minlength=3)
    assert dict(zip(found.classes, counts.tolist(), strict=True))["Platelets"] > 50
    assert counts.sum() == len(crops["image"])


@pytest.mark.parametrize(
    ("change", "size", "message"),
    [
        ({}, 0, "size must be at least 1, got 0"),
        ({"valid": np.zeros((2, 3), bool)}, 4, "the pictures show no object"),
    ],
)
def test_mistakes_are_sentences(change, size, message):
    with pytest.raises(InputError, match=message):
        object_crops(ArraySource({**annotated(), **change}), size=size)
