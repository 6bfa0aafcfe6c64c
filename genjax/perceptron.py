"""The perceptron: what a bias, a learnable threshold, makes possible."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.arrays import matmul
from genjax.errors import InputError
from genjax.typing import Array, Bool, Float, Int

Points = Float[Array, "n d"]
Signs = Float[Array, " n"]


class Perceptron(NamedTuple):
    """A linear threshold unit: `sign(w . x + b)`, firing above the threshold `-b`.

    Fields:
        w: weights `[d]`.
        b: bias; 0 where there is none.
        mistakes: how many corrections training took.
        converged: whether a whole pass went without a mistake.
    """

    w: Float[Array, " d"]
    b: Float[Array, ""]
    mistakes: Int[Array, ""]
    converged: Bool[Array, ""]


def train_perceptron(
    x: Points, y: Signs, *, use_bias: bool, most_passes: int = 1000
) -> Perceptron:
    """Rosenblatt's rule: correct every mistake, until a pass makes none.

        where y (w . x + b) <= 0:   w <- w + y x,   b <- b + y

    With a bias it is the rule without one on the points `[x, 1]`.

    Args:
        x: points.
        y: their sides, -1 or 1.
        use_bias: whether the threshold is learnt; otherwise it is 0.
        most_passes: when to give up; separable points need at most
            `novikoff_bound(x, y, w)` mistakes.

    Source: Rosenblatt, 1958; Novikoff, 1962.

    >>> import jax.numpy as jnp
    >>> from genjax.perceptron import train_perceptron
    >>> x, y = jnp.array([[1.0], [2.0]]), jnp.array([-1.0, 1.0])
    >>> bool(train_perceptron(x, y, use_bias=True).converged)
    True
    >>> bool(train_perceptron(x, y, use_bias=False).converged)
    False
    """
    ones = jnp.full((len(x), 1), float(use_bias), x.dtype)
    points = jnp.concatenate([x, ones], axis=1)

    def correct(carry: tuple[Array, Array], item: tuple[Array, Array]) -> tuple:
        w, mistakes = carry
        point, side = item
        wrong = side * matmul(w, point) <= 0
        return (
            w + jnp.where(wrong, side, 0.0) * point,
            mistakes + wrong.astype(jnp.int32),
        ), None

    def going(state: tuple[Array, ...]) -> Array:
        _, _, passes, clean = state
        return ~clean & (passes < most_passes)

    def sweep(state: tuple[Array, ...]) -> tuple[Array, ...]:
        w, before, passes, _ = state
        (w, mistakes), _ = jax.lax.scan(correct, (w, before), (points, y))
        return w, mistakes, passes + 1, mistakes == before

    none = jnp.zeros((), jnp.int32)
    start = (jnp.zeros(points.shape[1], x.dtype), none, none, jnp.zeros((), bool))
    w, mistakes, _, clean = jax.lax.while_loop(going, sweep, start)
    return Perceptron(w[:-1], w[-1], mistakes, clean)


def novikoff_bound(x: Points, y: Signs, w: Float[Array, " d"]) -> Float[Array, ""]:
    """The most mistakes that the perceptron without bias can make.

        mistakes <= (R / gamma)^2,   R = max |x|,   gamma = min y (w . x) / |w|

    For a perceptron with bias give the points `[x, 1]` and the weights `[w, b]`.

    Args:
        x: points.
        y: their sides, -1 or 1.
        w: any separating direction; infinite where it does not separate.

    Source: Novikoff, 1962.

    >>> import jax.numpy as jnp
    >>> from genjax.perceptron import novikoff_bound
    >>> x, y = jnp.array([[3.0], [-4.0]]), jnp.array([1.0, -1.0])
    >>> novikoff_bound(x, y, jnp.array([1.0])).round(4).item()
    1.7778
    """
    margin = jnp.min(y * matmul(x, w)) / jnp.linalg.norm(w)
    radius = jnp.max(jnp.linalg.norm(x, axis=1))
    return jnp.where(margin <= 0, jnp.inf, (radius / margin) ** 2)


def separating_direction(
    x: np.ndarray, y: np.ndarray, *, use_bias: bool
) -> np.ndarray | None:
    """Finds a separating hyperplane by linear programming, or shows there is none.

        y_i (w . x_i + b) >= 1   for every i

    Args:
        x: points `[n, d]`.
        y: their sides `[n]`, -1 or 1.
        use_bias: whether `b` is free; otherwise it is 0.

    Returns:
        `[w, b]`, of `d + 1` numbers, or None: infeasible.

    Raises:
        InputError: a side is neither -1 nor 1, or the solver cannot decide.

    >>> import numpy as np
    >>> from genjax.perceptron import separating_direction
    >>> line = np.array([[1.0], [2.0]])
    >>> separating_direction(line, np.array([1, -1]), use_bias=False)
    """
    from scipy.optimize import linprog

    y = np.asarray(y, float)
    wrong = y[~np.isin(y, (-1, 1))]
    if len(wrong):
        raise InputError(f"sides must be -1 or 1, got {wrong[0]}.")
    points = np.concatenate([x, np.full((len(x), 1), float(use_bias))], axis=1)
    found = linprog(
        np.zeros(points.shape[1]),
        A_ub=-y[:, None] * points,
        b_ub=-np.ones(len(x)),
        bounds=(None, None),
    )
    if found.status not in (0, 2):
        raise InputError(f"the linear programme was not decided: {found.message}")
    return found.x if found.status == 0 else None


def count_threshold_functions(points: np.ndarray, *, use_bias: bool) -> int:
    """Counts the labellings of points that a perceptron can realise.

    Over {0, 1}^n with a bias these are 14 of 16 for n = 2 and 104 of 256 for n = 3; on
    {-1, 1}^n without one, 4 and 14.

    Args:
        points: `[n, d]`; all `2^n` labellings are tried.
        use_bias: whether the threshold is free.

    >>> import numpy as np
    >>> from genjax.perceptron import count_threshold_functions
    >>> count_threshold_functions(np.array([[0.0], [1.0]]), use_bias=True)
    4
    """
    count = 0
    for labelling in range(2 ** len(points)):
        y = 2.0 * ((labelling >> np.arange(len(points))) & 1) - 1
        count += separating_direction(points, y, use_bias=use_bias) is not None
    return count
