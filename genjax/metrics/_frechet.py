"""Distances between two sets of samples in a space of features.

The features decide what counts: name them beside every number. None of these is the
"FID", which stands for one certain Inception network.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.metrics._blocks import in_blocks, in_full_precision, squared_distances
from genjax.typing import Array, Float, Key, Scalar

Points = Float[Array, "n d"]
Others = Float[Array, "m d"]
Kernel = Callable[[Array, Array], Array]


@in_full_precision
def frechet_distance(x: Points, y: Others) -> Scalar:
    """The squared 2-Wasserstein distance of the normals that fit the two sets.

        |m_x - m_y|^2 + tr(S_x + S_y - 2 (S_x^1/2 S_y S_x^1/2)^1/2)

    Covariances are the unbiased ones, X'X / (n - 1) and Y'Y / (m - 1) of the centred
    sets; the trace of the root is then the sum of the singular values of X Y', which
    squares nothing, and has a gradient for fewer rows than features too. The value
    falls with the number of samples: compare equal sizes.

    Args:
        x: features `[n, d]`.
        y: features `[m, d]`.

    Raises:
        InputError: a set has fewer than two rows.

    Source: Dowson and Landau, 1982; Heusel et al., 2017, arXiv:1706.08500.

    >>> import jax
    >>> from genjax.metrics import frechet_distance
    >>> x = jax.random.normal(jax.random.key(0), (100, 3))
    >>> abs(round(float(frechet_distance(x, x + 2.0)), 2))
    12.0
    """
    _check_sizes("frechet_distance", x, y)
    (m_x, a), (m_y, b) = _moments(x), _moments(y)
    spread = jnp.sum(a**2) + jnp.sum(b**2)
    return jnp.sum((m_x - m_y) ** 2) + spread - 2 * _nuclear_norm(a, b)


@in_full_precision
def maximum_mean_discrepancy(
    x: Points, y: Others, *, kernel: Kernel, block: int = 512
) -> Scalar:
    """The unbiased squared maximum mean discrepancy; 0 in the mean for equal sets.

        E k(x, x') + E k(y, y') - 2 E k(x, y),   x and x' two different rows

    The value may be negative. Sets of different sizes are no bias.

    Args:
        x: `[n, d]`.
        y: `[m, d]`.
        kernel: from `[r, d]` and `[m, d]` to `[r, m]`, such as `gaussian_kernel(1.0)`.
        block: rows at a time: memory is that of `[block, m]`.

    Raises:
        InputError: a set has fewer than two rows.

    Source: Gretton et al., 2012.

    >>> import jax
    >>> from genjax.metrics import gaussian_kernel, maximum_mean_discrepancy
    >>> x = jax.random.normal(jax.random.key(0), (500, 2))
    >>> near, far = x[:250], x[250:] + 3.0
    >>> value = maximum_mean_discrepancy(near, far, kernel=gaussian_kernel(1.0))
    >>> bool(value > 0.5)
    True
    """
    _check_sizes("maximum_mean_discrepancy", x, y)

    def inside(a: Array) -> Scalar:
        # Of a row with itself, kernels of equal arguments are taken off.
        total = jnp.sum(
            in_blocks(lambda row: jnp.sum(kernel(row, a), 1), a, block=block)
        )
        own = jax.vmap(lambda row: kernel(row[None], row[None])[0, 0])(a)
        return (total - jnp.sum(own)) / (len(a) * (len(a) - 1))

    across = jnp.mean(
        in_blocks(lambda row: jnp.mean(kernel(row, y), 1), x, block=block)
    )
    return inside(x) + inside(y) - 2 * across


@in_full_precision
def kernel_distance(x: Points, y: Others, *, block: int = 512) -> Scalar:
    """The unbiased MMD by a cubic kernel, as the "kernel Inception distance" has it.

        k(a, b) = (a . b / d + 1)^3

    Args:
        x: features `[n, d]`.
        y: features `[m, d]`.
        block: at a time.

    Raises:
        InputError: a set has fewer than two rows.

    Source: Binkowski, Sutherland, Arbel and Gretton, 2018, arXiv:1801.01401.

    >>> import jax
    >>> from genjax.metrics import kernel_distance
    >>> x = jax.random.normal(jax.random.key(0), (500, 3))
    >>> abs(float(kernel_distance(x[:250], x[250:]))) < 0.05
    True
    """
    dim = x.shape[1]
    centre = jnp.mean(jnp.concatenate([x, y]), axis=0, keepdims=True)
    base = jnp.sum(centre**2) / dim + 1

    def cubic(a: Array, b: Array) -> Array:
        """The kernel of centred rows less its terms in a alone and in b alone.

        Those cancel in the discrepancy, and are its largest by far where the features
        lie far from the origin.
        """
        a_0, b_0 = a @ centre[0] / dim, b @ centre[0] / dim
        inner, both = a @ b.T / dim, a_0[:, None] * b_0[None]
        sums = a_0[:, None] + b_0[None]
        whole = base + sums
        mixed = 6 * base * both + 3 * both * sums
        return mixed + 3 * whole**2 * inner + 3 * whole * inner**2 + inner**3

    return maximum_mean_discrepancy(x - centre, y - centre, kernel=cubic, block=block)


def gaussian_kernel(*bandwidths: float) -> Kernel:
    """The sum of `exp(-|a - b|^2 / 2 s^2)` over bandwidths s.

    It takes points `[n, d]` and `[m, d]` and gives `[n, m]`.

    Args:
        bandwidths: in the unit of the points.

    Raises:
        InputError: none is given, or one is not positive.

    Source: Gretton et al., 2012.

    >>> import jax.numpy as jnp
    >>> from genjax.metrics import gaussian_kernel
    >>> gaussian_kernel(1.0, 2.0)(jnp.zeros((1, 2)), jnp.zeros((1, 2))).tolist()
    [[2.0]]
    """
    if not bandwidths or min(bandwidths) <= 0:
        raise InputError(
            f"gaussian_kernel: bandwidths must be positive, got {bandwidths}."
        )

    def kernel(a: Array, b: Array) -> Array:
        squares = squared_distances(a, b)
        terms = [jnp.exp(-squares / (2 * s**2)) for s in bandwidths]
        return sum(terms[1:], terms[0])

    return kernel


@in_full_precision
def sliced_wasserstein(
    key: Key, x: Points, y: Points, *, projections: int = 256
) -> Scalar:
    """The 2-Wasserstein distance of projections on random lines.

        (E_u W_2^2(u . x, u . y))^1/2,   u uniform on the sphere

    On a line the optimal transport pairs sorted points.

    Args:
        key: of the lines.
        x: `[n, d]`.
        y: `[n, d]`, as many.
        projections: how many lines.

    Raises:
        InputError: the sets are not of one size, or there is no line.

    Source: Rabin, Peyré, Delon and Bernot, 2011.

    >>> import jax
    >>> from genjax.metrics import sliced_wasserstein
    >>> x = jax.random.normal(jax.random.key(0), (100, 2))
    >>> float(sliced_wasserstein(jax.random.key(1), x, x))
    0.0
    """
    if len(x) != len(y) or projections < 1:
        raise InputError(
            "sliced_wasserstein: both sets must have as many rows, and projections be "
            f"positive, got {len(x)} and {len(y)} rows, {projections} projections."
        )
    lines = jax.random.normal(key, (projections, x.shape[1]))
    lines = lines / jnp.linalg.norm(lines, axis=1, keepdims=True)

    def along(line: Array) -> Scalar:
        return jnp.mean((jnp.sort(x @ line) - jnp.sort(y @ line)) ** 2)

    return jnp.sqrt(jnp.mean(jax.lax.map(along, lines)))


def _moments(x: Array) -> tuple[Array, Array]:
    """The mean `[1, d]`, and `[n, d]` whose square is the covariance."""
    mean = jnp.mean(x, axis=0, keepdims=True)
    return mean, (x - mean) / jnp.sqrt(len(x) - 1.0)


@jax.custom_jvp
def _nuclear_norm(a: Array, b: Array) -> Scalar:
    """The sum of the singular values of `a b'`, of `[n, d]` and `[m, d]`."""
    return _nuclear_norm_and_slopes(a, b)[0]


@_nuclear_norm.defjvp
def _nuclear_norm_jvp(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Scalar, Scalar]:
    norm, *slopes = _nuclear_norm_and_slopes(*primals)
    moved = [jnp.sum(s * t) for s, t in zip(slopes, tangents, strict=True)]
    return norm, moved[0] + moved[1]


def _nuclear_norm_and_slopes(a: Array, b: Array) -> tuple[Scalar, Array, Array]:
    """The norm and its gradients `U V' b` and `V U' a`, by the factors R of both."""
    q_a, r_a = _thin(a)
    q_b, r_b = _thin(b)
    u, values, v = jnp.linalg.svd(r_a @ r_b.T, full_matrices=False)
    # Where a singular value is 0, the subgradient is chosen to be so.
    large = values > values[0] * 1e-6
    middle = jnp.where(large[None], u, 0) @ v
    return jnp.sum(values), q_a @ (middle @ r_b), q_b @ (middle.T @ r_a)


def _thin(matrix: Array) -> tuple[Array, Array]:
    """`Q R` with an R that has no more rows than columns."""
    rows, columns = matrix.shape
    if rows <= columns:
        return jnp.eye(rows, dtype=matrix.dtype), matrix
    return jnp.linalg.qr(matrix)


def _check_sizes(user: str, x: Array, y: Array) -> None:
    if min(len(x), len(y)) < 2:
        raise InputError(
            f"{user}: each set needs at least two rows, got {len(x)} and {len(y)}."
        )
