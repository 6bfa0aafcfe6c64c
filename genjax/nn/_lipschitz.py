"""Multi-layer perceptrons that are contractions."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.arrays import matmul, unit
from genjax.typing import Array, Float


@partial(jax.jit, static_argnames="iterations")
def singular_vector(
    matrix: Float[Array, "n m"], start: Float[Array, " m"], *, iterations: int
) -> Float[Array, " m"]:
    """Returns the right singular vector of the largest value, by power iteration.

        v <- W' W v / |W' W v|,   without a gradient

    Args:
        matrix: W.
        start: where the iteration begins: that of the step before, say.
        iterations: more where the two largest values are close to one another.

    Source: Miyato, Kataoka, Koyama and Yoshida, 2018, arXiv:1802.05957.

    >>> import jax.numpy as jnp
    >>> from genjax.nn._lipschitz import singular_vector
    >>> matrix = jnp.diag(jnp.array([3.0, 0.0]))
    >>> singular_vector(matrix, jnp.ones(2), iterations=1).tolist()
    [1.0, 0.0]
    """
    fixed = jax.lax.stop_gradient(matrix.astype(jnp.float32))
    # Its scale does not matter, but its square would underflow or overflow.
    largest = jnp.max(jnp.abs(fixed))
    fixed = fixed / jnp.where(largest > 0, largest, 1.0)

    def improve(v: Array, _: None) -> tuple[Array, None]:
        return unit(matmul(fixed.T, matmul(fixed, v))), None

    start = jax.lax.stop_gradient(start.astype(jnp.float32))
    return jax.lax.scan(improve, start, None, length=iterations)[0]


def length(v: Float[Array, " n"]) -> Float[Array, ""]:
    """The Euclidean norm, whose squares neither underflow nor overflow.

    At 0 it is 0, with the gradient 0.
    """
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(v)))
    is_zero = largest == 0
    scale = jnp.where(is_zero, 1, largest)
    norm = jnp.linalg.norm(jnp.where(is_zero, 1, v / scale))
    return jnp.where(is_zero, 0, scale * norm)


def spectral_norm(
    matrix: Float[Array, "n m"], *, iterations: int = 30
) -> Float[Array, ""]:
    """Returns the largest singular value, by power iteration from a fixed start.

        sigma = |W v|

    Without a start that is carried from step to step there is nothing to keep: the norm
    is a function of the matrix, as a bijector needs it.

    Args:
        matrix: W.
        iterations: more where the two largest values are close to one another.

    Source: Miyato, Kataoka, Koyama and Yoshida, 2018, arXiv:1802.05957.

    >>> import jax.numpy as jnp
    >>> from genjax.nn import spectral_norm
    >>> round(float(spectral_norm(jnp.diag(jnp.array([3.0, 1.0])))), 4)
    3.0
    """
    start = jax.random.normal(jax.random.key(0), (matrix.shape[1],))
    v = singular_vector(matrix, start, iterations=iterations)
    return length(matmul(matrix, v.astype(matrix.dtype)))


def lipswish(x: Array) -> Array:
    """A smooth activation whose slope is never above 1: `silu(x) / 1.1`.

    Any shape `[*shape]` is kept.

    Source: Chen, Behrmann, Duvenaud and Jacobsen, 2019, arXiv:1906.02735.

    >>> import jax.numpy as jnp
    >>> from genjax.nn import lipswish
    >>> float(lipswish(jnp.array(0.0)))
    0.0
    """
    return jax.nn.silu(x) / 1.1


class LipschitzMLP(nn.Module):
    """An MLP with a Lipschitz bound, by the spectral norm of each layer.

        W <- W min(1, c / sigma(W)),   c = bound^(1 / layers)

    Attributes:
        features: output features.
        hidden: the widths of the hidden layers.
        bound: of the whole, below 1 for an invertible residual block.
        activation: after each hidden layer; its own slope must not be above 1.
        dtype: of the computation.

    Source: Behrmann et al., 2019, arXiv:1811.00995.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import LipschitzMLP
    >>> module = LipschitzMLP(features=2, hidden=(8,))
    >>> x = jnp.ones((3, 2))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (3, 2)
    """

    features: int
    hidden: Sequence[int]
    bound: float = 0.9
    activation: Callable[[Array], Array] = lipswish
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[b, d]` to `[b, features]`."""
        widths = (*self.hidden, self.features)
        share = self.bound ** (1 / len(widths))
        for i, width in enumerate(widths):
            kernel = self.param(
                f"kernel_{i}", nn.initializers.orthogonal(), (x.shape[-1], width)
            )
            bias = self.param(f"bias_{i}", nn.initializers.zeros, (width,))
            kernel = kernel * share / jnp.maximum(share, spectral_norm(kernel))
            x = x.astype(self.dtype) @ kernel.astype(self.dtype)
            x = x + bias.astype(self.dtype)[None]
            x = self.activation(x) if i < len(self.hidden) else x
        return x.astype(jnp.float32)
