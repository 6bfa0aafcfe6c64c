from fractions import Fraction
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen
from jax import lax
from jax.scipy.ndimage import map_coordinates

from experiments.receptive_field.zoo import PUBLISHED, ZOO, conv, pool
from genjax import nn
from genjax.errors import InputError
from genjax.receptive_field import (
    classic,
    impulse_response,
    receptive_field,
)

HALF, LAYOUT = Fraction(1, 2), ("NHWC", "HWIO", "NHWC")


LARGE = ("resnet_v1_101", "resnet_v1_152", "resnet_v1_200")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in LARGE)) for n in ZOO],
)
def test_published_rows_are_exact(name):
    side = 1024 if PUBLISHED[name][0] < 500 else 4096
    field = receptive_field(ZOO[name], (1, side, side, 3))
    found = (field.size[0], field.stride[0], field.padding[0])
    assert found == PUBLISHED[name]
    assert field.size[0] == field.size[1]
    assert field.context == field.joins == field.unknown == ()


def transposed(side):
    kernel = jnp.ones((side, side, 2, 2))

    def network(x):
        return lax.conv_transpose(x, kernel, (2, 2), "SAME", dimension_numbers=LAYOUT)

    return network


def resized(method):
    return lambda x: jax.image.resize(x, (1, 64, 64, 2), method)


def grouped_norm(x):
    variables = {"params": {"scale": jnp.ones(2), "bias": jnp.zeros(2)}}
    return linen.GroupNorm(num_groups=1).apply(variables, conv(x, 2, 3))


def excited(x):
    return conv(x, 2, 3) * jax.nn.sigmoid(x.mean(axis=(1, 2), keepdims=True))


def warped(x):
    places = jnp.meshgrid(jnp.arange(32.0), jnp.arange(32.0), indexing="ij")
    return map_coordinates(x[0, :, :, 0], [places[0] + 0.5, places[1]], 1)[
        None, ..., None
    ]


LOCAL = {
    "transposed 4": (transposed(4), 2, HALF, HALF),
    "transposed 3": (transposed(3), 2, HALF, HALF),
    "nearest": (resized("nearest"), 1, HALF, 0),
    "linear": (resized("linear"), 2, HALF, HALF),
    "cubic": (resized("cubic"), 4, HALF, Fraction(3, 2)),
    "warped": (warped, 2, 1, 0),
    "every second": (lambda x: x[:, jnp.arange(0, 32, 2)], 1, 2, 0),
    "channel softmax": (lambda x: jax.nn.softmax(conv(x, 2, 3)), 3, 1, 1),
    "group norm": (grouped_norm, 3, 1, 1),
    "squeeze and excite": (excited, 3, 1, 1),
    "up, then conv": (lambda x: conv(x.repeat(2, 1).repeat(2, 2), 2, 3), 2, HALF, HALF),
    "from a place on": (
        lambda x: lax.dynamic_slice(x, (0, 2, 3, 0), (1, 9, 9, 1)),
        1,
        1,
        -2,
    ),
}


@pytest.mark.parametrize("name", LOCAL)
def test_local_fields_are_exact(name):
    network, size, stride, padding = LOCAL[name]
    field = receptive_field(network, (1, 32, 32, 2), axes=(1,))
    assert (field.size, field.stride, field.padding) == ((size,), (stride,), (padding,))
    assert field.is_regular == (True,)
    assert field.unknown == ()
    assert bool(field.context) == (name in ("group norm", "squeeze and excite"))


def test_what_sees_the_rest_is_named_and_united_where_asked():
    (name,) = receptive_field(grouped_norm, (1, 32, 32, 2), axes=(1,)).context
    assert name.startswith("GroupNorm/reduce_sum")
    with pytest.raises(InputError, match="that it takes is enough: units see an edge"):
        receptive_field(grouped_norm, (1, 32, 32, 2), axes=(1,), whole=True)


