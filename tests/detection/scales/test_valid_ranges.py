import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import detection_objective
from genjax.detection.scales import pyramid_training, with_valid_range
from genjax.errors import InputError
from tests.laws.instances import scene_batch, tiny_parts

OBJECTIVE = detection_objective(*tiny_parts())
BATCH = scene_batch(4)
VARIABLES = jax.jit(OBJECTIVE.init)(jax.random.key(0), BATCH)


def value_and_gradient(objective, batch):
    def loss(variables):
        return objective.loss(variables, batch, jax.random.key(1))[0]

    return jax.jit(jax.value_and_grad(loss))(VARIABLES)


def assert_same(first, second, **how):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **how), first, second)


@pytest.mark.parametrize(
    "make",
    [
        lambda objective: with_valid_range(objective, (0, math.inf)),
        lambda objective: pyramid_training(objective, scales=(1,)),
    ],
)
def test_all_sizes_at_one_scale_change_nothing(make):
    plain, other = (
        value_and_gradient(objective, BATCH)
        for objective in (OBJECTIVE, make(OBJECTIVE))
    )
    assert_same(plain, other, rtol=0)


def test_objects_out_of_range_are_ignored():
    size = np.sqrt(np.prod(BATCH["xyxy"][..., 2:] - BATCH["xyxy"][..., :2], axis=-1))
    middle = float(np.median(size[np.asarray(BATCH["valid"])]))
    ignored = {**BATCH, "ignore": jnp.asarray(size > middle)}
    found = value_and_gradient(with_valid_range(OBJECTIVE, (0, middle)), BATCH)
    assert_same(found, value_and_gradient(OBJECTIVE, ignored), rtol=0)
    # An object that fills the image and is too large adds exactly nothing.
    whole = jnp.broadcast_to(jnp.array([0.0, 0, 32, 32]), BATCH["xyxy"].shape)
    value, gradient = value_and_gradient(
        with_valid_range(OBJECTIVE, (0, 16)), {**BATCH, "xyxy": whole}
    )
    assert value == 0
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient))


def test_scales_are_averaged_over_resized_scenes():
    scaled = pyramid_training(
        OBJECTIVE, scales=(1, 2), ranges=((16, math.inf), (0, 32))
    )
    value, _ = value_and_gradient(scaled, BATCH)
    large = {
        **BATCH,
        "image": jax.image.resize(BATCH["image"], (4, 64, 64, 1), "bilinear"),
        "xyxy": BATCH["xyxy"] * 2,
    }
    parts = (
        value_and_gradient(with_valid_range(OBJECTIVE, (16, math.inf)), BATCH),
        value_and_gradient(with_valid_range(OBJECTIVE, (0, 32)), large),
    )
    np.testing.assert_allclose(value, (parts[0][0] + parts[1][0]) / 2, rtol=1e-5)


def test_an_empty_range_is_a_sentence():
    with pytest.raises(InputError, match="two ascending sizes from 0 on, got"):
        with_valid_range(OBJECTIVE, (8, 8))
