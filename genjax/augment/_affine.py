"""Random affine maps of images."""

import jax
import jax.numpy as jnp

from genjax.augment._transforms import Images, Transform
from genjax.typing import Array, Key


def random_affine(
    *, shift: float = 0.0, rotation: float = 0.0, scale: float = 0.0
) -> Transform:
    """Shifts, turns and scales every image, by bilinear interpolation; outside is 0.

    Each amount is drawn uniformly for every image.

    Images are `[b, h, w, c]`.

    Args:
        shift: the most, along each axis, in pixels.
        rotation: the most, in radians.
        scale: the most, as a logarithm: .1 is about a tenth either way.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.augment import random_affine
    >>> images = jnp.ones((2, 4, 4, 1))
    >>> same = random_affine()(jax.random.key(0), images)
    >>> bool(jnp.allclose(same, images, atol=1e-5))
    True
    """

    def transform(key: Key, x: Images) -> Images:
        most = jnp.array([shift, shift, rotation, scale], jnp.float32)
        draws = (
            jax.random.uniform(key, (len(x), 4), minval=-1.0, maxval=1.0) * most[None]
        )
        height, width = x.shape[1:3]
        rows, columns = jnp.meshgrid(
            jnp.arange(height, dtype=jnp.float32) - (height - 1) / 2,
            jnp.arange(width, dtype=jnp.float32) - (width - 1) / 2,
            indexing="ij",
        )

        def one(image: Array, draw: Array) -> Array:
            down, right, angle, log_scale = draw
            cos = jnp.cos(angle) * jnp.exp(-log_scale)
            sin = jnp.sin(angle) * jnp.exp(-log_scale)
            source = [
                cos * rows - sin * columns + (height - 1) / 2 + down,
                sin * rows + cos * columns + (width - 1) / 2 + right,
            ]
            return jax.vmap(
                lambda channel: jax.scipy.ndimage.map_coordinates(
                    channel, source, order=1
                ),
                in_axes=2,
                out_axes=2,
            )(image)

        return jax.vmap(one)(x, draws)

    return transform
