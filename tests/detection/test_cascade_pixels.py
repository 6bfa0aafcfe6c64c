import jax
import jax.numpy as jnp
import numpy as np

from genjax.detection._cascade_pixels import resampled, summed

PICTURE = jax.random.randint(jax.random.key(0), (40, 52, 3), 0, 256).astype("uint8")


def test_parts_of_a_picture_are_means_of_their_pixels():
    """As adaptive pooling takes them, larger and smaller than the box."""
    boxes = np.array([[3, 5, 40, 33], [0, 0, 52, 40], [10, 10, 15, 12]])
    found = resampled(summed(PICTURE), jnp.asarray(boxes, jnp.int32), (7, 9))
    pixels = np.asarray(PICTURE, np.float64)
    for box, part in zip(boxes, np.asarray(found), strict=True):
        left, top, right, bottom = box
        crop = pixels[top:bottom, left:right]
        height, width = crop.shape[:2]
        for row in range(7):
            for column in range(9):
                own = crop[
                    row * height // 7 : -(-(row + 1) * height // 7),
                    column * width // 9 : -(-(column + 1) * width // 9),
                ]
                wanted = (own.mean(axis=(0, 1)) - 127.5) / 128
                np.testing.assert_allclose(part[row, column], wanted, atol=1e-5)


def test_sums_beyond_the_largest_number_have_right_differences():
    sums = summed(PICTURE) + jnp.uint32(2**32 - 1000)
    box = jnp.array([[30, 20, 50, 39]], jnp.int32)
    np.testing.assert_array_equal(
        resampled(sums, box, (4, 4)),
        resampled(summed(PICTURE), box, (4, 4)),
    )
