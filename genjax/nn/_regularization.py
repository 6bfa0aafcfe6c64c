"""What discriminators are built with: bounded weights, and a look at the batch."""

from typing import cast

import jax
import jax.numpy as jnp

from genjax.arrays import matmul
from genjax.base import Network, NetworkLike
from genjax.errors import InputError
from genjax.nn._lipschitz import length, singular_vector
from genjax.nn.adapters import as_network
from genjax.typing import Array, Input, Key, Output, Params, Tree, Variables

POWER = "power_iteration"
"""The collection of the singular vectors."""


def spectrally_normalized(
    model: NetworkLike, *, bound: float = 1.0, iterations: int = 1
) -> Network:
    """Divides every kernel of a network by its largest singular value.

        W <- bound W / sigma,   sigma = |W v|,   v <- W' W v / |W' W v|

    A kernel is a matrix of its output features, all other axes together. The singular
    vectors are kept in the collection `"power_iteration"` from step to step, so that
    one iteration per step is enough; `init` takes 30. They have no gradient, `sigma`
    has that of the weights.

    A kernel `[..., n]` is normalised as a matrix of n columns.

    Args:
        model: any network whose weights are named `kernel`, as Flax's are.
        bound: the norm of every layer.
        iterations: of the power method in each pass of a training step.

    Returns:
        A network with the variables of the one that is given, and the vectors.

    Raises:
        InputError: `bound` or `iterations` is not positive.

    Source: Miyato, Kataoka, Koyama and Yoshida, 2018, arXiv:1802.05957.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import spectrally_normalized
    >>> from genjax import nn
    >>> network = spectrally_normalized(nn.MLP(features=1, hidden=()))
    >>> x = jnp.eye(4)
    >>> variables = network.init(jax.random.key(0), x)
    >>> round(float(jnp.linalg.norm(network.apply(variables, x))), 4)
    1.0
    """
    if bound <= 0 or iterations < 1:
        raise InputError(
            "spectrally_normalized: bound and iterations must be positive, got "
            f"{bound} and {iterations}."
        )
    network = as_network(model, user="spectrally_normalized")

    def init(key: Key, /, *inputs: Input) -> Variables:
        key_network, key_vectors = jax.random.split(key)
        variables = network.init(key_network, *inputs)
        kernels = _kernels(variables["params"])
        keys = jax.random.split(key_vectors, max(1, len(kernels)))
        vectors = {
            name: singular_vector(
                kernel, jax.random.normal(one, kernel.shape[1:]), iterations=30
            )
            for (name, kernel), one in zip(kernels.items(), keys, strict=False)
        }
        return {**variables, POWER: vectors}

    def normalized(variables: Variables, vectors: Params) -> Variables:
        def scale(path: tuple[object, ...], leaf: Array) -> Array:
            name = jax.tree_util.keystr(path)
            if name not in vectors:
                return leaf
            matrix = leaf.reshape(-1, leaf.shape[-1]).astype(jnp.float32)
            sigma = length(matmul(matrix, vectors[name]))
            # A layer of zeros stays one, with the gradient of an unscaled layer.
            return bound * leaf / jnp.where(sigma > 0, sigma, 1.0).astype(leaf.dtype)

        params = jax.tree_util.tree_map_with_path(scale, variables["params"])
        others = {name: part for name, part in variables.items() if name != POWER}
        return {**others, "params": params}

    def apply(variables: Variables, /, *inputs: Input) -> Output:
        return network.apply(normalized(variables, variables[POWER]), *inputs)

    def training(
        variables: Variables, key: Key, /, *inputs: Input
    ) -> tuple[Output, Variables]:
        kernels = _kernels(variables["params"])
        vectors = {
            name: singular_vector(kernels[name], v, iterations=iterations)
            for name, v in cast(Tree, variables[POWER]).items()
        }
        outputs, changed = network.train(normalized(variables, vectors), key, *inputs)
        return outputs, {**changed, POWER: vectors}

    return Network(init, apply, training)


def _kernels(params: Params) -> dict[str, Array]:
    """The kernels of a network as matrices `[inputs, outputs]`, by their paths."""
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    return {
        jax.tree_util.keystr(path): leaf.reshape(-1, leaf.shape[-1])
        for path, leaf in leaves
        if str(getattr(path[-1], "key", "")).split("/")[-1] == "kernel"
    }
