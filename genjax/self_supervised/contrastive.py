"""Contrastive losses over all pairs of a batch, in memory linear in the batch.

The blocked forms never hold the matrix of scores: they pass over it in blocks of rows,
once forward and once backward, where it is computed again. Equal to the dense ones, in
value and gradient; forward mode and second derivatives need the dense ones.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Array, Float, Scalar

Embeddings = Float[Array, "b d"]
BLOCK = 128


def normalize(x: Embeddings) -> Embeddings:
    """Scales every row to length 1, in float32; a row of zeros stays.

    >>> normalize(jnp.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    x = x.astype(jnp.float32)
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=1, keepdims=True))
    x = x / jnp.where(largest > 0, largest, 1.0)
    squared = jnp.sum(x**2, axis=1, keepdims=True)
    some = squared > 0
    return jnp.where(some, x / jnp.sqrt(jnp.where(some, squared, 1.0)), 0.0)


def infonce_dense(q: Embeddings, k: Array, *, tau: float | Array = 1.0) -> Scalar:
    """The symmetric InfoNCE loss, with the whole matrix of scores in memory.

        S = q k^T / tau,   L = 1/2b sum_i (LSE_j S_ij + LSE_j S_ji - 2 S_ii)

    Args:
        q: embeddings of one view.
        k: those of the other; row i belongs to row i.
        tau: the temperature, which may be learnt.

    Raises:
        InputError: the shapes differ, or `tau` is not positive.

    Source: van den Oord et al., 2018, arXiv:1807.03748; Radford et al., 2021,
    arXiv:2103.00020.

    >>> infonce_dense(jnp.eye(4), jnp.eye(4), tau=0.01).round(4).item()
    0.0
    """
    _check_pairs("infonce_dense", q, k, tau)
    scores = _scores(q, k) / tau
    rows = jax.nn.logsumexp(scores, axis=1)
    columns = jax.nn.logsumexp(scores, axis=0)
    return 0.5 * jnp.mean(rows + columns - 2 * jnp.diagonal(scores))


def infonce(
    q: Embeddings, k: Array, *, tau: float | Array = 1.0, block: int = BLOCK
) -> Scalar:
    """The symmetric InfoNCE loss, block by block.

        S = q k^T / tau,   L = 1/2b sum_i (LSE_j S_ij + LSE_j S_ji - 2 S_ii)

    Args:
        q: embeddings of one view.
        k: those of the other; row i belongs to row i.
        tau: the temperature, which may be learnt.
        block: rows of scores at a time; it need not divide the batch.

    Raises:
        InputError: the shapes differ, or `tau` or `block` is not positive.

    Source: van den Oord et al., 2018, arXiv:1807.03748; Radford et al., 2021,
    arXiv:2103.00020.

    >>> infonce(jnp.eye(4), jnp.eye(4), tau=0.01, block=3).round(4).item()
    0.0
    """
    _check_pairs("infonce", q, k, tau)
    _check_block("infonce", block)
    scale = 1 / jnp.asarray(tau, jnp.float32)
    return _infonce(min(block, len(q)), q, k, scale)


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
    scale = 1 / jnp.asarray(tau, jnp.float32)
    z = jnp.concatenate([a, b])
    return _ntxent(min(block, len(z)), z, scale)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _infonce(block: int, q: Array, k: Array, scale: Array) -> Array:
    return _infonce_forward(block, q, k, scale)[0]


def _infonce_forward(block: int, q: Array, k: Array, scale: Array) -> tuple[Array, Any]:
    size = len(q)

    def rows(carry: tuple[Array, Array], item: tuple[Array, Array]) -> Any:
        highest, total = carry
        part, real = item
        scores = jnp.where(real[:, None], scale * _scores(part, k), -jnp.inf)
        higher = jnp.maximum(highest, jnp.max(scores, axis=0))
        total = total * jnp.exp(highest - higher)
        total = total + jnp.sum(jnp.exp(scores - higher[None]), axis=0)
        of_rows = jax.nn.logsumexp(jnp.where(real[:, None], scores, 0.0), axis=1)
        return (higher, total), of_rows

    start = (jnp.full(size, -1e30), jnp.zeros(size))
    (highest, total), row_lse = jax.lax.scan(rows, start, _blocks(q, block))
    row_lse, column_lse = row_lse.reshape(-1)[:size], highest + jnp.log(total)
    positive = scale * _paired(q, k)
    value = 0.5 * jnp.mean(row_lse + column_lse - 2 * positive)
    return value, (q, k, scale, row_lse, column_lse)


