"""Images of grey levels as a flow sees them: dequantised, and mapped by a logit."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.base import Density, Objective
from genjax.data import dequantize, logit
from genjax.densities import negative_log_likelihood
from genjax.metrics import bits_per_dim
from genjax.training import with_preprocessing
from genjax.typing import Array, Batch, Key, PerExample, Variables


class GreyLevels(NamedTuple):
    """How images become points of a flow's space, and come back.

    Fields:
        levels: how many values a pixel can take.
        image_shape: of an image as it is drawn.
        event_shape: of an example as the flow sees it.
        margin: of the logit.
    """

    levels: int
    image_shape: tuple[int, ...]
    event_shape: tuple[int, ...]
    margin: float = 0.05

    def encode(self, key: Key, image: Array) -> tuple[Array, PerExample]:
        """Returns dequantised points and the log-determinant of the map."""
        x = dequantize(key, image.reshape(-1, *self.event_shape), levels=self.levels)
        return logit(x, margin=self.margin)

    def centred(self, image: Array) -> Array:
        """Returns the points in the middle of grey levels, without noise."""
        y = (image.astype(jnp.float32) + 0.5) / self.levels
        return logit(y.reshape(-1, *self.event_shape), margin=self.margin)[0]

    def decode(self, x: Array) -> Array:
        """Returns the grey levels that hold the points."""
        unit = (jax.nn.sigmoid(x) - self.margin) / (1 - 2 * self.margin)
        levels = jnp.clip(jnp.floor(unit * self.levels), 0, self.levels - 1)
        return levels.reshape(-1, *self.image_shape)

    def objective(self, model: Density) -> Objective:
        """Returns the likelihood of freshly dequantised batches `{"image": ...}`."""

        def encode(key: Key, batch: Batch) -> Batch:
            return {"x": self.encode(key, batch["image"])[0]}

        return with_preprocessing(negative_log_likelihood(model), encode)

    def log_prob(
        self, model: Density, variables: Variables, key: Key, image: Array
    ) -> PerExample:
        """Returns a bound of the log-probability of the grey levels, in nats."""
        x, log_det = self.encode(key, image)
        dims = math.prod(self.event_shape)
        return model.log_prob(variables, x) + log_det - dims * math.log(self.levels)

    def bits(
        self,
        model: Density,
        variables: Variables,
        image: Array,
        *,
        draws: int,
        rows: int,
    ) -> Array:
        """Returns the mean bits per dimension over draws of the dequantisation.

        Args:
            model: of encoded images.
            variables: its parameters.
            image: `[n, *image_shape]`.
            draws: of the noise.
            rows: images at a time.
        """
        whole = len(image) - len(image) % rows
        parts = image[:whole].reshape(-1, rows, *image.shape[1:])
        indices = jnp.arange(draws * len(parts))

        def total(index: Array | int, part: Array) -> Array:
            key = jax.random.fold_in(jax.random.key(7), index)
            return jnp.sum(self.log_prob(model, variables, key, part))

        found = jax.lax.map(lambda i: total(i, parts[i % len(parts)]), indices).sum()
        for draw in range(draws if whole < len(image) else 0):
            found = found + total(len(indices) + draw, image[whole:])
        log_prob = found / (draws * len(image))
        return bits_per_dim(log_prob, dims=math.prod(self.event_shape), levels=1)
