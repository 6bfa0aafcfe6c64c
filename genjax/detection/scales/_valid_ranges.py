"""Training on the objects that a scale is for.

Source: Singh and Davis, 2018, arXiv:1711.08189.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from genjax.base import Objective
from genjax.checks import check_is
from genjax.detection._dense import cut_to_image
from genjax.detection.scales._pyramid import (
    Range,
    check_scales,
    in_range,
    placement_in,
    resized,
)
from genjax.errors import InputError
from genjax.typing import Batch, Key, Outcome, Variables
from genjax.variables import passes_in_turn


def with_valid_range(objective: Objective, valid_range: Range) -> Objective:
    """Objects outside a range of sizes are neither learnt nor background.

    They join what the batch ignores already. Of an object that reaches beyond the image
    the size inside counts.

    Args:
        objective: of batches `{"image": [b, h, w, c], "xyxy": [b, n, 4], "label": [b,
            n], "valid": [b, n]}`, as `detection_objective` takes them.
        valid_range: the least and the greatest root of an object's area, in pixels.

    Returns:
        An objective of the same batches.

    Raises:
        InputError: the range is empty.

    Source: Singh and Davis, 2018, arXiv:1711.08189.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.base import Objective
    >>> from genjax.detection.scales import with_valid_range
    >>> counted = Objective(
    ...     lambda key, batch: {"params": {}},
    ...     lambda v, batch, key: (jnp.sum(batch["ignore"].astype(float)), ({}, {})),
    ... )
    >>> xyxy = jnp.array([[[0.0, 0, 4, 4], [0, 0, 40, 40]]])
    >>> batch = {"image": jnp.ones((1, 64, 64, 1)), "xyxy": xyxy}
    >>> batch["valid"] = jnp.ones((1, 2), bool)
    >>> small = with_valid_range(counted, (0, 16))
    >>> float(small.loss({"params": {}}, batch, jax.random.key(0))[0])
    1.0
    """
    check_is("with_valid_range", Objective, objective=objective)
    low, high = valid_range
    if not 0 <= low < high:
        raise InputError(
            "with_valid_range: the range must be of two ascending sizes from 0 on, got "
            f"{valid_range}."
        )

    def marked(batch: Batch) -> Batch:
        ignore = batch.get("ignore", jnp.zeros_like(batch["valid"]))
        seen = cut_to_image(batch["xyxy"], batch["image"].shape[1:3])
        return {**batch, "ignore": ignore | ~in_range(seen, low, high)}

    return Objective(
        lambda key, batch: objective.init(key, marked(batch)),
        lambda variables, batch, key: objective.loss(variables, marked(batch), key),
    )


def pyramid_training(
    objective: Objective,
    *,
    scales: Sequence[float],
    ranges: Sequence[Range] | None = None,
) -> Objective:
    """Trains on an image in several sizes, each on the objects that it is for.

        loss = mean over the scales of the loss at each

    Args:
        objective: of batches as `detection_objective` takes them.
        scales: factors of the image's size; the sizes must suit the detector.
        ranges: the valid sizes of objects, roots of their areas in pixels of each
            scale; all without them.

    Returns:
        An objective of the same batches. Its metrics are means over the scales.

    Raises:
        InputError: a scale is not positive, or the ranges leave sizes to no scale.

    Source: Singh and Davis, 2018, arXiv:1711.08189.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.base import Objective
    >>> from genjax.detection.scales import pyramid_training
    >>> width = Objective(
    ...     lambda key, batch: {"params": {}},
    ...     lambda v, batch, key: (batch["image"].shape[2] * 1.0, ({}, {"loss": 1.0})),
    ... )
    >>> both = pyramid_training(width, scales=(1, 2))
    >>> batch = {"image": jnp.ones((1, 8, 8, 1)), "xyxy": jnp.zeros((1, 1, 4))}
    >>> batch["valid"] = jnp.zeros((1, 1), bool)
    >>> float(both.loss({"params": {}}, batch, jax.random.key(0))[0])
    12.0
    """
    check_is("pyramid_training", Objective, objective=objective)
    valid_ranges = check_scales("pyramid_training", scales, ranges)
    parts = [with_valid_range(objective, own) for own in valid_ranges]

    def of_scale(batch: Batch, scale: float) -> Batch:
        image = resized(batch["image"], scale)
        xyxy = placement_in(batch["image"], image).of(batch["xyxy"])
        return {**batch, "image": image, "xyxy": xyxy}

    def init(key: Key, batch: Batch, /) -> Variables:
        return parts[0].init(key, of_scale(batch, scales[0]))

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        def at(part: Objective, scale: float, seen: Variables, key: Key) -> Any:
            value, (more, metrics) = part.loss(seen, of_scale(batch, scale), key)
            return (value, metrics), more

        pairs = zip(parts, scales, strict=True)
        passes = [partial(at, part, scale) for part, scale in pairs]
        found, changed = passes_in_turn(variables, key, passes)
        value, metrics = jax.tree.map(lambda *rows: sum(rows) / len(rows), *found)
        return value, (changed, metrics)

    return Objective(init, loss)
