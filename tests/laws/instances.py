"""Tiny instances of methods, and batches for them."""

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from genjax import nn
from genjax.autoregressive import Conditional
from genjax.base import (
    Bijector,
    Density,
    Game,
    Head,
    Network,
    NetworkLike,
    Objective,
)
from genjax.data import scenes
from genjax.densities import (
    conditional_bernoulli,
    conditional_normal,
    conditional_one_hot,
    standard_normal,
    uniform_one_hot,
)
from genjax.detection import by_size, detection_objective, face_objective, fcos
from genjax.detection.scales import content_loss, image_pairs
from genjax.flows import (
    affine,
    chain,
    coupling,
    density,
    permutation,
    repeat,
)
from genjax.gan import (
    Augmentation,
    Penalty,
    adaptive_augment,
    adversarial_autoencoder,
    ali,
    auxiliary_classifier_gan,
    balanced_consistency,
    dragan,
    gan,
    gradient_penalty,
    hinge,
    info_gan,
    latent_consistency,
    lazily,
    lecam,
    non_saturating,
    r1,
    r2,
    relativistic_paired,
    with_discriminator,
    zero_sum,
)
from genjax.mutual_information import correlated_normals
from genjax.nn._cascade import FaceOutput
from genjax.self_supervised import deep_infomax, simclr
from genjax.typing import Array, Batch, Key, Variables
from genjax.vae import LatentModel
from genjax.variables import join_sequence, parts_of


def conditioner(features: int = 4) -> nn.MLP:
    """A network whose output is not 0 at first, so that laws have something to find."""
    return nn.MLP(
        features=features,
        hidden=(8,),
        activation=jax.nn.silu,
        output_init=jax.nn.initializers.normal(0.2),
    )


def masked(
    features: int = 2, hidden: Sequence[int] = (16, 16), **fields: Any
) -> nn.MaskedMLP:
    """A small autoregressive network."""
    return nn.MaskedMLP(
        features=features,
        hidden=hidden,
        output_init=jax.nn.initializers.normal(0.2),
        **fields,
    )


def time_network() -> nn.TimeMLP:
    return nn.TimeMLP(
        features=4, hidden=(8,), output_init=jax.nn.initializers.normal(0.2)
    )


def affine_layer() -> Bijector:
    return coupling(affine(), conditioner(), split=2)


def layer() -> Bijector:
    return chain(affine_layer(), permutation((2, 3, 1, 0)))


def tiny_realnvp(layers: int = 2) -> Density:
    return density(repeat(layer(), layers), standard_normal((4,)))


def batch(rows: int = 16, seed: int = 0) -> dict[str, jax.Array]:
    """Zeros and ones `[rows, 4]`."""
    x = jax.random.bernoulli(jax.random.key(seed), 0.4, (rows, 4))
    return {"x": x.astype(jnp.float32)}


def conditional_batch(rows: int = 16, seed: int = 0) -> dict[str, jax.Array]:
    """Vectors `[rows, 4]`, each with a condition `[rows, 3]`."""
    keys = jax.random.split(jax.random.key(seed))
    return {
        "x": jax.random.normal(keys[0], (rows, 4)),
        "condition": jax.random.normal(keys[1], (rows, 3)),
    }


class Noisy(linen.Module):
    """A network with statistics and dropout: all that a training pass can have."""

    features: int = 4
    statistics: bool = True
    dropout: bool = True

    @linen.compact
    def __call__(self, *inputs: Array, train: bool = False) -> Array:
        flat = [x.reshape(len(x), -1).astype(jnp.float32) for x in inputs]
        x = linen.Dense(16, dtype=jnp.float32)(jnp.concatenate(flat, axis=1))
        if self.statistics:
            x = nn.BatchNorm()(x, train=train)
        if self.dropout:
            x = linen.Dropout(0.5, deterministic=not train)(x)
        return linen.Dense(self.features, dtype=jnp.float32)(jax.nn.silu(x))


def tiny_gan(
    penalties: Sequence[Penalty] = (), augment: Augmentation | None = None
) -> Game:
    return gan(
        conditioner(),
        conditioner(1),
        loss=non_saturating(),
        latent=standard_normal((2,)),
        penalties=penalties,
        augment=augment,
    )


def negate(key: Key, x: Array) -> Array:
    """Turns half of the vectors round: an augmentation."""
    return jnp.where(jax.random.bernoulli(key, 0.5, (len(x), 1)), -x, x)


def remembering_gan() -> Game:
    """A game with all that keeps a state: penalties' and augmentation's memory."""

    def as_images(key: Key, x: Array) -> Array:
        return negate(key, x[:, 0, 0])[:, None, None]

    adaptive = adaptive_augment(as_images, target=-0.9, step=0.25)
    augment = adaptive._replace(
        apply=lambda memory, key, x: adaptive.apply(memory, key, x[:, None, None])[
            :, 0, 0
        ]
    )
    return tiny_gan((lecam(weight=1.0), lazily(r1(gamma=1.0), every=2)), augment)


