"""Deep InfoMax: a summary that knows of every place of its image."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.base import Network, Objective
from genjax.mutual_information import Estimate, infonce
from genjax.nn import join_parts, part_of, training_pass
from genjax.typing import Array, Batch, Key, Variables


def deep_infomax(
    encoder: Network,
    local_projector: Network,
    global_projector: Network,
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
    """
    networks = {
        "encoder": encoder,
        "local_projector": local_projector,
        "global_projector": global_projector,
    }

    def init(key: Key, batch: Batch) -> Variables:
        keys = jax.random.split(key, 3)
        of_encoder = encoder.init(keys[0], batch["x"])
        (local, vector), _ = training_pass(encoder, of_encoder, batch["x"])
        return join_parts(
            {
                "encoder": of_encoder,
                "local_projector": local_projector.init(keys[1], local),
                "global_projector": global_projector.init(keys[2], vector),
            }
        )

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        del key
        new = {}

        def apply(part: str, x: Array) -> tuple[Array, ...] | Array:
            outputs, new[part] = training_pass(
                networks[part], part_of(variables, part), x
            )
            return outputs

        local, vector = apply("encoder", batch["x"])
        places = jnp.asarray(apply("local_projector", jnp.asarray(local)))
        summary = jnp.asarray(apply("global_projector", jnp.asarray(vector)))
        places = places.reshape(len(places), -1, places.shape[-1])
        scores = jnp.einsum("ik,jlk->lij", summary, places)
        estimates = jax.vmap(estimator)(scores)
        value = -jnp.mean(estimates.surrogate)
        information = jnp.mean(estimates.value)
        metrics = {"loss": value, "mutual_information": information}
        return value, (join_parts(new), metrics)

    return Objective(init, loss)
