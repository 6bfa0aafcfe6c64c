import numpy as np
import pytest
from PIL import Image

from genjax.data import image_files, image_folder, in_memory, split, streamed
from genjax.errors import InputError


def put(path, size=(4, 3), value=7):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.full((size[1], size[0], 3), value, np.uint8)).save(path)


def test_subfolders_are_classes(tmp_path):
    put(tmp_path / "cat" / "1.png", value=1)
    put(tmp_path / "dog" / "1.png", value=2)
    arrays = image_folder(tmp_path).arrays
    assert arrays["image"].shape == (2, 3, 4, 3)
    assert arrays["label"].tolist() == [0, 1]
    assert image_folder(tmp_path, grey=True).arrays["image"].shape == (2, 3, 4, 1)


def test_bad_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        image_folder(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no image"):
        image_folder(tmp_path)
    put(tmp_path / "a.png")
    put(tmp_path / "b.png", size=(5, 3))
    with pytest.raises(InputError, match=r"a.png is 4 x 3, b.png is 5 x 3"):
        image_folder(tmp_path)
    (tmp_path / "b.png").write_text("no image")
    with pytest.raises(InputError, match=r"b.png is not an image"):
        image_folder(tmp_path)


def test_labels_are_those_of_the_folders_in_every_split(tmp_path):
    for name in ("train/cat/1", "train/dog/1", "train/owl/1", "val/cat/1", "val/owl/1"):
        put(tmp_path / f"{name}.png")
    labels = image_folder(tmp_path / "val", classes=("cat", "dog", "owl")).arrays[
        "label"
    ]
    assert labels.tolist() == [0, 2]
    (tmp_path / "val" / "dog").mkdir()
    assert image_folder(tmp_path / "val").arrays["label"].tolist() == [0, 2]
    with pytest.raises(InputError, match="'owl' is not among the classes"):
        image_folder(tmp_path / "val", classes=("cat", "dog"))


def test_hidden_files_are_none_and_images_beside_classes_are_refused(tmp_path):
    for name in ("a/1", "b/1", ".ipynb_checkpoints/1", "a/.thumbnail"):
        put(tmp_path / f"{name}.png")
    assert image_folder(tmp_path).arrays["label"].tolist() == [0, 1]
    put(tmp_path / "cover.png")
    with pytest.raises(InputError, match=r"cover.png lies beside the subfolders \['a'"):
        image_folder(tmp_path)


@pytest.mark.parametrize(
    ("fit", "corner", "middle"), [("crop", 0, 0), ("pad", 255, 0), ("stretch", 0, 0)]
)
def test_images_of_mixed_sizes_are_brought_to_one(fit, corner, middle, tmp_path):
    for name, size in (("a", (40, 20)), ("b", (16, 16))):
        Image.new("L", size, 0).save(tmp_path / f"{name}.png")
    images = image_folder(tmp_path, grey=True, size=(16, 16), fit=fit).arrays["image"]
    assert images.shape == (2, 16, 16, 1)
    assert (images[0, 0, 0, 0], images[0, 8, 8, 0]) == (corner, middle)
    with pytest.raises(InputError, match="fit is crop, pad, stretch, got 'zoom'"):
        image_folder(tmp_path, size=(16, 16), fit="zoom")


def test_files_are_read_when_they_are_asked_for(tmp_path):
    for i in range(12):
        put(tmp_path / "ab"[i % 2] / f"{i}.png", size=(4 + i, 5), value=20 * i)
    files, whole = (
        image_files(tmp_path, size=(6, 6)),
        image_folder(tmp_path, size=(6, 6)),
    )
    assert (len(files), files.classes) == (12, ("a", "b"))
    parts, same = (split(source, validation=3, test=3) for source in (files, whole))
    for part, other in zip(parts, same, strict=True):
        found = part.gather(np.arange(len(part)))
        for name, array in other.arrays.items():
            np.testing.assert_array_equal(found[name], array)
    how = {"batch_size": 2, "seed": 0}
    ahead = streamed(parts.train, steps=3, **how).feed(0, 3)
    held = in_memory(same.train, **how).feed(0, 3)
    np.testing.assert_array_equal(ahead["image"], held["image"])
    (tmp_path / "a" / "0.png").write_text("no image")
    with pytest.raises(InputError, match=r"0.png is not an image"):
        files.gather(np.arange(12))


def test_links_are_followed_and_a_sliver_is_seen(tmp_path):
    put(tmp_path / "own" / "1.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "cat").symlink_to(tmp_path / "own")
    assert image_folder(tmp_path / "set").arrays["image"].shape == (1, 3, 4, 3)
    put(tmp_path / "thin" / "1.png", size=(2, 300), value=0)
    thin = image_folder(tmp_path / "thin", size=(8, 8), fit="pad").arrays["image"]
    assert 0 < (thin == 0).mean() < 0.2
    with pytest.raises(InputError, match=r"1.png: it is a file"):
        image_folder(tmp_path / "own" / "1.png")
    put(tmp_path / "own" / "sub" / "2.png")
    assert len(image_files(tmp_path / "own", size=(8, 8), classes=None)) == 2
