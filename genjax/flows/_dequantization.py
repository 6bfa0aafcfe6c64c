"""Learning the noise that makes integers continuous."""

import math

import jax
import jax.numpy as jnp

from genjax.base import Bijector, Density
from genjax.checks import check_is
from genjax.flows._elementwise import elementwise, sigmoid
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables
from genjax.variables import join_parts, part_of


def variational_dequantization(
    density: Density, noise: Bijector, base: Density, *, levels: int, key: Key
) -> Density:
    """The bound of the probability of integers under noise that is learnt.

        log P(x) >= log p((x + u) / levels) - log q(u | x) - d log levels,  u ~ q(u | x)

    q is a flow: `u = sigmoid(f(e; x))` for e from the base. With the identity in place
    of a learnt f, and a logistic base, u is uniform: that is uniform dequantization.
    The noise is that of the key: train by `training.stochastic(lambda key: ...)`, with
    a key for each step.

    Args:
        density: of `[b, *event]` in [0, 1).
        noise: f, conditioned on the scaled integers.
        base: of e, without parameters.
        levels: how many values an element can take.
        key: draws e.

    Returns:
        A density over integers 0 ... levels - 1 as floats, `[b, *event]`, with the
        parts `density` and `noise`, whose log-probability is the bound at one draw of
        the noise: right in the mean over keys, and from below.

    Source: Ho, Chen, Srinivas, Duan and Abbeel, 2019, arXiv:1902.00275.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import math
    >>> from genjax.densities import logistic, uniform
    >>> from genjax.flows import identity, variational_dequantization
    >>> model = variational_dequantization(
    ...     uniform((4,)), identity(), logistic((4,)), levels=256, key=jax.random.key(0)
    ... )
    >>> x = jnp.zeros((1, 4))
    >>> variables = model.init(jax.random.key(1), x)
    >>> round(float(-model.log_prob(variables, x)[0] / (4 * math.log(2))), 4)
    8.0
    """
    check_is("variational_dequantization", Density, density=density)
    check_is("variational_dequantization", Bijector, noise=noise)
    check_is("variational_dequantization", Density, base=base)
    squash = elementwise(sigmoid())

    def draw(own: Variables, scaled: Event) -> tuple[Array, PerExample]:
        e, log_base = base.sample({}, key, len(scaled))
        logits, log_det = noise.forward(own, e, scaled)
        u, log_slope = squash.forward({}, logits)
        return u, log_base - log_det - log_slope

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        key_density, key_noise, key_base = jax.random.split(key, 3)
        scaled = x / levels
        e, _ = base.sample({}, key_base, len(scaled))
        of_noise = noise.init(key_noise, e, scaled)
        u, _ = draw(of_noise, scaled)
        inner = density.init(key_density, scaled + u / levels, condition)
        return join_parts({"density": inner, "noise": of_noise})

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        u, log_q = draw(part_of(variables, "noise"), x / levels)
        # Noise close to 1 would round up into the next bin.
        top = jnp.nextafter((x + 1) / levels, jnp.zeros_like(x))
        y = jnp.minimum((x + u) / levels, top)
        log_p = density.log_prob(part_of(variables, "density"), y, condition)
        return log_p - math.prod(x.shape[1:]) * math.log(levels) - log_q

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        y, _ = density.sample(part_of(variables, "density"), key, n, condition)
        x = jnp.clip(jnp.floor(levels * y), 0.0, levels - 1.0)
        return x, log_prob(variables, x, condition)

    return Density(init, log_prob, sample)
