import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import Boxes
from genjax.detection.scales import by_suppression, flip_test, image_pyramid
from genjax.errors import InputError
from tests.detection.scales.mock import dots, image_of, said

OBJECTS = [(4, 5, 6, 0.9, 0), (20, 9, 8, 0.7, 1), (25, 25, 4, 0.5, 0)]


def shares(variables, image):
    """Objects of one and of three quarters of the image, at any size."""
    del variables
    b, height, width, _ = image.shape
    box = jnp.array([[0, 0, 0.25, 0.25], [0.25, 0.25, 1, 1]]) * jnp.array(
        [[width, height] * 2], jnp.float32
    )
    xyxy = jnp.broadcast_to(box[None], (b, 2, 4))
    one = jnp.full((b, 2), 0.5 + width / 1000)
    return Boxes(xyxy, jnp.zeros((b, 2), jnp.int32), one > 0, one, one < 0)


def test_one_scale_is_the_detector_and_its_suppression():
    image = image_of(OBJECTS, 32, 40)
    detect = image_pyramid(dots, scales=(1,))
    assert said(detect({}, image)) == said(by_suppression()(dots({}, image)))
    assert len(said(dots({}, image))) == 3


def test_each_scale_tells_the_objects_of_its_range():
    image = jnp.zeros((1, 32, 40, 3))
    # In the original the small object has 8.9 pixels, the large one 26.8.
    detect = image_pyramid(
        shares, scales=(2, 0.5), ranges=((0, 40), (10, float("inf")))
    )
    found = detect({}, image)
    assert said(found) == [(0, 0, 10, 8, 0), (10, 8, 40, 32, 0)]
    # By its score, the small one is from the large image, the large one from the small.
    np.testing.assert_allclose(found.score[0, :2], [0.58, 0.52], rtol=1e-6)


def test_the_mirror_image_of_a_mirrored_detector_changes_nothing():
    image = image_of(OBJECTS, 32, 40)
    found = flip_test(dots)({}, image)
    assert said(found) == said(dots({}, image))
    np.testing.assert_allclose(found.score[0, :3], [0.9, 0.7, 0.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"scales": ()}, "scales must be positive"),
        ({"scales": (1, 0)}, "scales must be positive"),
        ({"scales": (1, 2), "ranges": ((0, 8),)}, "every scale needs a range"),
        (
            {"scales": (1, 2), "ranges": ((16, float("inf")), (0, 16))},
            "no range has objects of 8 to 16 pixels in the original",
        ),
        ({"scales": (1,), "ranges": ((0, 64),)}, "objects above 64 pixels"),
        ({"scales": (1,), "ranges": ((4, float("inf")),)}, "objects of 0 to 4"),
    ],
)
def test_scales_that_leave_sizes_to_nobody_are_sentences(how, message):
    with pytest.raises(InputError, match=message):
        image_pyramid(dots, **how)
