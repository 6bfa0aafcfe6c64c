"""Contrastive losses over all pairs of a batch, in memory linear in the batch.

The losses in blocks never hold the matrix of scores: a block of rows is computed when
it is needed, and again in the backward pass. They equal the dense ones, with
derivatives of both modes and any order.
"""

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Array, Float, Scalar

Embeddings = Float[Array, "b d"]
BLOCK = 64


def normalize(x: Embeddings) -> Embeddings:
    """Scales every row to length 1, in float32; a row of zeros stays.

    Embeddings are `[b, d]`.

    >>> normalize(jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    x = x.astype(jnp.float32)
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=1, keepdims=True))
    x = x / jnp.where(largest > 0, largest, 1.0)
    squared = jnp.sum(x**2, axis=1, keepdims=True)
    some = squared > 0
    return jnp.where(some, x / jnp.sqrt(jnp.where(some, squared, 1.0)), 0.0)


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

    >>> symmetric_infonce(jnp.eye(4), jnp.eye(4), tau=0.01, block=3).round(4).item()
    0.0
    """
    _check_pairs("symmetric_infonce", q, k, tau)
    _check_block("symmetric_infonce", block)
    rows, columns = _both_lse(q, k, tau, block=block)
    return 0.5 * jnp.mean(rows + columns - 2 * _paired(q, k) / tau)


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

    >>> ntxent(jnp.eye(4), jnp.eye(4), tau=0.01, block=3).round(4).item()
    0.0
    """
    _check_pairs("ntxent", a, b, tau)
    _check_block("ntxent", block)
    z = jnp.concatenate([a, b])
    positive = _paired(z, jnp.concatenate([b, a])) / tau
    return jnp.mean(_row_lse(z, z, tau, block=block, without_self=True) - positive)


def _row_lse(
    a: Array, b: Array, tau: float | Array, *, block: int, without_self: bool = False
) -> Float[Array, " b"]:
    """`LSE_j a_i . b_j / tau` of every row, a block of rows at a time."""
    index = jnp.arange(len(a))

    def row(item: tuple[Array, Array]) -> Array:
        own, place = item
        scores = _scores(own[None], b)[0] / tau
        if without_self:
            scores = jnp.where(index == place, -jnp.inf, scores)
        return jax.nn.logsumexp(scores)

    size = min(block, len(a))
    return jax.lax.map(jax.checkpoint(row), (a, index), batch_size=size)


def _both_lse(
    a: Array, b: Array, tau: float | Array, *, block: int
) -> tuple[Float[Array, " b"], Float[Array, " b"]]:
    """`LSE_j a_i . b_j / tau` of every row and `LSE_i` of every column, in one pass."""
    n = len(a)
    size = min(block, n)
    padding = -n % size
    blocks = jnp.pad(a, ((0, padding), (0, 0))).reshape(-1, size, a.shape[1])
    is_row = (jnp.arange(n + padding) < n).reshape(-1, size)

    @jax.checkpoint
    def step(columns: Array, item: tuple[Array, Array]) -> tuple[Array, Array]:
        own, is_own = item
        scores = _scores(own, b) / tau
        seen = jnp.where(is_own[:, None], scores, -jnp.inf)
        columns = jnp.logaddexp(columns, jax.nn.logsumexp(seen, axis=0))
        return columns, jax.nn.logsumexp(scores, axis=1)

    start = jnp.full(n, -jnp.inf, jnp.float32)
    columns, rows = jax.lax.scan(step, start, (blocks, is_row))
    return rows.reshape(-1)[:n], columns


def _scores(a: Array, b: Array) -> Array:
    """`a b^T`, accumulated in float32."""
    b = b.astype(a.dtype)
    return jnp.einsum("id,jd->ij", a, b, preferred_element_type=jnp.float32)


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
