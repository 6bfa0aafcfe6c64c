"""Contrastive losses over all pairs of a batch, in memory linear in the batch.

The losses in blocks never hold the matrix of scores: a block of rows is computed when
it is needed, and once more for the gradient. They equal the dense ones, with
derivatives of both modes and any order.
"""

from functools import partial

import jax
import jax.numpy as jnp

from genjax.arrays import unit
from genjax.errors import InputError
from genjax.typing import Array, Float, Scalar

Embeddings = Float[Array, "b d"]
BLOCK = 64


def normalize(x: Embeddings) -> Embeddings:
    """Scales every row to length 1, in float32; a row of zeros stays.

    Embeddings are `[b, d]`.

    >>> import jax.numpy as jnp
    >>> from genjax.self_supervised import normalize
    >>> normalize(jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    return unit(x.astype(jnp.float32))


def symmetric_infonce_dense(
    q: Embeddings, k: Array, *, tau: float | Array = 1.0
) -> Scalar:
    """The symmetric InfoNCE loss, with the whole matrix of scores in memory.

        S = q k^T / tau,   L = 1/2b sum_i (LSE_j S_ij + LSE_j S_ji - 2 S_ii)

    Args:
        q: embeddings of one view, `[b, d]`.
        k: those of the other, `[b, d]`; row i belongs to row i.
        tau: the temperature, which may be learnt.

    Raises:
        InputError: the shapes differ, or `tau` is not positive.

    Source: van den Oord et al., 2018, arXiv:1807.03748; Radford et al., 2021,
    arXiv:2103.00020.

    >>> import jax.numpy as jnp
    >>> from genjax.self_supervised import symmetric_infonce_dense
    >>> symmetric_infonce_dense(jnp.eye(4), jnp.eye(4), tau=0.01).round(4).item()
    0.0
    """
    _check_pairs("symmetric_infonce_dense", q, k, tau)
    scores = _scores(q, k) / tau
    rows = jax.nn.logsumexp(scores, axis=1)
    columns = jax.nn.logsumexp(scores, axis=0)
    return 0.5 * jnp.mean(rows + columns - 2 * jnp.diagonal(scores))


def symmetric_infonce(
    q: Embeddings, k: Array, *, tau: float | Array = 1.0, block: int = BLOCK
) -> Scalar:
    """The symmetric InfoNCE loss, block by block.

        S = q k^T / tau,   L = 1/2b sum_i (LSE_j S_ij + LSE_j S_ji - 2 S_ii)

    Args:
        q: embeddings of one view, `[b, d]`.
        k: those of the other, `[b, d]`; row i belongs to row i.
        tau: the temperature, which may be learnt.
        block: rows of scores at a time; it need not divide the batch.

    Raises:
        InputError: the shapes differ, or `tau` or `block` is not positive.

    Source: van den Oord et al., 2018, arXiv:1807.03748; Radford et al., 2021,
    arXiv:2103.00020.

    >>> import jax.numpy as jnp
    >>> from genjax.self_supervised import symmetric_infonce
    >>> symmetric_infonce(jnp.eye(4), jnp.eye(4), tau=0.01, block=3).round(4).item()
    0.0
    """
    _check_pairs("symmetric_infonce", q, k, tau)
    _check_block("symmetric_infonce", block)
    mean = _mean_lse(block, q, k, jnp.asarray(tau, jnp.float32))
    return mean - jnp.mean(_paired(q, k)) / tau


def ntxent_dense(a: Embeddings, b: Array, *, tau: float | Array = 0.5) -> Scalar:
    """The NT-Xent loss of SimCLR, with the whole matrix of scores in memory.

        z = [a; b],   S = z z^T / tau,   L = mean_i (LSE_(j != i) S_ij - S_i,pair(i))

    Args:
        a: embeddings of one view, normalised.
        b: those of the other; row i belongs to row i.
        tau: the temperature, which may be learnt.

    Raises:
        InputError: the shapes differ, or `tau` is not positive.

    Source: Chen et al., 2020, arXiv:2002.05709.

    >>> import jax.numpy as jnp
    >>> from genjax.self_supervised import ntxent_dense
    >>> ntxent_dense(jnp.eye(4), jnp.eye(4), tau=0.01).round(4).item()
    0.0
    """
    _check_pairs("ntxent_dense", a, b, tau)
    z = jnp.concatenate([a, b])
    itself = jnp.eye(len(z), dtype=bool)
    scores = jnp.where(itself, -jnp.inf, _scores(z, z) / tau)
    positive = jnp.diagonal(jnp.roll(scores, len(a), axis=1))
    return jnp.mean(jax.nn.logsumexp(scores, axis=1) - positive)


def ntxent(
    a: Embeddings, b: Array, *, tau: float | Array = 0.5, block: int = BLOCK
) -> Scalar:
    """The NT-Xent loss of SimCLR, block by block.

        z = [a; b],   S = z z^T / tau,   L = mean_i (LSE_(j != i) S_ij - S_i,pair(i))

    Args:
        a: embeddings of one view, normalised.
        b: those of the other; row i belongs to row i.
        tau: the temperature, which may be learnt.
        block: rows of scores at a time; it need not divide the batch.

    Raises:
        InputError: the shapes differ, or `tau` or `block` is not positive.

    Source: Chen et al., 2020, arXiv:2002.05709.

    >>> import jax.numpy as jnp
    >>> from genjax.self_supervised import ntxent
    >>> ntxent(jnp.eye(4), jnp.eye(4), tau=0.01, block=3).round(4).item()
    0.0
    """
    _check_pairs("ntxent", a, b, tau)
    _check_block("ntxent", block)
    z = jnp.concatenate([a, b])
    mean = _mean_lse(block, z, None, jnp.asarray(tau, jnp.float32))
    return mean - jnp.mean(_paired(a, b)) / tau


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _mean_lse(block: int, q: Array, k: Array | None, tau: Array) -> Scalar:
    """The mean over rows and columns of the log-sum-exp of `S = q k^T / tau`.

    Without `k`, `S = q q^T / tau`, and no row counts its score with itself.
    """
    rows, columns = _lse(block, q, k, tau)
    return 0.5 * jnp.mean(rows + columns)


@_mean_lse.defjvp
def _mean_lse_jvp(
    block: int,
    primals: tuple[Array, Array | None, Array],
    tangents: tuple[Array, Array | None, Array],
) -> tuple[Scalar, Scalar]:
    """The gradient in one more pass, from which any derivative of it is JAX's.

    dL = 1/2b sum_ij W_ij dS_ij
    W_ij = exp(S_ij - LSE_j S_ij) + exp(S_ij - LSE_i S_ij)
    """
    (q, k, tau), (d_q, d_k, d_tau) = primals, tangents
    n = len(q)
    rows, columns = _lse(block, q, k, tau)

    @jax.checkpoint
    def step(
        carry: tuple[Array, Array], item: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array], Array]:
        of_k, of_tau = carry
        own, place, row = item
        scores = _block_scores(own, place, q, k, tau)
        share = jnp.exp(scores - row[:, None]) + jnp.exp(scores - columns[None])
        share = jnp.where(place[:, None] < n, share, 0.0)
        of_tau = of_tau - jnp.sum(share * jnp.where(share > 0, scores, 0.0))
        if k is None:
            return (of_k, of_tau), _scores(share, q.T)
        return (of_k + _scores(share.T, own.T), of_tau), _scores(share, k.T)

    start = jnp.zeros(q.shape, jnp.float32), jnp.zeros((), jnp.float32)
    items = (_blocks(q, block), _places(n, block), _blocks(rows, block))
    (of_k, of_tau), of_q = jax.lax.scan(step, start, items)
    of_q = of_q.reshape(-1, q.shape[1])[:n]
    change = _inner(of_q, d_q) + of_tau * d_tau
    # Without k the weights are symmetric, and each row stands on both sides.
    change += _inner(of_q, d_q) if d_k is None else _inner(of_k, d_k)
    mean = 0.5 * jnp.mean(rows + columns)
    return mean, (change / (2 * n * tau)).astype(mean.dtype)


def _lse(
    block: int, q: Array, k: Array | None, tau: Array
) -> tuple[Float[Array, " b"], Float[Array, " b"]]:
    """The log-sum-exp of every row and of every column, a block of rows at a time."""
    n = len(q)

    @jax.checkpoint
    def step(columns: Array, item: tuple[Array, Array]) -> tuple[Array, Array]:
        own, place = item
        scores = _block_scores(own, place, q, k, tau)
        rows = jax.nn.logsumexp(scores, axis=1)
        if k is not None:
            scores = jnp.where(place[:, None] < n, scores, -jnp.inf)
            columns = jnp.logaddexp(columns, jax.nn.logsumexp(scores, axis=0))
        return columns, rows

    start = jnp.full(n, -jnp.inf, jnp.float32)
    items = _blocks(q, block), _places(n, block)
    columns, rows = jax.lax.scan(step, start, items)
    rows = rows.reshape(-1)[:n]
    return rows, rows if k is None else columns


def _block_scores(
    own: Array, place: Array, q: Array, k: Array | None, tau: Array
) -> Array:
    if k is not None:
        return _scores(own, k) / tau
    itself = jnp.arange(len(q))[None] == place[:, None]
    return jnp.where(itself, -jnp.inf, _scores(own, q) / tau)


def _blocks(x: Array, block: int) -> Array:
    """Cuts rows into blocks `[blocks, block, ...]`, the last one padded with zeros."""
    size = min(block, len(x))
    padding = [(0, -len(x) % size)] + [(0, 0)] * (x.ndim - 1)
    return jnp.pad(x, padding).reshape(-1, size, *x.shape[1:])


def _places(n: int, block: int) -> Array:
    """The places of the rows of each block; from n on, they are padding."""
    size = min(block, n)
    return jnp.arange(n + -n % size).reshape(-1, size)


def _inner(gradient: Array, tangent: Array) -> Scalar:
    return jnp.sum(gradient * tangent.astype(jnp.float32))


def _scores(a: Array, b: Array) -> Array:
    """`a b^T`, accumulated in float32."""
    b = b.astype(a.dtype)
    return jnp.einsum(
        "id,jd->ij",
        a,
        b,
        precision=jax.lax.Precision.HIGHEST,
        preferred_element_type=jnp.float32,
    )


def _paired(a: Array, b: Array) -> Array:
    return jnp.sum(a.astype(jnp.float32) * b.astype(jnp.float32), axis=1)


def _check_pairs(user: str, a: Array, b: Array, tau: float | Array) -> None:
    if isinstance(tau, int | float) and tau <= 0:
        raise InputError(f"{user}: tau must be positive, got {tau}.")
    if a.ndim != 2 or a.shape != b.shape:
        raise InputError(
            f"{user}: both views must be [b, d], row by row, got {a.shape} and "
            f"{b.shape}."
        )


def _check_block(user: str, block: int) -> None:
    if block < 1:
        raise InputError(f"{user}: block must be at least 1, got {block}.")
