"""What nearest neighbours tell about samples: fidelity, diversity, copying.

All distances are Euclidean, in a space of features that has a name. Blocks of rows keep
memory at `[block, n]`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.metrics._blocks import in_blocks, in_full_precision, squared_distances
from genjax.typing import Array, Float, Int, Scalar

Points = Float[Array, "n d"]
Others = Float[Array, "m d"]


class PRDC(NamedTuple):
    """How a set of fakes covers a set of data.

    Fields:
        precision: the share of fakes inside a ball around a datum.
        recall: the share of data inside a ball around a fake.
        density: the mean number of data's balls around a fake, over k; may exceed 1.
        coverage: the share of data whose own ball has a fake in it.
    """

    precision: Scalar
    recall: Scalar
    density: Scalar
    coverage: Scalar


@in_full_precision
def precision_recall_density_coverage(
    real: Points, fake: Others, *, k: int = 5, block: int = 512
) -> PRDC:
    """Precision, recall, density and coverage by balls of k-th nearest neighbours.

    The ball of a point reaches to its k-th nearest neighbour in its own set, and what
    lies on its border is inside, as in the first paper (others leave it out, which
    matters for features in whole numbers).

    Args:
        real: features of the data, `[n, d]`.
        fake: features of the samples, `[m, d]`.
        k: which neighbour.
        block: at a time.

    Raises:
        InputError: k is not below the size of both sets.

    Source: Kynkäänniemi et al., 2019, arXiv:1904.06991; Naeem et al., 2020,
    arXiv:2002.09797.

    >>> import jax
    >>> from genjax.metrics import precision_recall_density_coverage
    >>> x = jax.random.normal(jax.random.key(0), (200, 2))
    >>> found = precision_recall_density_coverage(x[:100], x[100:] + 100.0)
    >>> [float(value) for value in found]
    [0.0, 0.0, 0.0, 0.0]
    """
    if not 0 < k < min(len(real), len(fake)):
        raise InputError(
            "precision_recall_density_coverage: k must be positive and below the size "
            f"of both sets, {len(real)} and {len(fake)}, got {k}."
        )
    of_real = kth_nearest(real, k=k, block=block)
    of_fake = kth_nearest(fake, k=k, block=block)

    def of_block(seen: Array, item: tuple[Array, Array]) -> tuple[Array, Array]:
        points, reach = item
        squares = squared_distances(points, real)
        inside = squares <= of_real[None]
        recalled = jnp.any(squares <= reach[:, None], axis=0)
        seen = seen | jnp.stack([recalled, jnp.any(inside, axis=0)])
        return seen, jnp.sum(inside, axis=1).astype(jnp.float32)

    seen, counts = jnp.zeros((2, len(real)), bool), []
    whole = len(fake) // block * block
    if whole:
        items = jax.tree.map(
            lambda a: a[:whole].reshape(-1, block, *a.shape[1:]), (fake, of_fake)
        )
        seen, found = jax.lax.scan(of_block, seen, items)
        counts.append(found.reshape(-1))
    if whole < len(fake):
        seen, found = of_block(seen, (fake[whole:], of_fake[whole:]))
        counts.append(found)
    balls = jnp.concatenate(counts)
    recall, coverage = jnp.mean(seen.astype(jnp.float32), axis=1)
    return PRDC(
        jnp.mean((balls > 0).astype(jnp.float32)), recall, jnp.mean(balls) / k, coverage
    )


@in_full_precision
def nearest_neighbour_accuracy(x: Points, y: Points, *, block: int = 512) -> Scalar:
    """The accuracy of telling two sets apart by the nearest other point of both.

    A half for equal distributions; 1 for sets apart; near 0 where one copies the other.
    It is the classifier two-sample test of the nearest neighbour, leave-one-out.

    Args:
        x: features `[n, d]`.
        y: features `[n, d]`.
        block: at a time.

    Raises:
        InputError: the sets are not of one size.

    Source: Lopez-Paz and Oquab, 2017, arXiv:1610.06545; Xu et al., 2018,
    arXiv:1806.07755.

    >>> import jax
    >>> from genjax.metrics import nearest_neighbour_accuracy
    >>> x = jax.random.normal(jax.random.key(0), (50, 2))
    >>> float(nearest_neighbour_accuracy(x, x + 100.0))
    1.0
    """
    if len(x) != len(y):
        raise InputError(
            "nearest_neighbour_accuracy: both sets must have as many rows, got "
            f"{len(x)} and {len(y)}."
        )
    both = jnp.concatenate([x, y])
    index = jnp.arange(len(both))

    def same(rows_of: Int[Array, " r"]) -> Array:
        squares = squared_distances(both[rows_of], both)
        squares = jnp.where(rows_of[:, None] == index[None], jnp.inf, squares)
        return (jnp.argmin(squares, axis=1) < len(x)) == (rows_of < len(x))

    return jnp.mean(in_blocks(same, index, block=block).astype(jnp.float32))


@in_full_precision
def memorization(
    samples: Points, train: Others, held_out: Float[Array, "k d"], *, block: int = 512
) -> Scalar:
    """How likely a sample is nearer to the training data than new data are.

        P(d(sample, train) < d(held-out, train)) + half of ties

    A half for a model that generalises, 1 for copies of the training data, less than a
    half for samples far from all data.

    Args:
        samples: features of the model's samples.
        train: features of the data that it was trained on.
        held_out: features of other data.
        block: at a time.

    Source: Meehan, Chaudhuri and Dasgupta, 2020, arXiv:2004.05675.

    >>> import jax
    >>> from genjax.metrics import memorization
    >>> x = jax.random.normal(jax.random.key(0), (90, 2))
    >>> float(memorization(x[:30], x[:60], x[60:]))
    1.0
    """
    of_samples, of_held_out = (
        jnp.sort(nearest(points, train, block=block)[1])
        for points in (samples, held_out)
    )
    above, ties = (
        len(of_held_out) - jnp.searchsorted(of_held_out, of_samples, side=side)
        for side in ("right", "left")
    )
    return jnp.mean((above + ties).astype(jnp.float32)) / (2 * len(of_held_out))


def nearest(
    points: Points, others: Others, *, block: int = 512
) -> tuple[Int[Array, " n"], Float[Array, " n"]]:
    """The place of the nearest of others to each point, and its squared distance.

    The place is found by a matrix product, the distance taken by differences.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import nearest
    >>> place, squared = nearest(jnp.array([[0.0], [5.0]]), jnp.array([[9.0], [1.0]]))
    >>> place.tolist(), squared.tolist()
    ([1, 0], [1.0, 16.0])
    """
    lengths = jnp.sum(others**2, axis=1)[None]

    def of_rows(x: Array) -> tuple[Array, Array]:
        place = jnp.argmin(lengths - 2 * (x @ others.T), axis=1)
        return place, jnp.sum((x - others[place]) ** 2, axis=1)

    return in_blocks(of_rows, points, block=block)


def kth_nearest(x: Points, *, k: int, block: int) -> Float[Array, " n"]:
    """The squared distance of each point to its k-th nearest other one.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics._neighbours import kth_nearest
    >>> kth_nearest(jnp.array([[0.0], [1.0], [3.0]]), k=1, block=2).tolist()
    [1.0, 1.0, 4.0]
    """
    index = jnp.arange(len(x))

    def of_rows(rows_of: Int[Array, " r"]) -> Array:
        squares = squared_distances(x[rows_of], x)
        squares = jnp.where(rows_of[:, None] == index[None], jnp.inf, squares)
        # A few minima are several times faster than a sort of whole rows.
        for _ in range(k - 1):
            first = jnp.argmin(squares, axis=1)
            squares = jnp.where(first[:, None] == index[None], jnp.inf, squares)
        return jnp.min(squares, axis=1)

    return in_blocks(of_rows, index, block=block)
