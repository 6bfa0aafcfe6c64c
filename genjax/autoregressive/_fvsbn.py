"""The fully visible sigmoid belief network: a linear map per dimension."""

import jax.numpy as jnp

from genjax.autoregressive._conditional import Conditional, binary
from genjax.autoregressive._engine import Advance, AutoregressiveNetwork, autoregressive
from genjax.autoregressive._projection import init_projection, project
from genjax.base import Density
from genjax.typing import Array, Carry, Condition, Key, Params, Variables


def fvsbn(*, conditional: Conditional | None = None) -> Density:
    """Each dimension is drawn from a linear function of those before it.

        p(x_d | x_<d) = sigmoid(b_d + sum_(i < d) W_di x_i)

    Args:
        conditional: what a dimension is drawn from; `binary()` when None, as in the
            original. With `categorical(k)` it is a softmax regression.

    Returns:
        A density over `[b, D]`; see `autoregressive`.

    Source: Frey, Hinton and Dayan, 1996; Neal, 1992.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import fvsbn
    >>> import jax
    >>> model, x = fvsbn(), jnp.eye(4)
    >>> variables = model.init(jax.random.key(0), x)
    >>> model.log_prob(variables, x).shape
    (4,)
    """
    conditional = binary() if conditional is None else conditional
    size = conditional.size

    def init(key: Key, inputs: Array, /, condition: Condition = None) -> Variables:
        _, dim, k = inputs.shape
        return {
            "params": {
                "W": jnp.zeros((dim, k, dim, size)),
                "condition": init_projection(key, condition, dim * size),
            }
        }

    def kernel(params: Params) -> Array:
        dim = len(params["W"])
        earlier = jnp.triu(jnp.ones((dim, dim), params["W"].dtype), 1)
        return params["W"] * earlier[:, None, :, None]

    def outputs(
        variables: Variables, inputs: Array, /, condition: Condition = None
    ) -> Array:
        params = variables["params"]
        n, dim, _ = inputs.shape
        shift = project(
            params["condition"], condition, n, features=dim * size, user="fvsbn"
        )
        linear = jnp.einsum("bik,ikds->bds", inputs, kernel(params))
        return linear + shift.reshape(n, dim, size)

    def start(
        variables: Variables, blank: Array, /, condition: Condition = None
    ) -> tuple[Carry, Advance]:
        params = variables["params"]
        rows = kernel(params)

        def step(sums: Array, d: Array, previous: Array) -> tuple[Array, Array]:
            row = jnp.take(rows, jnp.maximum(d - 1, 0), axis=0)
            sums = sums + jnp.einsum("bk,kds->bds", previous, row)
            return sums, jnp.take(sums, d, axis=1)

        return outputs(variables, blank, condition), step

    return autoregressive(AutoregressiveNetwork(init, outputs, start), conditional)