def _infonce_backward(block: int, residuals: Any, cotangent: Array) -> Any:
    q, k, scale, row_lse, column_lse = residuals
    size = len(q)

    def rows(carry: tuple[Array, Array], item: Any) -> Any:
        dk, dscale = carry
        (part, real), lse = item
        products = _scores(part, k)
        scores = scale * products
        p = jnp.exp(scores - lse[:, None]) + jnp.exp(scores - column_lse[None])
        p = jnp.where(real[:, None], p, 0.0)
        dk = dk + _scores(p.T, part.T)
        return (dk, dscale + jnp.sum(p * products)), _scores(p, k.T)

    start = (jnp.zeros(k.shape), jnp.zeros(()))
    items = (_blocks(q, block), _blocks(row_lse, block)[0])
    (dk, dscale), dq = jax.lax.scan(rows, start, items)
    dq = dq.reshape(-1, q.shape[1])[:size]
    weight = 0.5 * cotangent / size
    dq = weight * scale * (dq - 2 * k.astype(jnp.float32))
    dk = weight * scale * (dk - 2 * q.astype(jnp.float32))
    dscale = weight * (dscale - 2 * jnp.sum(_paired(q, k)))
    return dq.astype(q.dtype), dk.astype(k.dtype), dscale


_infonce.defvjp(_infonce_forward, _infonce_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _ntxent(block: int, z: Array, scale: Array) -> Array:
    return _ntxent_forward(block, z, scale)[0]


def _ntxent_forward(block: int, z: Array, scale: Array) -> tuple[Array, Any]:
    size = len(z)
    index = jnp.arange(size)

    def rows(_: None, item: Any) -> tuple[None, Array]:
        (part, _), own = item
        itself = own[:, None] == index[None]
        scores = jnp.where(itself, -jnp.inf, scale * _scores(part, z))
        return None, jax.nn.logsumexp(scores, axis=1)

    items = (_blocks(z, block), _blocks(index, block)[0])
    lse = jax.lax.scan(rows, None, items)[1].reshape(-1)[:size]
    positive = scale * _paired(z, jnp.roll(z, size // 2, axis=0))
    return jnp.mean(lse - positive), (z, scale, lse)


def _ntxent_backward(block: int, residuals: Any, cotangent: Array) -> Any:
    z, scale, lse = residuals
    size = len(z)
    index = jnp.arange(size)

    def rows(dscale: Array, item: Any) -> tuple[Array, Array]:
        (part, real), own, own_lse = item
        products = _scores(part, z)
        scores = scale * products
        counted = real[:, None] & (own[:, None] != index[None])
        of_rows = jnp.where(counted, jnp.exp(scores - own_lse[:, None]), 0.0)
        of_columns = jnp.where(counted, jnp.exp(scores - lse[None]), 0.0)
        # The scores are symmetric: each stands in its row and in its column.
        dz = _scores(of_rows + of_columns, z.T)
        return dscale + jnp.sum(of_rows * products), dz

    items = (_blocks(z, block), _blocks(index, block)[0], _blocks(lse, block)[0])
    dscale, dz = jax.lax.scan(rows, jnp.zeros(()), items)
    dz = dz.reshape(-1, z.shape[1])[:size]
    partner = jnp.roll(z, size // 2, axis=0)
    weight = cotangent / size
    dz = weight * scale * (dz - 2 * partner.astype(jnp.float32))
    dscale = weight * (dscale - jnp.sum(_paired(z, partner)))
    return dz.astype(z.dtype), dscale


_ntxent.defvjp(_ntxent_forward, _ntxent_backward)


def _scores(a: Array, b: Array) -> Array:
    """`a b^T`, accumulated in float32."""
    b = b.astype(a.dtype)
    return jnp.einsum("id,jd->ij", a, b, preferred_element_type=jnp.float32)


def _paired(a: Array, b: Array) -> Array:
    return jnp.sum(a.astype(jnp.float32) * b.astype(jnp.float32), axis=1)


def _blocks(x: Array, block: int) -> tuple[Array, Array]:
    """Cuts rows into blocks, the last padded; and tells which rows are real."""
    padding = -len(x) % block
    padded = jnp.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1))
    real = jnp.arange(len(x) + padding) < len(x)
    return padded.reshape(-1, block, *x.shape[1:]), real.reshape(-1, block)


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
