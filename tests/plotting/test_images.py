import numpy as np
import pytest

from genjax.errors import InputError
from genjax.plotting import boxes_on_images, image_grid, save

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(5, 4, 4), (5, 4, 4, 1), (5, 4, 4, 3)])
def test_images_lie_row_by_row_with_a_gap(shape):
    images = RANDOM.random(shape)
    shown = image_grid(images, columns=3, row_labels=("a", "b")).axes[0].images[0]
    mosaic = np.asarray(shown.get_array())
    images = images[..., 0] if shape[3:] == (1,) else images
    assert mosaic.shape[:2] == (9, 14)
    np.testing.assert_allclose(mosaic[5:, 5:9], images[4])
    np.testing.assert_allclose(mosaic[:4, 10:], images[2])


def test_pictures_are_written(tmp_path):
    figure = image_grid(RANDOM.random((2, 4, 4, 3)))
    assert save(figure, tmp_path / "grid.png").stat().st_size > 500


def test_boxes_are_drawn_with_their_names():
    boxes = [[([1, 2, 5, 6], "cat 0.91")], []]
    axes = boxes_on_images(RANDOM.random((2, 8, 8)), boxes).axes
    (box,) = axes[0].patches
    assert (*box.get_xy(), box.get_width(), box.get_height()) == (1, 2, 4, 4)
    assert [text.get_text() for text in axes[0].texts] == ["cat 0.91"]
    assert not axes[1].patches


def test_an_array_that_is_no_image_is_a_sentence():
    with pytest.raises(InputError, match=r"\(4,\)"):
        image_grid(np.zeros(4))
