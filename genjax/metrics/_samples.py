"""How good samples are, where the truth is known."""

from typing import NamedTuple

import jax.numpy as jnp

from genjax.errors import InputError
from genjax.metrics._blocks import in_blocks, in_full_precision, squared_distances
from genjax.typing import Array, Float, Int, Scalar

Points = Float[Array, "n d"]


class ModeCoverage(NamedTuple):
    """How samples cover the modes of a mixture of equal normals.

    Fields:
        modes: how many modes have a high-quality sample.
        high_quality: the share of samples near a mode; 1 - e^-4.5 = .9889 for true
            samples in the plane, so more than .993 means shrunken modes.
        reverse_kl: KL of the histogram of high-quality samples over the modes against
            the uniform one, in nats; (k - 1) / 2n for n true samples of k modes.
    """

    modes: Scalar
    high_quality: Scalar
    reverse_kl: Scalar


@in_full_precision
def mode_coverage(
    samples: Points, centres: Float[Array, "k d"], *, scale: float, radius: float = 3.0
) -> ModeCoverage:
    """Counts modes, the share of high-quality samples, and the reverse KL.

    A sample is of high quality within `radius` standard deviations of the nearest mode.

    Args:
        samples: `[n, d]`; 2,500 in the published protocol.
        centres: of the modes.
        scale: the standard deviation of each mode.
        radius: in standard deviations.

    Raises:
        InputError: `scale` is not positive.

    Source: Srivastava et al., 2017, arXiv:1705.07761; Lin et al., 2018,
    arXiv:1712.04086.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import mode_coverage
    >>> centres = jnp.array([[0.0, 0.0], [5.0, 0.0]])
    >>> found = mode_coverage(jnp.zeros((10, 2)), centres, scale=1.0)
    >>> [round(float(value), 4) for value in found]
    [1.0, 1.0, 0.6931]
    """
    if scale <= 0:
        raise InputError(f"mode_coverage: scale must be positive, got {scale}.")
    if samples.shape[1] != centres.shape[1]:
        raise InputError(
            f"mode_coverage: samples have {samples.shape[1]} dimensions, centres "
            f"{centres.shape[1]}."
        )
    squared = squared_distances(samples, centres)
    nearest = jnp.argmin(squared, axis=1)
    good = jnp.min(squared, axis=1) <= (radius * scale) ** 2
    modes = len(centres)
    members = (nearest[:, None] == jnp.arange(modes)[None]) & good[:, None]
    found, reverse_kl = class_coverage(jnp.sum(members, axis=0))
    return ModeCoverage(found, jnp.mean(good.astype(jnp.float32)), reverse_kl)


def class_coverage(counts: Int[Array, " k"]) -> tuple[Scalar, Scalar]:
    """Returns how many classes samples fall into, and how unevenly.

        sum_i q_i log(q_i k),   q_i = counts_i / sum of counts

    Args:
        counts: of the samples in each class. Those of 1,000 stacked digits are told by
            a classifier; the value is then 999 / 2n for n true samples.

    Returns:
        The number of classes with a sample, and the KL divergence from the uniform
        distribution, in nats; log k where there is no sample at all.

    Source: Metz et al., 2017, arXiv:1611.02163.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import class_coverage
    >>> modes, kl = class_coverage(jnp.array([4, 4, 0, 0]))
    >>> float(modes), round(float(kl), 4)
    (2.0, 0.6931)
    """
    classes, total = len(counts), jnp.sum(counts)
    shares = counts.astype(jnp.float32) / jnp.maximum(total, 1).astype(jnp.float32)
    kl = jnp.sum(jnp.where(shares > 0, shares * jnp.log(shares * classes + 1e-30), 0.0))
    reverse_kl = jnp.where(total > 0, kl, jnp.log(float(classes)))
    return jnp.sum(counts > 0).astype(jnp.float32), reverse_kl


@in_full_precision
def energy_distance(x: Points, y: Float[Array, "m d"]) -> Scalar:
    """The energy distance of two samples; 0 for equal distributions.

        E^2 = 2 E|x - y| - E|x - x'| - E|y - y'|

    The means run over all pairs, so the value is never negative and, for n true samples
    on each side, about `2 E|x - x'| / n`.

    Args:
        x: `[n, d]`.
        y: `[m, d]`.

    Source: Szekely and Rizzo, 2013.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import energy_distance
    >>> x = jnp.array([[0.0], [1.0]])
    >>> float(energy_distance(x, x)), float(energy_distance(x, x + 10))
    (0.0, 19.0)
    """

    def mean_distance(a: Array, b: Array) -> Array:
        def of_rows(rows: Array) -> Array:
            squared = squared_distances(rows, b)
            apart = squared > 0
            distance = jnp.where(apart, jnp.sqrt(jnp.where(apart, squared, 1.0)), 0.0)
            return jnp.mean(distance, axis=1)

        return jnp.mean(in_blocks(of_rows, a, block=512))

    return 2 * mean_distance(x, y) - mean_distance(x, x) - mean_distance(y, y)
