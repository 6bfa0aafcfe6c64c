"""Where a picture lies in another: the map of its pixels, and the map back."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from genjax.typing import Array, Float


class Placement(NamedTuple):
    """A map of pixels along both axes, of one picture or of a batch.

        x' = scale x + offset

    A negative scale mirrors. Resizing, cropping and padding each are one, and so is
    what they do one after another.

    Fields:
        scale: along x and y, `[*b, 2]`.
        offset: of the upper left corner, in pixels, `[*b, 2]`.
    """

    scale: Float[Array | np.ndarray, "*b 2"]
    offset: Float[Array | np.ndarray, "*b 2"]

    def of(self, xyxy: Float[Array | np.ndarray, "*b n 4"]) -> Float[Array, "*b n 4"]:
        """Boxes of the picture where they come to lie.

        >>> import jax.numpy as jnp
        >>> from genjax.placement import Placement
        >>> half = Placement(jnp.array([0.5, 0.5]), jnp.array([0.0, 8.0]))
        >>> half.of(jnp.array([[2.0, 4.0, 6.0, 8.0]])).tolist()
        [[1.0, 10.0, 3.0, 12.0]]
        """
        scale, offset = (
            jnp.asarray(x)[..., None, :] for x in (self.scale, self.offset)
        )
        ends = scale * xyxy[..., :2] + offset, scale * xyxy[..., 2:] + offset
        return jnp.concatenate([jnp.minimum(*ends), jnp.maximum(*ends)], axis=-1)

    @property
    def back(self) -> "Placement":
        """The map to the pixels of the picture.

        >>> import jax.numpy as jnp
        >>> from genjax.placement import Placement
        >>> half = Placement(jnp.array([0.5, 0.5]), jnp.array([0.0, 8.0]))
        >>> half.back.of(jnp.array([[1.0, 10.0, 3.0, 12.0]])).tolist()
        [[2.0, 4.0, 6.0, 8.0]]
        """
        return Placement(1 / self.scale, -self.offset / self.scale)

    def then(self, other: "Placement") -> "Placement":
        """This map, and another after it.

        >>> import jax.numpy as jnp
        >>> from genjax.placement import Placement
        >>> half = Placement(jnp.array([0.5, 0.5]), jnp.array([0.0, 8.0]))
        >>> half.then(half).offset.tolist()
        [0.0, 12.0]
        """
        return Placement(
            other.scale * self.scale, other.scale * self.offset + other.offset
        )


def fitting_sides(sides: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Returns height and width of a picture that is made to fit, its shape kept.

    Args:
        sides: height and width of the picture.
        size: that it must fit into.

    >>> from genjax.placement import fitting_sides
    >>> fitting_sides((30, 40), (20, 20))
    (15, 20)
    """
    scale = min(size[0] / sides[0], size[1] / sides[1])
    return max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale))
