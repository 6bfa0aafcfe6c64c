"""Which noise belongs to which example."""

import jax
import jax.numpy as jnp
import optax

from genjax.arrays import matmul
from genjax.typing import Event


def optimal_pairs(noise: Event, data: Event) -> Event:
    """Reorders noise so that the pairs of a batch are close: minibatch transport.

        argmin over permutations of sum_i |noise_p(i) - data_i|^2

    Straighter paths with less variance, at the cost of an assignment of O(b^3).

    Args:
        noise: `[b, *event]`.
        data: `[b, *event]`.

    Returns:
        The noise, each row for the row of data beside it.

    Source: Tong et al., 2023, arXiv:2302.00482; Pooladian et al., 2023,
    arXiv:2304.14772.

    >>> import jax.numpy as jnp
    >>> from genjax.flow_matching import optimal_pairs
    >>> optimal_pairs(jnp.array([[0.0], [5.0]]), jnp.array([[6.0], [1.0]])).tolist()
    [[5.0], [0.0]]
    """
    x, y = noise.reshape(len(noise), -1), data.reshape(len(data), -1)
    # Means change no assignment, and would cancel in the squares.
    x, y = x - x.mean(axis=0, keepdims=True), y - y.mean(axis=0, keepdims=True)
    cost = jnp.sum(y**2, 1)[:, None] - 2 * matmul(y, x.T) + jnp.sum(x**2, 1)[None]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rows, columns = optax.assignment.hungarian_algorithm(cost)
    return noise[jnp.zeros_like(columns).at[rows].set(columns)]