def tiny_info_gan() -> Game:
    return info_gan(
        conditioner(),
        conditioner(1),
        conditional_one_hot(conditioner(3)),
        loss=relativistic_paired(),
        latent=standard_normal((2,)),
        code=uniform_one_hot(3),
    )


def tiny_ali() -> Game:
    return ali(
        conditional_normal(conditioner(8)),
        nn.Joint(conditioner(1)),
        conditional_normal(conditioner(4)),
        loss=hinge(),
        latent=standard_normal((2,)),
        penalties=(r2(gamma=1.0),),
    )


def tiny_pairs(make: Callable[..., Game]) -> Game:
    """A game of pairs of an example and its code, without noise beyond the latent."""
    return make(
        conditioner(),
        nn.Joint(conditioner(1)),
        conditioner(2),
        loss=non_saturating(),
        latent=standard_normal((2,)),
    )


def tiny_adversarial_autoencoder() -> Game:
    return adversarial_autoencoder(
        conditional_normal(conditioner(4)),
        conditioner(1),
        conditional_normal(conditioner(8)),
        loss=non_saturating(),
        prior=standard_normal((2,)),
    )


def tiny_restoration(
    network: NetworkLike | None = None, discriminator: NetworkLike | None = None
) -> Game:
    """Vectors from their halves: an objective, and a discriminator beside it."""
    restore = nn.as_network(network or conditioner(), user="laws")

    def init(key: Key, batch: Batch) -> Variables:
        return restore.init(key, batch["x"] / 2)

    def loss(variables: Variables, batch: Batch, key: Key) -> Any:
        made, changed = restore.train(variables, key, batch["x"] / 2)
        error = jnp.mean((made - batch["x"]) ** 2)
        return error, (changed, {"loss": error})

    def pairs(variables: Variables, batch: Batch, key: Key) -> Any:
        return (batch["x"],), (restore.apply(variables, batch["x"] / 2),)

    return with_discriminator(
        Objective(init, loss),
        pairs,
        discriminator or conditioner(1),
        loss=non_saturating(),
        weight=0.5,
    )


def tiny_consistent_gan() -> Game:
    parts, latent = (conditioner(), conditioner(1)), standard_normal((2,))
    inner = gan(*parts, loss=non_saturating(), latent=latent)
    return latent_consistency(inner, *parts, latent=latent)


def penalized_gan() -> Game:
    """A game with every penalty that the others are without."""

    return tiny_gan(
        (
            gradient_penalty(weight=1.0),
            dragan(weight=1.0),
            balanced_consistency(negate),
        )
    )


def tiny_zero_sum() -> Game:
    """`min_w max_v` of a mean of `v . x - |v|^2 / 2 + w . x v . x`."""

    def value(w: Array, v: Array, batch: Batch, key: Key) -> Array:
        w, v = w.astype(jnp.float32), v.astype(jnp.float32)
        along = batch["x"] @ v
        return jnp.mean(along + (batch["x"] @ w) * along) - v @ v / 2

    return zero_sum(value, lambda key, batch: (jnp.ones(4), jnp.full(4, 0.5)))


def tiny_classifier_gan() -> Game:
    return auxiliary_classifier_gan(
        nn.WithClass(conditioner(), classes=3),
        nn.TwoHeads(conditioner(), outputs=3),
        loss=non_saturating(),
        latent=standard_normal((2,)),
    )


def labelled_batch(rows: int = 16, seed: int = 0) -> Batch:
    """Vectors with a class each."""
    x = jax.random.normal(jax.random.key(seed), (rows, 4))
    return {"x": x, "condition": jnp.arange(rows) % 3}


def tiny_vae(prior: Density | None = None) -> LatentModel:
    return LatentModel(
        conditional_normal(conditioner()),
        conditional_bernoulli(conditioner()),
        prior or standard_normal((2,)),
    )


def player(game: Game, name: str) -> Objective:
    """One player's loss, the other standing still."""
    place = Game._fields.index(name) - 1

    def init(key: Key, batch: Batch) -> Variables:
        return game.init(key, batch)[place]

    def loss(variables: Variables, batch: Batch, key: Key) -> Any:
        other = game.init(jax.random.key(5), batch)[1 - place]
        return getattr(game, name)(variables, other, batch, key)

    return Objective(init, loss)


def pointwise_tower() -> Network:
    """The outputs of FCOS by a small MLP at every place: nothing slow to compile."""
    network = nn.MLP(features=8, hidden=(32,))

    def apply(variables: Variables, levels: Any) -> Any:
        outputs = [network.apply(variables, level) for level in levels]
        cuts = {"logits": (0, 3), "distance": (3, 7), "centerness": (7, 8)}
        return {
            name: tuple(x[..., low:high] for x in outputs)
            for name, (low, high) in cuts.items()
        }

    return Network(lambda key, levels: network.init(key, levels[0]), apply)


def tiny_fcos() -> Head:
    return fcos(
        pointwise_tower(), classes=3, strides=(4, 8), matching=by_size(ranges=(8.0,))
    )


