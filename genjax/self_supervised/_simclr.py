"""SimCLR: two views of an image are to be found among all others."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp

from genjax.base import NetworkLike, Objective
from genjax.checks import check_scaled, read_batch
from genjax.nn.adapters import as_network
from genjax.self_supervised._contrastive import normalize, ntxent
from genjax.typing import Array, Batch, Key, Outcome, Variables
from genjax.variables import join_changes, join_parts, part_of

View: TypeAlias = Callable[[Key, Array], Array]
"""`(key, x [b, *event]) -> [b, *event]`, another draw for every row."""


def simclr(
    encoder: NetworkLike,
    projector: NetworkLike,
    *,
    augment: View,
    tau: float = 0.5,
    block: int = 64,
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

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.self_supervised import simclr
    >>> from genjax import nn
    >>> encoder, projector = (nn.MLP(features=4, hidden=(8,)) for _ in range(2))
    >>> objective = simclr(encoder, projector, augment=lambda key, x: -x)
    >>> batch = {"x": jnp.eye(3)}
    >>> variables = objective.init(jax.random.key(0), batch)
    >>> objective.loss(variables, batch, jax.random.key(1))[0].shape
    ()
    """
    encode = as_network(encoder, user="simclr")
    project = as_network(projector, user="simclr")

    def init(key: Key, batch: Batch, /) -> Variables:
        (x,) = read_batch("simclr", batch, ("x",))
        check_scaled("simclr", x)
        key_encoder, key_projector = jax.random.split(key)
        of_encoder = encode.init(key_encoder, x)
        features = encode.apply(of_encoder, x)
        of_projector = project.init(key_projector, features)
        return join_parts({"encoder": of_encoder, "projector": of_projector})

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        (x,) = read_batch("simclr", batch, ("x",))
        key_first, key_second, key_encoder, key_projector = jax.random.split(key, 4)
        views = jnp.concatenate([augment(key_first, x), augment(key_second, x)])
        features, of_encoder = encode.train(
            part_of(variables, "encoder"), key_encoder, views
        )
        z, of_projector = project.train(
            part_of(variables, "projector"), key_projector, features
        )
        a, b = jnp.split(normalize(z), 2)
        value = ntxent(a, b, tau=tau, block=block)
        changed = join_changes({"encoder": of_encoder, "projector": of_projector})
        alignment = jnp.mean(jnp.sum(a * b, axis=1))
        return value, (changed, {"loss": value, "alignment": alignment})

    return Objective(init, loss)
