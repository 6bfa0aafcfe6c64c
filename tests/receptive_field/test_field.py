import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.receptive_field.zoo import PUBLISHED, ZOO, conv, pool
from genjax.errors import InputError
from genjax.receptive_field import (
    impulse_response,
    layer_recursion,
    receptive_field,
)


@pytest.mark.parametrize("name", ZOO)
def test_published_rows_are_exact(name):
    field = receptive_field(ZOO[name], (1, 1024, 1024, 3))
    found = (field.size[0], field.stride[0], field.padding[0])
    assert found == PUBLISHED[name]
    assert field.size[0] == field.size[1]


def random_network(rng):
    """A chain of convolutions and poolings, some with a shortcut, and their layers."""
    layers = []
    for _ in range(rng.integers(1, 4)):
        size, stride = int(rng.integers(1, 4)), int(rng.integers(1, 3))
        layers.append((rng.choice(["conv", "pool", "residual"]), size, stride))

    def network(x):
        for kind, size, stride in layers:
            if kind == "conv":
                x = conv(x, 1, size, stride, "VALID")
            elif kind == "pool":
                x = pool(x, size, stride)
            else:
                x = x + conv(x, 1, 2 * (size // 2) + 1)
        return x

    return network, layers


def test_a_hundred_random_networks_see_what_impulses_show():
    rng = np.random.default_rng(0)
    side = 40
    for _ in range(100):
        network, layers = random_network(rng)
        field = receptive_field(network, (1, side, side, 1), axes=(1,))
        shape = jax.eval_shape(
            network, jax.ShapeDtypeStruct((1, side, side, 1), "float32")
        )
        unit = shape.shape[1] // 2
        # One column is enough along the rows: the response is taken on a strip.
        seen = rows_seen(network, side, unit)
        low = unit * field.stride[0] - field.padding[0]
        assert (seen.min(), seen.max()) == (low, low + field.size[0] - 1), layers
        chain = [
            (k, s, 0) if kind != "residual" else (2 * (k // 2) + 1, 1, k // 2)
            for kind, k, s in layers
        ]
        assert layer_recursion(chain) == (
            field.size[0],
            field.stride[0],
            field.padding[0],
        )


def rows_seen(network, side, unit):
    """The rows whose impulse moves a unit, all rows in one batch."""
    images = jnp.repeat(jnp.eye(side)[:, :, None, None], side, axis=2)
    middle = network(images).shape[2] // 2
    blank = network(jnp.zeros((1, side, side, 1)))[0, unit, middle]
    out = network(images)[:, unit, middle]
    return np.flatnonzero(np.asarray(out != blank[None]).any(axis=1))


def test_the_impulse_oracle_finds_a_square():
    seen = impulse_response(lambda x: conv(conv(x, 1, 3), 1, 3), (1, 9, 9, 1), (4, 4))
    wanted = np.zeros((9, 9), bool)
    wanted[2:7, 2:7] = True
    np.testing.assert_array_equal(seen, wanted)


def test_up_sampling_has_a_fractional_stride():
    field = receptive_field(lambda x: x.repeat(2, axis=1), (1, 8, 8, 1), axes=(1,))
    assert field.size == (1,)


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="take a larger image"):
        receptive_field(ZOO["vgg_16"], (1, 224, 224, 3))
    with pytest.raises(InputError, match="has no axis that follows axis 1"):
        receptive_field(lambda x: x.mean(axis=(1, 2)), (1, 8, 8, 1))
    with pytest.raises(InputError, match="one array, got 2"):
        receptive_field(lambda x: (x, x), (1, 8, 8, 1))
