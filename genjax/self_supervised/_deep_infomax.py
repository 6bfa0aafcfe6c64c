"""Deep InfoMax: a summary that knows of every place of its image."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.arrays import matmul
from genjax.base import NetworkLike, Objective
from genjax.checks import check_scaled, read_batch
from genjax.mutual_information import Estimate, infonce
from genjax.nn.adapters import as_network
from genjax.typing import Array, Batch, Key, Outcome, Output, Variables
from genjax.variables import join_changes, join_parts, part_of


def deep_infomax(
    encoder: NetworkLike,
    local_projector: NetworkLike,
    global_projector: NetworkLike,
    *,
    estimator: Callable[[Array], Estimate] = infonce,
) -> Objective:
    """Maximises the mutual information between a vector and each place of its map.

        scores_l[i, j] = G(vector_i) . M(map_j, l),   loss = -mean_l I(scores_l)

    This is the local objective by encoding and dot products: the maps of the other
    images, at the same place, are what a vector is contrasted with.

    Args:
        encoder: from images to a map `[b, h, w, c]` and a vector `[b, d]`, as
            `genjax.nn.LocalGlobalNet`.
        local_projector: M, from `[b, h, w, c]` to `[b, h, w, k]`.
        global_projector: G, from `[b, d]` to `[b, k]`.
        estimator: of mutual information, from scores: `infonce`, `dv`, `nwj`, `smile`.

    Returns:
        An objective over batches `{"x": [b, h, w, c]}`. Its metrics are `loss` and
        `mutual_information`, the mean over the places in nats.

    Source: Hjelm et al., 2019, arXiv:1808.06670.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.self_supervised import deep_infomax
    >>> from genjax import nn
    >>> encoder = nn.LocalGlobalNet(features=4, widths=(4, 4), hidden=8)
    >>> projectors = [nn.MLP(features=4, hidden=(8,)) for _ in range(2)]
    >>> objective = deep_infomax(encoder, *projectors)
    >>> batch = {"x": jnp.ones((3, 8, 8, 1))}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    models = {
        "encoder": encoder,
        "local_projector": local_projector,
        "global_projector": global_projector,
    }
    networks = {
        name: as_network(model, user="deep_infomax") for name, model in models.items()
    }

    def init(key: Key, batch: Batch, /) -> Variables:
        (x,) = read_batch("deep_infomax", batch, ("x",))
        check_scaled("deep_infomax", x)
        keys = jax.random.split(key, 3)
        of_encoder = networks["encoder"].init(keys[0], x)
        local, vector = networks["encoder"].apply(of_encoder, x)
        return join_parts(
            {
                "encoder": of_encoder,
                "local_projector": networks["local_projector"].init(keys[1], local),
                "global_projector": networks["global_projector"].init(keys[2], vector),
            }
        )

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        (x,) = read_batch("deep_infomax", batch, ("x",))
        keys = dict(zip(networks, jax.random.split(key, 3), strict=True))
        changed = {}

        def apply(part: str, x: Array) -> Output:
            outputs, changed[part] = networks[part].train(
                part_of(variables, part), keys[part], x
            )
            return outputs

        local, vector = apply("encoder", x)
        places = apply("local_projector", local)
        summary = apply("global_projector", vector)
        places = places.reshape(len(places), -1, places.shape[-1])
        scores = matmul(summary, places.transpose(1, 2, 0))
        estimates = jax.vmap(estimator)(scores)
        value = -jnp.mean(estimates.surrogate)
        information = jnp.mean(estimates.value)
        metrics = {"loss": value, "mutual_information": information}
        return value, (join_changes(changed), metrics)

    return Objective(init, loss)
