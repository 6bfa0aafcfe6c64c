"""SimCLR: two views of an image are to be found among all others."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from genjax.base import Network, Objective
from genjax.nn import join_parts, part_of, training_pass
from genjax.self_supervised.contrastive import normalize, ntxent
from genjax.typing import Array, Batch, Key, Variables

Augmentation = Callable[[Key, Array], Array]
"""`(key, x [b, *event]) -> [b, *event]`, another draw for every row."""


def simclr(
    encoder: Network,
    projector: Network,
    *,
    augment: Augmentation,
    tau: float = 0.5,
    block: int = 128,
) -> Objective:
    """Contrasts two augmented views of each example with all others of the batch.

        L = NT-Xent(normalise(projector(encoder(view_1))), ... view_2)

    Both views go through the encoder in one pass, so that batch statistics are shared.

    Args:
        encoder: from examples to features, which are what is kept.
        projector: from features to the embeddings that are compared.
        augment: draws a view.
        tau: the temperature.
        block: rows of scores at a time.

    Returns:
        An objective over batches `{"x": [b, *event]}` with the parts `encoder` and
        `projector`. Its metrics are `loss` and `alignment`, the mean cosine of pairs.

    Source: Chen, Kornblith, Norouzi and Hinton, 2020, arXiv:2002.05709.
    """

    def init(key: Key, batch: Batch) -> Variables:
        key_encoder, key_projector = jax.random.split(key)
        of_encoder = encoder.init(key_encoder, batch["x"])
        features, _ = training_pass(encoder, of_encoder, batch["x"])
        of_projector = projector.init(key_projector, features)
        return join_parts({"encoder": of_encoder, "projector": of_projector})

    def loss(
        variables: Variables, batch: Batch, key: Key
    ) -> tuple[Array, tuple[Variables, dict[str, Array]]]:
        x = batch["x"]
        keys = jax.random.split(key)
        views = jnp.concatenate([augment(keys[0], x), augment(keys[1], x)])
        features, of_encoder = training_pass(
            encoder, part_of(variables, "encoder"), views
        )
        z, of_projector = training_pass(
            projector, part_of(variables, "projector"), features
        )
        a, b = jnp.split(normalize(z), 2)
        value = ntxent(a, b, tau=tau, block=block)
        new = join_parts({"encoder": of_encoder, "projector": of_projector})
        alignment = jnp.mean(jnp.sum(a * b, axis=1))
        return value, (new, {"loss": value, "alignment": alignment})

    return Objective(init, loss)