def patches(x: jax.Array, stride: int) -> jax.Array:
    b, h, w, c = x.shape
    x = x.reshape(b, h // stride, stride, w // stride, stride, c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, h // stride, w // stride, -1)


def tiny_parts() -> tuple[Network, Network, Head]:
    """Backbone, neck and head, without a convolution."""
    backbone = Network(
        lambda key, x: {"params": {}},
        lambda variables, x: (patches(x, 4), patches(x, 8)),
    )
    level = conditioner(8)

    def init(key: Key, levels: Any) -> Variables:
        return join_sequence([level.init(key, x) for x in levels])

    def apply(variables: Variables, levels: Any) -> Any:
        pairs = zip(parts_of(variables, len(levels)), levels, strict=True)
        return tuple(level.apply(own, x) for own, x in pairs)

    return backbone, Network(init, apply), tiny_fcos()


def tiny_detector() -> Objective:
    return detection_objective(*tiny_parts())


def tiny_face_objective() -> Objective:
    """Faces by a network without a convolution."""
    network = conditioner(6)

    def init(key: Key, x: Array) -> Variables:
        return network.init(key, x.reshape(len(x), -1))

    def apply(variables: Variables, x: Array) -> FaceOutput:
        out = network.apply(variables, x.reshape(len(x), -1))
        return FaceOutput(out[:, :2], out[:, 2:], out[:, :0])

    return face_objective(Network(init, apply), hard_share=1.0)


def face_batch(rows: int = 16, seed: int = 0) -> Batch:
    """Crops that overlap faces by all shares."""
    keys = jax.random.split(jax.random.key(seed), 2)
    return {
        "image": jax.random.normal(keys[0], (rows, 4, 4, 3)),
        "overlap": jnp.linspace(0.0, 1.0, rows),
        "change": 0.1 * jax.random.normal(keys[1], (rows, 4)),
    }


def tiny_enlarger() -> Objective:
    """Images from themselves shrunk, by a network at every place."""
    level = conditioner(4)

    def enlarge(variables: Variables, image: Array) -> Array:
        b, h, w, _ = image.shape
        found = level.apply(variables, image).reshape(b, h, w, 2, 2)
        return found.transpose(0, 1, 3, 2, 4).reshape(b, 2 * h, 2 * w, 1)

    def init(key: Key, batch: Batch) -> Variables:
        return level.init(key, batch["image"])

    return content_loss(init, image_pairs(enlarge))


@cache
def scene_batch(rows: int = 16, seed: int = 0) -> Batch:
    """Scenes of 32 x 32 pixels with squares of three brightnesses' classes."""
    draw = scenes(
        np.stack([np.ones((8, 8)), np.eye(8), np.tri(8)]),
        np.arange(3),
        side=32,
        most=2,
        sizes=(10.0, 16.0),
    )
    return jax.jit(draw, static_argnums=1)(jax.random.key(seed), rows)


def pair_batch(rows: int = 16, seed: int = 0) -> Batch:
    """Pairs of correlated vectors."""
    task = correlated_normals(dim=3, mutual_information=1.0)
    x, y = task.sample(jax.random.key(seed), rows)
    return {"x": x, "y": y}


def flow_pair_batch(rows: int = 16, seed: int = 0) -> Batch:
    """Noise, and what a flow might carry it to."""
    noise = jax.random.normal(jax.random.key(seed), (rows, 4))
    return {"noise": noise, "x": jnp.sinh(noise)}


def tiny_simclr() -> Objective:
    return simclr(
        conditioner(),
        conditioner(3),
        augment=lambda key, x: x + 0.1 * jax.random.normal(key, x.shape),
        block=5,
    )


def image_batch(rows: int = 16, seed: int = 0) -> Batch:
    return {"x": jax.random.normal(jax.random.key(seed), (rows, 8, 8, 1))}


def tiny_infomax() -> Objective:
    return deep_infomax(
        nn.LocalGlobalNet(features=4, widths=(4, 4), hidden=8),
        conditioner(),
        conditioner(),
    )


def every_vector(dim):
    return jnp.array(list(itertools.product([0.0, 1.0], repeat=dim)))


def moved(variables):
    """Variables whose parameters are away from any symmetric start."""
    leaves, tree = jax.tree.flatten(variables["params"])
    keys = jax.random.split(jax.random.key(1), max(1, len(leaves)))
    pairs = zip(leaves, keys, strict=False)
    params = [a + jax.random.normal(k, a.shape) for a, k in pairs]
    return {**variables, "params": jax.tree.unflatten(tree, params)}


def outputs_of(make, *, size):
    """`(variables, x) -> [D, size]`: what a network gives each dimension."""

    def log_prob(variables, x, weights):
        probe = Conditional(
            size,
            1,
            lambda outputs, x: jnp.sum(outputs * weights[None], axis=-1),
            lambda key, outputs: outputs[..., 0],
            lambda x: x[..., None],
            lambda x: jnp.zeros((x.shape[1], size)),
        )
        return make(probe).log_prob(variables, x[None], None)[0]

    def outputs(variables, x):
        return jax.grad(log_prob, argnums=2)(variables, x, jnp.ones((len(x), size)))

    return outputs
