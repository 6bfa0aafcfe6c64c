import numpy as np
import pytest
from PIL import Image

from genjax.data import image_folder
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
