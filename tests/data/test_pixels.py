import numpy as np
import pytest
from PIL import Image

from genjax.data._pixels import open_image
from genjax.errors import InputError


def saved(path, pixels, **settings):
    Image.fromarray(np.asarray(pixels)).save(path, **settings)
    return path


def test_sixteen_bits_keep_their_order(tmp_path):
    ramp = (np.arange(256, dtype=np.uint16) * 257)[None]
    image = open_image(saved(tmp_path / "a.png", ramp), "L")
    np.testing.assert_array_equal(np.asarray(image)[0], range(256))


def test_thirty_two_bits_have_no_white(tmp_path):
    path = saved(tmp_path / "a.tif", np.ones((2, 2), np.float32))
    with pytest.raises(InputError, match="its numbers have 32 bits"):
        open_image(path, "L")


def test_images_are_turned_as_a_viewer_turns_them(tmp_path):
    shown = np.arange(24, dtype=np.uint8).reshape(4, 6)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.png", np.rot90(shown), exif=exif)
    np.testing.assert_array_equal(open_image(path, "L"), shown)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_on_white(mode, tmp_path):
    pixels = np.zeros((1, 2, 4), np.uint8)
    pixels[0, 1, 3] = 255
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    found = np.asarray(open_image(tmp_path / "a.png", "RGB"))
    assert found[0].tolist() == [[255] * 3, [0] * 3]


def test_too_many_pixels_are_a_sentence(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", np.zeros((3, 4), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8)
    with pytest.raises(InputError, match="exceeds limit of 8 pixels"):
        open_image(path, "L")
