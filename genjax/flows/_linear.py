"""Linear maps of the features, at every place of an image: `y = W x`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from genjax.arrays import as_float, matmul
from genjax.base import Bijector, Direction, Init
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Key, Params, PerExample, Variables


def plu() -> Bijector:
    """An invertible matrix as `W = P L U`; on images, the invertible 1x1 convolution.

        log|det| = places sum_d log|u_dd|

    P is a fixed permutation, L has a diagonal of ones, U one of learnt size and fixed
    sign; at first, W is a random rotation. What is fixed stands under `"constants"`.

    Examples are `[b, ..., d]`: the last axis holds the features.

    Source: Kingma and Dhariwal, 2018, arXiv:1807.03039.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import plu
    >>> x = jnp.ones((2, 4, 4, 3))
    >>> layer = plu()
    >>> y, log_det = layer.forward(layer.init(jax.random.key(0), x), x)
    >>> y.shape, bool(jnp.allclose(log_det, 0, atol=1e-4))
    ((2, 4, 4, 3), True)
    """

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        rotation = jax.random.orthogonal(key, x.shape[-1])
        order, lower, upper = jax.scipy.linalg.lu(rotation)
        diagonal = jnp.diag(upper)
        return {
            "params": {
                "lower": jnp.tril(lower, -1),
                "upper": jnp.triu(upper, 1),
                "log_diagonal": jnp.log(jnp.abs(diagonal)),
            },
            "constants": {"sign": jnp.sign(diagonal), "permutation": order},
        }

    def factors(variables: Variables) -> tuple[Array, Array, Array]:
        params, fixed = variables["params"], variables["constants"]
        lower = jnp.tril(params["lower"], -1) + jnp.eye(len(fixed["sign"]))
        diagonal = fixed["sign"] * jnp.exp(params["log_diagonal"])
        upper = jnp.triu(params["upper"], 1) + jnp.diag(diagonal)
        return fixed["permutation"], lower, upper

    def forward(variables: Variables, rows: Array) -> tuple[Array, Array]:
        order, lower, upper = factors(variables)
        log_det = variables["params"]["log_diagonal"].sum()
        return matmul(rows, matmul(matmul(order, lower), upper).T), log_det

    def inverse(variables: Variables, rows: Array) -> tuple[Array, Array]:
        order, lower, upper = factors(variables)
        half = _solve(lower, matmul(order.T, rows.T), lower=True)
        log_det = -variables["params"]["log_diagonal"].sum()
        return _solve(upper, half, lower=False).T, log_det

    return _on_features(init, forward, inverse)


def triangular() -> Bijector:
    """A lower triangular matrix with a positive diagonal, and a shift.

        y = L x + t,   log|det| = places sum_d log l_dd

    One such layer and a normal base are any multivariate normal, by Cholesky.

    Examples are `[b, ..., d]`: the last axis holds the features.

    Source: Papamakarios, Nalisnick, Rezende, Mohamed and Lakshminarayanan, 2021,
    arXiv:1912.02762.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import triangular
    >>> x = jax.random.normal(jax.random.key(0), (4, 3))
    >>> layer = triangular()
    >>> y, _ = layer.forward(layer.init(jax.random.key(0), x), x)
    >>> bool(jnp.allclose(y, x))
    True
    """

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del key, condition
        d = x.shape[-1]
        return {
            "params": {
                "lower": jnp.zeros((d, d)),
                "log_diagonal": jnp.zeros(d),
                "shift": jnp.zeros(d),
            }
        }

    def matrix(params: Params) -> Array:
        return jnp.tril(params["lower"], -1) + jnp.diag(jnp.exp(params["log_diagonal"]))

    def forward(variables: Variables, rows: Array) -> tuple[Array, Array]:
        params = variables["params"]
        y = matmul(rows, matrix(params).T) + params["shift"][None]
        return y, params["log_diagonal"].sum()

    def inverse(variables: Variables, rows: Array) -> tuple[Array, Array]:
        params = variables["params"]
        x = _solve(matrix(params), (rows - params["shift"][None]).T, lower=True).T
        return x, -params["log_diagonal"].sum()

    return _on_features(init, forward, inverse)


def householder(*, reflections: int) -> Bijector:
    """A rotation as a product of Householder reflections, with log-determinant 0.

        y = H_k ... H_1 x,   H = I - 2 v v' / |v|^2

    Examples are `[b, ..., d]`: the last axis holds the features.

    Args:
        reflections: how many; as many as features reach every rotation.

    Raises:
        InputError: there is no reflection.

    Source: Tomczak and Welling, 2016, arXiv:1611.09630.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import householder
    >>> layer, x = householder(reflections=2), jnp.ones((1, 3))
    >>> y, _ = layer.forward(layer.init(jax.random.key(0), x), x)
    >>> round(float((y**2).sum()), 4)
    3.0
    """
    _check_reflections("householder", reflections)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        vectors = jax.random.normal(key, (reflections, x.shape[-1]))
        return {"params": {"vectors": vectors}}

    def forward(variables: Variables, rows: Array) -> tuple[Array, Array]:
        return reflect(variables["params"]["vectors"], rows), jnp.zeros(())

    def inverse(variables: Variables, rows: Array) -> tuple[Array, Array]:
        return reflect(variables["params"]["vectors"][::-1], rows), jnp.zeros(())

    return _on_features(init, forward, inverse)


def qr(*, reflections: int) -> Bijector:
    """An invertible matrix as a rotation and a triangle: `W = Q R`.

        log|det| = places sum_d log r_dd

    Examples are `[b, ..., d]`: the last axis holds the features.

    Args:
        reflections: of the rotation.

    Raises:
        InputError: there is no reflection.

    Source: Hoogeboom, van den Berg and Welling, 2019, arXiv:1901.11137.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import qr
    >>> layer, x = qr(reflections=2), jnp.ones((1, 3))
    >>> _, log_det = layer.forward(layer.init(jax.random.key(0), x), x)
    >>> log_det.tolist()
    [0.0]
    """
    _check_reflections("qr", reflections)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        d = x.shape[-1]
        return {
            "params": {
                "reflections": jax.random.normal(key, (reflections, d)),
                "upper": jnp.zeros((d, d)),
                "log_diagonal": jnp.zeros(d),
            }
        }

    def triangle(params: Params) -> Array:
        return jnp.triu(params["upper"], 1) + jnp.diag(jnp.exp(params["log_diagonal"]))

    def forward(variables: Variables, rows: Array) -> tuple[Array, Array]:
        params = variables["params"]
        y = reflect(params["reflections"], matmul(rows, triangle(params).T))
        return y, params["log_diagonal"].sum()

    def inverse(variables: Variables, rows: Array) -> tuple[Array, Array]:
        params = variables["params"]
        rotated = reflect(params["reflections"][::-1], rows)
        x = _solve(triangle(params), rotated.T, lower=False).T
        return x, -params["log_diagonal"].sum()

    return _on_features(init, forward, inverse)


def reflect(vectors: Array, rows: Array) -> Array:
    """Reflects rows `[n, d]` at each of the vectors `[k, d]`, the first one first."""

    def one(rows: Array, v: Array) -> tuple[Array, None]:
        share = 2 * matmul(rows, v) / jnp.maximum(jnp.sum(v**2), 1e-12)
        return rows - share[:, None] * v[None], None

    rows = as_float(rows)
    return jax.lax.scan(one, rows, vectors.astype(rows.dtype))[0]


def _solve(matrix: Array, right: Array, *, lower: bool) -> Array:
    return jax.scipy.linalg.solve_triangular(matrix, right, lower=lower)


def _check_reflections(name: str, reflections: int) -> None:
    if reflections < 1:
        raise InputError(f"{name}: reflections must be at least 1, got {reflections}.")


RowMap = Callable[[Variables, Array], tuple[Array, Array]]
"""`(variables, rows [n, d]) -> (rows [n, d], log-determinant)`."""


def _on_features(init: Init, forward: RowMap, inverse: RowMap) -> Bijector:
    """Applies a map of rows, with one log-determinant, at every place of an event."""

    def everywhere(function: RowMap) -> Direction:
        def apply(
            variables: Variables, x: Event, /, condition: Condition = None
        ) -> tuple[Event, PerExample]:
            del condition
            dim = jax.tree.leaves(variables["params"])[0].shape[-1]
            if x.shape[-1] != dim:
                raise InputError(
                    f"a linear map of {dim} features was given an x of the shape "
                    f"{x.shape}."
                )
            y, log_det = function(variables, x.reshape(-1, x.shape[-1]))
            places = int(np.prod(x.shape[1:-1]))
            return y.reshape(x.shape), jnp.broadcast_to(places * log_det, (len(x),))

        return apply

    return Bijector(init, everywhere(forward), everywhere(inverse))
