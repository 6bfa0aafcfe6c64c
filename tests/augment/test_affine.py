import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from genjax.augment import random_affine

IMAGES = jax.random.uniform(jax.random.key(0), (3, 9, 9, 2))


def test_shifts_are_scipys():
    moved = random_affine(shift=2.0)(jax.random.key(1), IMAGES)
    draws = jax.random.uniform(jax.random.key(1), (3, 4), minval=-1.0, maxval=1.0)
    for image, out, draw in zip(IMAGES, moved, draws, strict=True):
        offset = [-2 * float(draw[0]), -2 * float(draw[1])]
        for channel in range(2):
            wanted = ndimage.shift(
                np.asarray(image[..., channel]), offset, order=1, mode="grid-constant"
            )
            np.testing.assert_allclose(out[..., channel], wanted, atol=1e-5)


def test_every_image_has_a_draw_of_its_own():
    same = jnp.tile(IMAGES[:1], (4, 1, 1, 1))
    turned = random_affine(rotation=0.5, scale=0.2)(jax.random.key(0), same)
    assert float(np.abs(turned[0] - turned[1]).max()) > 1e-2
    again = random_affine(rotation=0.5, scale=0.2)(jax.random.key(0), same)
    np.testing.assert_array_equal(turned, again)
