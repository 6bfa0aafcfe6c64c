import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.autoregressive import (
    categorical,
    deep_nade,
    on_images,
    orderless_likelihood,
)
from genjax.base import Network
from genjax.errors import InputError
from tests.laws.instances import moved

KEY, SHAPE = jax.random.key(0), (2, 3, 1)


def stack(features):
    return nn.ConvStack(features=features, widths=(4, 4), inner=3)


def test_the_observed_values_and_the_mask_are_the_channels():
    seen = []

    def apply(variables, images):
        del variables
        seen.append(images)
        return images[..., :1]

    network = on_images(Network(lambda key, x: {"params": {}}, apply), shape=SHAPE)
    x = jnp.arange(24.0).reshape(2, 12)
    y = network.apply({"params": {}}, x)
    np.testing.assert_array_equal(seen[0][..., 0], x[:, :6].reshape(2, 2, 3))
    np.testing.assert_array_equal(seen[0][..., 1], x[:, 6:].reshape(2, 2, 3))
    np.testing.assert_array_equal(y, x[:, :6])


def test_probabilities_of_all_images_sum_to_one():
    values = itertools.product([0.0, 1.0, 2.0], repeat=6)
    every = jnp.array(list(values))
    classes = categorical(3)
    model = deep_nade(on_images(stack(3), shape=SHAPE), conditional=classes)
    params = moved(model.init(KEY, every))
    total = jnp.exp(jax.jit(model.log_prob)(params, every)).sum()
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_it_is_trained_for_all_orders():
    objective = orderless_likelihood(on_images(stack(1), shape=SHAPE))
    batch = {"x": jnp.eye(6)}
    variables = objective.init(KEY, batch)
    value, _ = objective.loss(variables, batch, KEY)
    assert np.isfinite(value)


def test_other_shapes_are_refused():
    model = deep_nade(on_images(stack(1), shape=SHAPE))
    with pytest.raises(InputError, match=r"flattened images of the shape \(2, 3, 1\)"):
        model.init(KEY, jnp.eye(5))
    flat = Network(lambda key, x: {"params": {}}, lambda variables, x: x[:, :1])
    with pytest.raises(InputError, match=r"must return images \[6, 2, 3, 1 size\]"):
        deep_nade(on_images(flat, shape=SHAPE)).log_prob(
            {"params": {"bias": jnp.zeros((6, 1)), "network": {}}}, jnp.eye(6)
        )