def test_paths_that_do_not_fit_are_named():
    def network(x):
        return conv(x, 2, 3, 2) + conv(x, 2, 2, 2)

    field = receptive_field(network, (1, 32, 32, 2), axes=(1,))
    assert (field.size, field.stride, field.padding) == ((3,), (2,), (0,))
    (join,) = field.joins
    assert (join.centres, join.strides) == (HALF, (2, 2))
    assert "add (test_field.py" in join.where


def test_a_stride_that_is_not_constant_is_told():
    field = receptive_field(
        lambda x: transposed(3)(conv(x, 2, 3, 2)), (1, 32, 32, 2), axes=(1,)
    )
    assert (field.size, field.stride, field.is_regular) == ((5,), (1,), (False,))


def test_the_librarys_own_pyramid_has_a_field_a_level():
    backbone = nn.PyramidBackbone(widths=(4, 8, 8), levels=2)
    neck = nn.FPN(features=4)
    x = jax.ShapeDtypeStruct((1, 128, 128, 3), jnp.float32)
    key = jax.random.key(0)
    below = jax.eval_shape(backbone.init, key, x)
    maps = jax.eval_shape(backbone.apply, below, x)
    above = jax.eval_shape(neck.init, key, maps)

    def network(x, below, above):
        return neck.apply(above, backbone.apply(below, x))

    fields = receptive_field(network, (1, 512, 512, 3), below, above)
    strides = [field.stride[0] for field in fields]
    sizes = [field.size[0] for field in fields]
    assert len(fields) == len(maps) > 1
    assert [b / a for a, b in pairwise(strides)] == [2] * (len(fields) - 1)
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("rank", "axes"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3))], ids=["1", "2", "3"]
)
def test_any_number_of_spatial_axes(rank, axes):
    kernel, sides = jnp.ones((*(3,) * rank, 1, 2)), (3,) * rank
    variables = {"params": {"kernel": kernel, "bias": jnp.zeros(2)}}

    def network(x):
        return linen.Conv(2, sides, strides=2).apply(variables, x)

    field = receptive_field(network, (1, *(24,) * rank, 1), axes=axes)
    assert (field.size, field.stride) == ((3,) * rank, (2,) * rank)


@pytest.mark.parametrize("layers", [2, 4, 6])
def test_a_wavenet_sees_two_to_its_layers(layers):
    def network(x):
        for place in range(layers):
            d = 2**place
            x = jnp.tanh(x + jnp.pad(x, ((0, 0), (d, 0), (0, 0)))[:, :-d])
        return x

    field = receptive_field(network, (1, 3 * 2**layers, 1), axes=(1,))
    assert (field.size, field.padding) == ((2**layers,), (2**layers - 1,))


def test_another_argument_can_be_asked_about():
    def network(small, large):
        return small + pool(large, 2, 2)

    small = jax.ShapeDtypeStruct((1, 16, 16, 1), jnp.float32)
    field = receptive_field(network, (1, 32, 32, 1), small, argnum=1)
    assert (field.size, field.stride) == ((2, 2), (2, 2))


