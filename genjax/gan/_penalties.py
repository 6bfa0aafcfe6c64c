"""What is added to the discriminator's loss to keep it smooth.

A penalty sees what the discriminator sees: examples after augmentation and packing, one
array or a tuple of them. Gradients are those in the examples, labels excluded.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from genjax.arrays import widened
from genjax.checks import check_not_negative
from genjax.errors import InputError
from genjax.typing import Array, Key, Memory, PerExample, Scalar, Tree

Critic: TypeAlias = Callable[[Tree], PerExample]


class PenaltyInputs(NamedTuple):
    """What a penalty can look at.

    Fields:
        critic: from examples to logits `[b]`, in float32.
        real: the data, an array `[b, ...]` or a tuple of them.
        fake: likewise.
        real_logits: the critic's of the data.
        fake_logits: the critic's of the fakes.
    """

    critic: Critic
    real: Tree
    fake: Tree
    real_logits: PerExample
    fake_logits: PerExample


class Penalty(NamedTuple):
    """Something to add to the discriminator's loss, with what it remembers.

    Fields:
        value: `(memory, seen, key) -> (scalar, memory)`.
        memory: before the first step: floats by name, `{}` for most.
    """

    value: Callable[[Memory, PenaltyInputs, Key], tuple[Scalar, Memory]]
    memory: Memory


def r1(*, gamma: float) -> Penalty:
    """Penalises the discriminator's gradient on real data.

        R1 = gamma / 2 E_x ||dD(x) / dx||^2

    The squared norm is that of each example by itself. With it the Dirac-GAN converges,
    where the plain GAN circles.

    Data and fakes are `[b, *event]`, the penalty is a scalar.

    Args:
        gamma: the weight, of which a half is applied.

    Raises:
        InputError: `gamma` is negative.

    Source: Mescheder, Geiger and Nowozin, 2018, arXiv:1801.04406.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.gan import PenaltyInputs, r1
    >>> linear = lambda x: x @ jnp.array([3.0, 4.0])
    >>> x = jnp.ones((5, 2))
    >>> seen = PenaltyInputs(linear, x, x, linear(x), linear(x))
    >>> float(r1(gamma=2.0).value({}, seen, jax.random.key(0))[0])
    25.0
    """
    check_not_negative("r1", "gamma", gamma)
    return _without_memory(
        lambda seen, key: 0.5 * gamma * _mean_squared_slope(seen, seen.real)
    )


def r2(*, gamma: float) -> Penalty:
    """Penalises the discriminator's gradient on fakes.

        R2 = gamma / 2 E_z ||dD(G(z)) / dx||^2

    Data and fakes are `[b, *event]`, the penalty is a scalar.

    Args:
        gamma: the weight, of which a half is applied.

    Raises:
        InputError: `gamma` is negative.

    Source: Mescheder, Geiger and Nowozin, 2018, arXiv:1801.04406.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.gan import PenaltyInputs, r2
    >>> x, zeros = jnp.ones((2, 3)), jnp.zeros(2)
    >>> def critic(inputs):
    ...     return 3 * inputs[0][:, 0]
    >>> seen = PenaltyInputs(critic, (x,), (x,), zeros, zeros)
    >>> value, memory = r2(gamma=2.0).value({}, seen, jax.random.key(0))
    >>> round(float(value), 3)
    9.0
    """
    check_not_negative("r2", "gamma", gamma)
    return _without_memory(
        lambda seen, key: 0.5 * gamma * _mean_squared_slope(seen, seen.fake)
    )


def gradient_penalty(*, weight: float) -> Penalty:
    """Pulls the critic's slope to 1 between data and fakes: WGAN-GP.

        GP = weight E (||dD(x) / dx|| - 1)^2,   x = e x_real + (1 - e) x_fake

    Each pair has an `e`, uniform in [0, 1], and each example a norm, of its own.

    Args:
        weight: 10 in the paper.

    Raises:
        InputError: `weight` is negative.

    Source: Gulrajani et al., 2017, arXiv:1704.00028.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.gan import PenaltyInputs, gradient_penalty
    >>> linear = lambda x: x @ jnp.array([3.0, 4.0])
    >>> x = jnp.ones((5, 2))
    >>> seen = PenaltyInputs(linear, x, x, linear(x), linear(x))
    >>> float(gradient_penalty(weight=1.0).value({}, seen, jax.random.key(0))[0])
    16.0
    """
    check_not_negative("gradient_penalty", "weight", weight)

    def value(seen: PenaltyInputs, key: Key) -> Scalar:
        rows = len(jax.tree.leaves(seen.real)[0])
        share = jax.random.uniform(key, (rows,))

        def mix(real: Array, fake: Array) -> Array:
            e = share.reshape(rows, *[1] * (real.ndim - 1))
            return e * real + (1 - e) * fake

        between = jax.tree.map(mix, widened(seen.real), widened(seen.fake))
        return weight * jnp.mean((_slopes(seen.critic, between) - 1) ** 2)

    return _without_memory(value)


def dragan(*, weight: float, spread: float = 0.5) -> Penalty:
    """Pulls the discriminator's slope to 1 around the data.

        weight E (||dD(x) / dx|| - 1)^2,   x = x_real + spread sd(x_real) u

    `u` is uniform in [0, 1] for each number, and `sd` the deviation over the batch.

    Args:
        weight: 10 in the paper.
        spread: of the noise, in standard deviations of the whole batch.

    Raises:
        InputError: `weight` or `spread` is negative.

    Source: Kodali et al., 2017, arXiv:1705.07215.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.gan import PenaltyInputs, dragan
    >>> x, zeros = jnp.ones((2, 3)), jnp.zeros(2)
    >>> def critic(inputs):
    ...     return 3 * inputs[0][:, 0]
    >>> seen = PenaltyInputs(critic, (x,), (x,), zeros, zeros)
    >>> value, memory = dragan(weight=1.0).value({}, seen, jax.random.key(0))
    >>> round(float(value), 3)
    4.0
    """
    check_not_negative("dragan", "weight", weight)
    check_not_negative("dragan", "spread", spread)

    def value(seen: PenaltyInputs, key: Key) -> Scalar:
        leaves, structure = jax.tree.flatten(widened(seen.real))
        keys = jax.random.split(key, len(leaves))
        near = [
            x + spread * jnp.std(x) * jax.random.uniform(key, x.shape)
            for x, key in zip(leaves, keys, strict=True)
        ]
        slopes = _slopes(seen.critic, jax.tree.unflatten(structure, near))
        return weight * jnp.mean((slopes - 1) ** 2)

    return _without_memory(value)


def lecam(*, weight: float, decay: float = 0.99) -> Penalty:
    """Holds each side's logits to the other side's moving mean.

        weight (E (l_real - m_fake)^2 + E (l_fake - m_real)^2)

    `m_real` and `m_fake` are the moving means of the logits up to the step before,
    0 at the start. With the Wasserstein loss it bounds a LeCam divergence, which helps
    where data is scarce.

    The logits are `[b]`, the penalty is a scalar.

    Args:
        weight: .3 to 1e-4 in the paper.
        decay: of the moving means, in [0, 1).

    Raises:
        InputError: `weight` is negative, or `decay` outside [0, 1).

    Source: Tseng et al., 2021, arXiv:2104.03310.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.gan import PenaltyInputs, lecam
    >>> seen = PenaltyInputs(lambda x: x, None, None, jnp.ones(2), jnp.zeros(2))
    >>> penalty = lecam(weight=1.0, decay=0.5)
    >>> value, memory = penalty.value(penalty.memory, seen, jax.random.key(0))
    >>> float(value), float(memory["real"])
    (1.0, 0.5)
    """
    check_not_negative("lecam", "weight", weight)
    if not 0 <= decay < 1:
        raise InputError(f"lecam: decay must be in [0, 1), got {decay}.")

    def value(memory: Memory, seen: PenaltyInputs, key: Key) -> tuple[Scalar, Memory]:
        del key
        real, fake = seen.real_logits, seen.fake_logits
        of_real = jnp.mean((real - memory["fake"]) ** 2)
        of_fake = jnp.mean((fake - memory["real"]) ** 2)
        means = {"real": jnp.mean(real), "fake": jnp.mean(fake)}
        new = jax.tree.map(lambda m, x: decay * m + (1 - decay) * x, memory, means)
        return weight * (of_real + of_fake), jax.lax.stop_gradient(new)

    return Penalty(value, {"real": jnp.zeros(()), "fake": jnp.zeros(())})


def balanced_consistency(
    augment: Callable[[Key, Array], Array], *, real: float = 10.0, fake: float = 10.0
) -> Penalty:
    """Asks for the same logit before and after an augmentation, of data and of fakes.

        real E (D(x) - D(T(x)))^2 + fake E (D(G(z)) - D(T(G(z))))^2

    Args:
        augment: `T`, `(key, images [b, ...]) -> images`, of the first input.
        real: weight of the data's part.
        fake: weight of the fakes' part.

    Raises:
        InputError: a weight is negative.

    Source: Zhao et al., 2021, arXiv:2002.04724 (bCR).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import standard_normal
    >>> from genjax.gan import balanced_consistency, gan, non_saturating
    >>> from genjax import nn
    >>> penalty = balanced_consistency(lambda key, x: -x)
    >>> game = gan(
    ...     nn.MLP(features=4, hidden=(8,)), nn.MLP(features=1, hidden=(8,)),
    ...     loss=non_saturating(), latent=standard_normal((2,)), penalties=(penalty,),
    ... )
    >>> generator, discriminator = game.init(jax.random.key(0), {"x": jnp.ones((6, 4))})
    >>> sorted(discriminator["params"])
    ['Dense_0', 'Dense_1']
    """
    check_not_negative("balanced_consistency", "real", real)
    check_not_negative("balanced_consistency", "fake", fake)

    def value(seen: PenaltyInputs, key: Key) -> Scalar:
        def change(key: Key, x: Tree, logits: PerExample) -> Scalar:
            is_tuple = isinstance(x, tuple)
            moved = (augment(key, x[0]), *x[1:]) if is_tuple else augment(key, x)
            return jnp.mean((seen.critic(moved) - logits) ** 2)

        key_real, key_fake = jax.random.split(key)
        of_real = change(key_real, seen.real, seen.real_logits)
        of_fake = change(key_fake, seen.fake, seen.fake_logits)
        return real * of_real + fake * of_fake

    return _without_memory(value)


def lazily(penalty: Penalty, *, every: int) -> Penalty:
    """Applies a penalty in one step of several, with so much more weight.

        every R in the steps 0, every, 2 every, ...; 0 in the others

    Under `vmap`, and so in an `ensemble`, both branches run and no time is saved.

    Data and fakes are `[b, *event]`, the penalty is a scalar.

    Args:
        penalty: any penalty; it remembers only the steps in which it is applied.
        every: how many steps; 16 is usual.

    Raises:
        InputError: `every` is not positive.

    Source: Karras et al., 2020, arXiv:1912.04958.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.gan import PenaltyInputs, lazily, r1
    >>> linear = lambda x: x @ jnp.array([3.0, 4.0])
    >>> x = jnp.ones((5, 2))
    >>> seen = PenaltyInputs(linear, x, x, linear(x), linear(x))
    >>> penalty = lazily(r1(gamma=2.0), every=4)
    >>> memory = penalty.memory
    >>> for _ in range(5):
    ...     value, memory = penalty.value(memory, seen, jax.random.key(0))
    ...     print(float(value), end=" ")
    100.0 0.0 0.0 0.0 100.0
    """
    if every < 1:
        raise InputError(f"lazily: every must be at least 1, got {every}.")

    def value(memory: Memory, seen: PenaltyInputs, key: Key) -> tuple[Scalar, Memory]:
        def applied(own: Memory) -> tuple[Scalar, Memory]:
            found, own = penalty.value(own, seen, key)
            return every * found, own

        phase, own = memory["phase"], memory["penalty"]
        shape, _ = jax.eval_shape(applied, own)

        def left_out(own: Memory) -> tuple[Scalar, Memory]:
            return jnp.zeros(shape.shape, shape.dtype), own

        found, own = jax.lax.cond(phase == 0, applied, left_out, own)
        return found, {"phase": (phase + 1) % every, "penalty": own}

    # A float, so that means over devices keep its type.
    return Penalty(value, {"phase": jnp.zeros(()), "penalty": penalty.memory})


def _without_memory(value: Callable[[PenaltyInputs, Key], Scalar]) -> Penalty:
    return Penalty(lambda memory, seen, key: (value(seen, key), memory), {})


def _mean_squared_slope(seen: PenaltyInputs, x: Tree) -> Scalar:
    return jnp.mean(_squared_slopes(seen.critic, x))


def _squared_slopes(critic: Critic, x: Tree) -> PerExample:
    gradient = jax.grad(lambda x: jnp.sum(critic(x)))(widened(x))
    squares = [
        jnp.sum(leaf**2, axis=tuple(range(1, leaf.ndim)))
        for leaf in jax.tree.leaves(gradient)
    ]
    return sum(squares[1:], squares[0])


def _slopes(critic: Critic, x: Tree) -> PerExample:
    """Norms, with a gradient of 0 where they are 0."""
    squares = _squared_slopes(critic, x)
    is_flat = squares == 0
    return jnp.where(is_flat, 0.0, jnp.sqrt(jnp.where(is_flat, 1.0, squares)))
