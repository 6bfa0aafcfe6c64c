"""Toy densities in the plane whose log-probability, and so entropy, is known."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import Density
from genjax.checks import check_event
from genjax.densities._bounded import no_variables
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables


def two_moons(*, noise: float = 0.05) -> Density:
    """Two interleaved half circles with Gaussian noise.

    Points are uniform on the upper half of the unit circle, or on the lower half of the
    one around (1, 1/2), plus a normal of standard deviation `noise`. Its density is the
    integral of that normal along both arcs, here by the midpoint rule to below 1e-6.

    Points are `[b, 2]`.

    Args:
        noise: the standard deviation. The entropy is .288, 1.007 and 1.677 nats at
            .05, .1 and .2.

    Raises:
        InputError: `noise` is not positive.

    Source: Pedregosa et al., 2011 (scikit-learn's `make_moons`).

    >>> import jax
    >>> from genjax.densities import two_moons
    >>> x, log_prob = two_moons().sample({}, jax.random.key(0), 4)
    >>> x.shape, log_prob.shape
    ((4, 2), (4,))
    """
    if noise <= 0:
        raise InputError(f"two_moons: noise must be positive, got {noise}.")
    points = max(64, math.ceil(4 * math.pi / noise))
    angles = (np.arange(points) + 0.5) * math.pi / points
    upper = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    lower = np.stack([1 - np.cos(angles), 0.5 - np.sin(angles)], axis=1)
    centres = jnp.asarray(np.concatenate([upper, lower]), jnp.float32)

    def draw(key: Key, n: int) -> Array:
        key_angle, key_arc, key_noise = jax.random.split(key, 3)
        angle = jax.random.uniform(key_angle, (n,), maxval=math.pi)
        x, y = jnp.cos(angle), jnp.sin(angle)
        is_lower = jax.random.bernoulli(key_arc, shape=(n,))
        arc = jnp.stack(
            [jnp.where(is_lower, 1 - x, x), jnp.where(is_lower, 0.5 - y, y)], axis=1
        )
        return arc + noise * jax.random.normal(key_noise, (n, 2))

    return _without_params(draw, lambda x: _isotropic_mixture(x, centres, noise))


def spirals(*, turns: float = 1.0, radius: float = 3.0, noise: float = 0.1) -> Density:
    """Two interleaved spirals of Archimedes with Gaussian noise.

    A point lies uniformly along the angle of a spiral, `r = radius angle / (2 pi
    turns)`, or of its mirror image, plus a normal of standard deviation `noise`; its
    density is the integral of that normal along both, by the midpoint rule.

    Points are `[b, 2]`.

    Args:
        turns: from the centre to the end.
        radius: of the end.
        noise: the standard deviation.

    Raises:
        InputError: an argument is not positive.

    Source: the task is that of Lang and Witbrock, 1988.

    >>> import jax
    >>> from genjax.densities import spirals
    >>> x, log_prob = spirals().sample({}, jax.random.key(0), 4)
    >>> x.shape, log_prob.shape
    ((4, 2), (4,))
    """
    for name, value in (("turns", turns), ("radius", radius), ("noise", noise)):
        if value <= 0:
            raise InputError(f"spirals: {name} must be positive, got {value}.")

    def arm(share: Array | np.ndarray) -> Array:
        angle = 2 * math.pi * turns * jnp.asarray(share, jnp.float32)
        r = radius * jnp.asarray(share, jnp.float32)
        return jnp.stack([r * jnp.cos(angle), r * jnp.sin(angle)], axis=1)

    points = max(64, math.ceil(4 * radius * (1 + 2 * math.pi * turns) / noise))
    one = arm((np.arange(points) + 0.5) / points)
    centres = jnp.concatenate([one, -one])

    def draw(key: Key, n: int) -> Array:
        key_share, key_arm, key_noise = jax.random.split(key, 3)
        point = arm(jax.random.uniform(key_share, (n,)))
        is_mirrored = jax.random.bernoulli(key_arm, shape=(n, 1))
        point = jnp.where(is_mirrored, -point, point)
        return point + noise * jax.random.normal(key_noise, (n, 2))

    return _without_params(draw, lambda x: _isotropic_mixture(x, centres, noise))


def eight_gaussians(
    *, radius: float = 4 / math.sqrt(2), scale: float = 0.5 / math.sqrt(2)
) -> Density:
    """Eight equal normals on a circle.

    Points are `[b, 2]`.

    Args:
        radius: of the circle.
        scale: the standard deviation of each. The entropy is 2.829 nats at the
            defaults, 2.6147 at radius 5 and scale sqrt(.1).

    Source: the scaling is that of Grathwohl et al., 2019, arXiv:1810.01367.

    >>> import jax.numpy as jnp
    >>> from genjax.densities import eight_gaussians
    >>> eight_gaussians().log_prob({}, jnp.zeros((1, 2))).shape
    (1,)
    """
    return _gaussians(ring_centres(radius), scale)


def ring_centres(radius: float) -> np.ndarray:
    """Returns the centres `[8, 2]` of `eight_gaussians`.

    Source: Grathwohl et al., 2019, arXiv:1810.01367.

    >>> from genjax.densities import ring_centres
    >>> ring_centres(2.0)[0].tolist()
    [2.0, 0.0]
    """
    angles = 2 * math.pi * np.arange(8) / 8
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def gaussian_grid(
    *, side: int = 5, spacing: float = 2.0, scale: float = 0.05
) -> Density:
    """A square grid of equal normals, the classic of mode collapse.

    Points are `[b, 2]`.

    Args:
        side: normals along one side of the grid.
        spacing: the distance of neighbours.
        scale: the standard deviation of each. The entropy is .0653 nats at the
            defaults.

    Source: Srivastava et al., 2017, arXiv:1705.07761.

    >>> import jax
    >>> from genjax.densities import gaussian_grid
    >>> x, _ = gaussian_grid().sample({}, jax.random.key(0), 3)
    >>> x.shape
    (3, 2)
    """
    return _gaussians(grid_centres(side, spacing), scale)


def grid_centres(side: int, spacing: float) -> np.ndarray:
    """Returns the centres `[side^2, 2]` of `gaussian_grid`.

    Source: Srivastava et al., 2017, arXiv:1705.07761.

    >>> from genjax.densities import grid_centres
    >>> grid_centres(2, 1.0).tolist()
    [[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [0.5, 0.5]]
    """
    ticks = spacing * (np.arange(side) - (side - 1) / 2)
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def checkerboard() -> Density:
    """The uniform distribution on the 8 dark cells of a 4 x 4 board on [-4, 4]^2.

    Each cell has the area 4, so the entropy is log 32 = 3.4657 nats.

    Source: Grathwohl et al., 2019, arXiv:1810.01367, shows it; the entropy is exact.

    >>> import jax
    >>> from genjax.densities import checkerboard
    >>> x, log_prob = checkerboard().sample({}, jax.random.key(0), 2)
    >>> log_prob.round(4).tolist()
    [-3.465699911117554, -3.465699911117554]
    """

    def draw(key: Key, n: int) -> Array:
        key_x, key_row, key_y = jax.random.split(key, 3)
        column = jax.random.uniform(key_x, (n,), minval=-2.0, maxval=2.0)
        row = jax.random.randint(key_row, (n,), 0, 2).astype(jnp.float32)
        offset = jnp.floor(column) % 2
        within = jax.random.uniform(key_y, (n,))
        return 2 * jnp.stack([column, 2 * row - 2 + offset + within], axis=1)

    def log_prob(x: Array) -> Array:
        cell = jnp.floor(x / 2).astype(jnp.int32)
        inside = jnp.all(jnp.abs(x) < 4, axis=1) & ((cell[:, 0] + cell[:, 1]) % 2 == 0)
        return jnp.where(inside, -math.log(32.0), -jnp.inf)

    return _without_params(draw, log_prob)


def _gaussians(centres: np.ndarray, scale: float) -> Density:
    means = jnp.asarray(centres, jnp.float32)

    def draw(key: Key, n: int) -> Array:
        key_component, key_noise = jax.random.split(key)
        component = jax.random.randint(key_component, (n,), 0, len(means))
        return means[component] + scale * jax.random.normal(key_noise, (n, 2))

    return _without_params(draw, lambda x: _isotropic_mixture(x, means, scale))


def _isotropic_mixture(x: Array, centres: Array, scale: float) -> Array:
    """`log 1/k sum_k N(x; centre_k, scale^2 I)` in the plane."""
    distance = jnp.sum((x[:, None] - centres[None]) ** 2, axis=2)
    terms = jax.nn.logsumexp(-0.5 * distance / scale**2, axis=1)
    return terms - math.log(len(centres)) - math.log(2 * math.pi * scale**2)


def _without_params(
    draw: Callable[[Key, int], Array], density: Callable[[Array], Array]
) -> Density:
    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        del variables, condition
        check_event("a density in the plane", (2,), x)
        return density(x)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        del variables, condition
        x = draw(key, n)
        return x, density(x)

    return Density(no_variables, log_prob, sample)
