import numpy as np
import pytest
from PIL import Image

from genjax.data import read_coco, read_voc, read_yolo, split, streamed
from genjax.data._pixels import image_sides
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


def turned_set(folder):
    """Pictures of several shapes, one of them turned by its EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for i, size in enumerate([(40, 20), (20, 40), (30, 30), (40, 20)]):
        extra = {"exif": exif} if i == 3 else {}
        Image.new("RGB", size, (60 * i, 9, 9)).save(folder / f"{i}.jpg", **extra)
        (folder / f"{i}.txt").write_text("0 0.5 0.5 0.4 0.2\n" * i)
    return folder


def test_a_set_in_its_files_is_the_same_set(tmp_path):
    how = {"size": (16, 24), "classes": ("cat",)}
    folder = turned_set(tmp_path)
    held, files = (read_yolo(folder, memory=m, **how) for m in (1.0, 1e-9))
    assert held.problems == files.problems
    rows = np.array([3, 0, 2])
    wanted, found = held.source.gather(rows), files.source.gather(rows)
    assert sorted(wanted) == sorted(found)
    for name, values in wanted.items():
        np.testing.assert_array_equal(values, found[name])
    # The turned one is 20 wide and 40 high.
    np.testing.assert_allclose(found["scale"][0], [0.4, 0.4])
    assert "image" not in files.source.arrays
    train = split(files.source, validation=1, test=1).train
    batch = streamed(train, batch_size=2, seed=0, steps=1).feed(0, 1)
    assert batch["image"].shape == (1, 2, 16, 24, 3)


def test_damage_in_files_is_told_when_they_are_read(tmp_path):
    folder = turned_set(tmp_path)
    whole = (folder / "1.jpg").read_bytes()
    (folder / "1.jpg").write_bytes(whole[:-20])
    source = read_yolo(folder, size=(8, 8), classes=("cat",), memory=0.0).source
    with pytest.raises(InputError, match=r"1\.jpg is not an image"):
        source.gather(np.arange(2))
    (folder / "1.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"1\.jpg is not an image"):
        read_yolo(folder, size=(8, 8), classes=("cat",), memory=0.0)
    skipped = read_yolo(
        folder, size=(8, 8), classes=("cat",), memory=0.0, skip_bad=True
    )
    assert len(skipped.source) == 3


def test_a_set_in_files_is_asked_as_one_that_is_held(tmp_path):
    how = {"size": (16, 24), "classes": ("cat",)}
    folder = turned_set(tmp_path)
    held, files = (read_yolo(folder, memory=m, **how).source for m in (1.0, 0.0))
    for rows in (np.array([], int), np.array([True, False, False, True])):
        wanted, found = held.gather(rows), files.gather(rows)
        assert {k: v.shape for k, v in wanted.items()} == {
            k: v.shape for k, v in found.items()
        }
    for memory in (-1.0, float("nan")):
        with pytest.raises(InputError, match="gigabytes from 0 on, got"):
            read_yolo(folder, memory=memory, **how)
    Image.fromarray(np.zeros((4, 4), np.int32)).save(folder / "4.tif")
    with pytest.raises(InputError, match=r"4\.tif: its numbers have 32 bits"):
        read_yolo(folder, memory=0.0, **how)


def test_a_png_may_be_turned_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png", exif=exif)
    Image.new("RGB", (40, 20)).save(tmp_path / "b.png")
    assert image_sides(tmp_path / "a.png") == (40, 20)
    assert image_sides(tmp_path / "b.png") == (20, 40)
