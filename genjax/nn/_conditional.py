"""Networks that take a class or a second input beside their first."""

import jax.numpy as jnp
from flax import linen as nn

from genjax.nn._linen import in_mode
from genjax.typing import Array, Int, Output


class WithClass(nn.Module):
    """Puts an embedding of the class beside the features: a conditional generator.

    Attributes:
        network: from `[b, d + width]` to its outputs.
        classes: how many.
        width: of the embedding.

    Source: Mirza and Osindero, 2014, arXiv:1411.1784.

    >>> import jax.numpy as jnp
    >>> import jax
    >>> from genjax.nn import MLP, WithClass
    >>> module = WithClass(MLP(features=2, hidden=(8,)), classes=10)
    >>> z, label = jnp.ones((3, 4)), jnp.array([0, 1, 9])
    >>> module.apply(module.init(jax.random.key(0), z, label), z, label).shape
    (3, 2)
    """

    network: nn.Module
    classes: int
    width: int = 16

    @nn.compact
    def __call__(
        self, x: Array, label: Int[Array, " b"], *, train: bool = False
    ) -> Output:
        """Maps `[b, d]` and labels `[b]` to the network's outputs."""
        embedded = nn.Embed(self.classes, self.width, dtype=jnp.float32)(label)
        mode = in_mode(self.network, train=train)
        return self.network(jnp.concatenate([x, embedded], axis=1), **mode)


class Projection(nn.Module):
    """A discriminator that judges by the inner product with a class: projection.

        D(x, y) = w . phi(x) + b + v_y . phi(x)

    Attributes:
        features: phi, from examples to `[b, d]`.
        classes: how many.

    Source: Miyato and Koyama, 2018, arXiv:1802.05637.

    >>> import jax.numpy as jnp
    >>> import jax
    >>> from genjax.nn import MLP, Projection
    >>> module = Projection(MLP(features=8, hidden=(8,)), classes=10)
    >>> x, label = jnp.ones((3, 4)), jnp.array([0, 1, 9])
    >>> module.apply(module.init(jax.random.key(0), x, label), x, label).shape
    (3,)
    """

    features: nn.Module
    classes: int

    @nn.compact
    def __call__(
        self, x: Array, label: Int[Array, " b"], *, train: bool = False
    ) -> Array:
        """Maps examples and labels `[b]` to logits `[b]`."""
        phi = self.features(x, **in_mode(self.features, train=train))
        embedded = nn.Embed(self.classes, phi.shape[1], dtype=jnp.float32)(label)
        plain = nn.Dense(1, dtype=jnp.float32)(phi)[:, 0]
        return plain + jnp.sum(embedded * phi, axis=1)


class TwoHeads(nn.Module):
    """A network with a logit and further outputs, such as a class: AC-GAN's.

    Attributes:
        features: from examples to `[b, d]`.
        outputs: how many beside the logit.

    >>> import jax.numpy as jnp
    >>> import jax
    >>> from genjax.nn import MLP, TwoHeads
    >>> module, x = TwoHeads(MLP(features=8, hidden=()), outputs=10), jnp.ones((3, 4))
    >>> logit, outputs = module.apply(module.init(jax.random.key(0), x), x)
    >>> logit.shape, outputs.shape
    ((3,), (3, 10))
    """

    features: nn.Module
    outputs: int

    @nn.compact
    def __call__(self, x: Array, *, train: bool = False) -> tuple[Array, Array]:
        """Maps examples to logits `[b]` and outputs `[b, outputs]`."""
        phi = self.features(x, **in_mode(self.features, train=train))
        logit = nn.Dense(1, dtype=jnp.float32)(phi)[:, 0]
        return logit, nn.Dense(self.outputs, dtype=jnp.float32)(phi)


class Joint(nn.Module):
    """A network of several inputs, flattened side by side.

    Attributes:
        network: from `[b, d]` to its outputs.

    >>> import jax.numpy as jnp
    >>> import jax
    >>> from genjax.nn import Joint, MLP
    >>> module = Joint(MLP(features=1, hidden=(8,)))
    >>> x, z = jnp.ones((3, 4, 4, 1)), jnp.ones((3, 2))
    >>> module.apply(module.init(jax.random.key(0), x, z), x, z).shape
    (3, 1)
    """

    network: nn.Module

    @nn.compact
    def __call__(self, *inputs: Array, train: bool = False) -> Output:
        """Maps inputs `[b, ...]` to the network's outputs."""
        flat = [x.reshape(len(x), -1) for x in inputs]
        mode = in_mode(self.network, train=train)
        return self.network(jnp.concatenate(flat, axis=1), **mode)