def random_network(rng):
    """Layers of every kind, some with a shortcut."""
    plain, other = ["conv", "pool", "residual", "dilated"], ["split", "softmax", "tall"]
    kinds = [*plain, *other, "transposed", "resized"]
    layers = [
        (str(rng.choice(kinds)), int(rng.integers(1, 4)), int(rng.integers(1, 3)))
        for _ in range(rng.integers(1, 4))
    ]

    def layer(x, kind, size, stride):
        wide = jnp.ones((size, size, 2, 2))
        how = {"dimension_numbers": LAYOUT}
        if kind == "pool":
            return pool(x, size, stride)
        if kind == "residual":
            return x + conv(x, 2, 2 * (size // 2) + 1)
        if kind == "dilated":
            return lax.conv_general_dilated(
                x, wide, (1, 1), "SAME", rhs_dilation=(2, 2), **how
            )
        if kind == "transposed":
            return lax.conv_transpose(x, wide, (stride, stride), "SAME", **how)
        if kind == "resized":
            b, h, w, c = x.shape
            return jax.image.resize(x, (b, 2 * h, 2 * w, c), "linear")
        if kind == "split":
            first, last = jnp.split(x, 2, axis=3)
            return jnp.concatenate([conv(first, 1, size), last], axis=3)
        if kind == "softmax":
            return x / x.sum(axis=3, keepdims=True).clip(1e-6)
        return conv(x, 2, size, stride, "VALID")

    def network(x):
        for kind, size, stride in layers:
            x = layer(x, kind, size, stride)
        return x

    return network, layers


def check_random_networks(count):
    """Holds fields against impulses; returns how many networks had free units."""
    rng, side, free = np.random.default_rng(0), 24, 0
    for _ in range(count):
        network, layers = random_network(rng)
        shape = (1, side, side, 2)
        try:
            field = receptive_field(network, shape, axes=(1,))
        except InputError:  # too small for what the layers reach
            continue
        free += 1
        # Two channels of other brightness, so that their shares move as well.
        images, steps = np.ones((side + 1, *shape[1:]), np.float32), np.arange(side)
        images[steps, steps] += [0.5, 2.0]
        out = np.asarray(jax.jit(network)(images))
        moved = (np.abs(out[:-1] - out[-1:]) > 1e-6).any(axis=(2, 3))
        hides = {"pool", "softmax"} & {kind for kind, _, _ in layers}
        for unit in range(moved.shape[1]):
            (low, high), seen = (
                field.interval((unit,))[0],
                np.flatnonzero(moved[:, unit]),
            )
            if len(seen):
                assert low <= seen.min() <= seen.max() <= high, layers
                assert hides or (low, high) == (seen.min(), seen.max()), layers
    return free


def test_random_networks_see_what_impulses_show():
    assert check_random_networks(15) >= 12


@pytest.mark.slow
def test_three_hundred_random_networks_see_what_impulses_show():
    assert check_random_networks(300) >= 270


@pytest.mark.parametrize("dilations", [(1, 1, 1), (1, 2, 3)])
def test_dilated_stacks_have_their_closed_form(dilations):
    def network(x):
        for d in dilations:
            x = lax.conv_general_dilated(
                x,
                jnp.ones((3, 3, 1, 1)),
                (1, 1),
                "SAME",
                rhs_dilation=(d, d),
                dimension_numbers=LAYOUT,
            )
        return x

    field = receptive_field(network, (1, 48, 48, 1))
    chain = [(2 * d + 1, 1, d) for d in dilations]
    assert (field.size[0], field.stride[0], field.padding[0]) == classic(chain)


def test_the_impulse_oracle_finds_a_square():
    seen = impulse_response(lambda x: conv(conv(x, 1, 3), 1, 3), (1, 9, 9, 1), (4, 4))
    wanted = np.zeros((9, 9), bool)
    wanted[2:7, 2:7] = True
    np.testing.assert_array_equal(seen, wanted)


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="see up to 212: 251 pixels are enough"):
        receptive_field(ZOO["vgg_16"], (1, 224, 224, 3))
    with pytest.raises(InputError, match="sees axis 1 of the input through reduce_sum"):
        receptive_field(lambda x: x.mean(axis=(1, 2)), (1, 8, 8, 1))
    with pytest.raises(InputError, match="no axis that follows axis 1"):
        receptive_field(jnp.zeros_like, (1, 8, 8, 1))
    with pytest.raises(InputError, match=r"axes must be from 0 to 3.*got \(4,\)"):
        receptive_field(lambda x: x, (1, 8, 8, 1), axes=(4,))
    with pytest.raises(InputError, match=r"each once, got \(1, 1\)"):
        receptive_field(lambda x: x, (1, 8, 8, 1), axes=(1, 1))
    with pytest.raises(InputError, match="argnum must be from 0 to 0"):
        receptive_field(lambda x: x, (1, 8, 8, 1), argnum=1)
    with pytest.raises(InputError, match=r"cannot be traced at \(1, 8, 8, 1\)"):
        receptive_field(lambda x: x if x.sum() > 0 else -x, (1, 8, 8, 1))
    field = receptive_field(lambda x: x, (1, 8, 8, 1))
    with pytest.raises(
        InputError, match=r"a place in the output \(8, 8\), got \(8, 0\)"
    ):
        field.interval((8, 0))
