"""The log-determinant of any pure function, by what is known of its Jacobian.

Each transform takes a function of one example and returns one of its value and of its
log-determinant; `jax.vmap` makes it one of a batch.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.errors import InputError
from genjax.typing import Array, Float, Scalar

Example = Float[Array, "*event"]
WithLogDet = Callable[[Example], tuple[Array, Scalar]]


def with_dense_log_det(function: Callable[[Example], Array]) -> WithLogDet:
    """Any function from d to d dimensions, by its whole Jacobian.

        log|det| = log|det J|,   d forward derivatives and one LU, O(d^3)

    Args:
        function: of one example.

    Raises:
        InputError: the function changes the number of dimensions.

    >>> import jax.numpy as jnp
    >>> from genjax.programs import with_dense_log_det
    >>> y, log_det = with_dense_log_det(lambda x: jnp.stack([x[0] * 2, x[1] + x[0]]))(
    ...     jnp.array([1.0, 2.0])
    ... )
    >>> y.tolist(), log_det.round(4).item()
    ([2.0, 3.0], 0.6931)
    """

    def apply(x: Example) -> tuple[Array, Scalar]:
        y = _checked("with_dense_log_det", function, x)
        jacobian = jax.jacfwd(lambda flat: function(flat.reshape(x.shape)).ravel())
        return y, jnp.linalg.slogdet(jacobian(x.ravel()))[1]

    return apply


def with_triangular_log_det(function: Callable[[Example], Array]) -> WithLogDet:
    """A function whose output d sees inputs up to d only, or from d on only.

        log|det| = sum_d log|J_dd|,   d forward derivatives, no matrix is kept

    Args:
        function: of one example; its structure is not checked.

    Raises:
        InputError: the function changes the number of dimensions.

    >>> import jax.numpy as jnp
    >>> from genjax.programs import with_triangular_log_det
    >>> running = with_triangular_log_det(jnp.cumsum)
    >>> running(jnp.array([1.0, 2.0]))[1].item()
    0.0
    """

    def apply(x: Example) -> tuple[Array, Scalar]:
        _checked("with_triangular_log_det", function, x)
        y, linear = jax.linearize(function, x)

        def diagonal(index: Array) -> Array:
            direction = jax.nn.one_hot(index, x.size).reshape(x.shape)
            return linear(direction).ravel()[index]

        slopes = jax.lax.map(diagonal, jnp.arange(x.size))
        return y, jnp.sum(jnp.log(jnp.abs(slopes)))

    return apply


def with_diagonal_log_det(function: Callable[[Example], Array]) -> WithLogDet:
    """An element-wise function, by a single forward derivative.

        log|det| = sum_d log|f'(x_d)|

    Args:
        function: of one example; its structure is not checked.

    Raises:
        InputError: the function changes the number of dimensions.

    >>> import jax.numpy as jnp
    >>> from genjax.programs import with_diagonal_log_det
    >>> with_diagonal_log_det(jnp.exp)(jnp.array([1.0, 2.0]))[1].item()
    3.0
    """

    def apply(x: Example) -> tuple[Array, Scalar]:
        _checked("with_diagonal_log_det", function, x)
        y, slopes = jax.jvp(function, (x,), (jnp.ones_like(x),))
        return y, jnp.sum(jnp.log(jnp.abs(slopes)))

    return apply


def _checked(name: str, function: Callable[[Example], Array], x: Example) -> Array:
    y = function(x)
    if y.size != x.size:
        raise InputError(
            f"{name}: the function must keep the number of dimensions, "
            f"got {x.shape} -> {y.shape}."
        )
    return y
