import numpy as np
import pytest
from PIL import Image

from genjax.data import read_coco, read_voc
from genjax.errors import InputError
from genjax.placement import Placement
from tests.data.test_annotations import box, coco, write_voc


@pytest.mark.parametrize(
    "name",
    ["A.PNG", "a", "C:\\Users\\me\\a.png", "/home/me/a.png", "renamed.png", " a.png"],
)
def test_images_are_found_by_the_names_that_tools_write(tmp_path, name):
    folder = write_voc(tmp_path / "set", [("cat", 1, 2, 3, 4)], name)
    (folder / "._a.xml").write_text("a system's own")
    assert len(read_voc(folder, size=(8, 8)).source) == 1
    (folder / "a.png").unlink()
    with pytest.raises(InputError, match=r"a\.xml: there is no image at"):
        read_voc(folder, size=(8, 8))


def test_what_is_odd_is_told(tmp_path):
    folder = write_voc(tmp_path, [("cat", 1, 2, 90, 9), ("cat", 5, 5, 2, 9)] * 2)
    found = read_voc(folder, size=(8, 8), classes=("cat", "dog"))
    assert [line.split("]")[-1] for line in found.problems] == [
        "no box is of the class 'dog'.",
        " lies beyond its picture of 40 x 20.",
        " has no extent and is left out.",
        " lies beyond its picture of 40 x 20.",
        " stands twice.",
        " has no extent and is left out.",
        " stands twice.",
    ]
    (folder / "b.xml").write_text((folder / "a.xml").read_text())
    with pytest.raises(InputError, match="stands twice in the set"):
        read_voc(folder, size=(8, 8))


def test_areas_are_the_objects_and_sizes_the_files(tmp_path):
    arrays = read_coco(coco(tmp_path, **box(area=99)), tmp_path, size=(20, 20))
    arrays = arrays.source.arrays
    assert arrays["area"].tolist() == [[99]]
    placement = Placement(arrays["scale"], arrays["offset"])
    np.testing.assert_allclose(placement.scale, [[0.5, 0.5]])
    np.testing.assert_allclose(placement.back.of(arrays["xyxy"]), [[[4, 2, 20, 10]]])


def test_what_is_damaged_is_left_out_and_told_where_it_may_be(tmp_path):
    folder = write_voc(tmp_path, [("cat", 1, 2, 30, 14)])
    for name in "bc":
        Image.new("RGB", (40, 20)).save(folder / f"{name}.png")
        text = (folder / "a.xml").read_text().replace("a.png", f"{name}.png")
        (folder / f"{name}.xml").write_text(text)
    (folder / "b.xml").write_text("<annotation>")
    (folder / "c.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"b\.xml is not an annotation"):
        read_voc(folder, size=(8, 8))
    found = read_voc(folder, size=(8, 8), skip_bad=True)
    assert len(found.source) == 1
    assert [line.split()[2].split("/")[-1] for line in found.problems] == [
        "b.xml",
        "c.png",
    ]
    (folder / "a.png").unlink()
    with pytest.raises(InputError, match="no image is left of this set"):
        read_voc(folder, size=(8, 8), skip_bad=True)
