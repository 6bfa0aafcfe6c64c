import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.base import Network
from genjax.detection import detection_objective, detector
from genjax.detection.scales import (
    by_branch,
    by_suppression,
    content_loss,
    feature_pairs,
    for_each_image,
    image_pairs,
    image_pyramid,
    resized,
    with_enlarged,
)
from genjax.errors import InputError
from genjax.variables import join_parts
from tests.laws.instances import scene_batch, tiny_parts

RANGES = ((12.0, math.inf), (0.0, 14.0))
DOUBLED = Network(
    lambda key, levels: {"params": {}},
    lambda variables, levels: tuple(resized(x, 2.0) for x in levels),
)


def as_it_is(variables, image):
    """Features are the image; those that are made of them are enlarged."""
    return (image, resized(image, 2.0))


def test_images_enlarged_are_a_pyramid_of_images():
    """Bilinear enlargement, in the network or around the detector, is the same."""
    backbone, neck, head = tiny_parts()
    plain, batch = detection_objective(backbone, neck, head), scene_batch(4)
    variables = jax.jit(plain.init)(jax.random.key(0), batch)
    trunk = for_each_image(nn.in_turn(backbone, neck))
    both = by_branch(head, ranges=RANGES, scales=(1, 2), merge=by_suppression())
    params = variables["params"]
    joined = join_parts(
        {
            "backbone": {"params": {}},
            "neck": {"params": {"0": params["backbone"], "1": params["neck"]}},
            "head": {"params": params["head"]},
        }
    )
    found = jax.jit(detector(with_enlarged(DOUBLED), trunk, both))(
        joined, batch["image"]
    )
    ranges = [(12.0, math.inf), (0.0, 28.0)]
    around = image_pyramid(
        detector(backbone, neck, head), scales=(1.0, 2.0), ranges=ranges
    )
    wanted = jax.jit(around)(variables, batch["image"])
    np.testing.assert_array_equal(found.valid, wanted.valid)
    np.testing.assert_allclose(found.xyxy, wanted.xyxy, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.score, wanted.score, rtol=1e-5)


def test_a_network_of_one_array_gives_one_level():
    one = Network(lambda key, x: {"params": {}}, lambda variables, x: 2 * x)
    images = (jnp.ones((2, 4, 4, 1)), jnp.ones((2, 8, 8, 1)))
    found = for_each_image(one).apply({"params": {}}, images)
    assert [x.shape for x in found] == [(2, 4, 4, 1), (2, 8, 8, 1)]


def test_a_picture_of_numpy_is_one_level():
    found = with_enlarged(DOUBLED).apply({"params": {}}, np.ones((2, 4, 4, 1)))
    assert [x.shape for x in found] == [(2, 4, 4, 1), (2, 8, 8, 1)]


def test_images_without_a_row_of_boxes_are_seen_anywhere():
    batch = {
        "image": jnp.ones((2, 16, 16, 1)),
        "xyxy": jnp.zeros((2, 0, 4)),
        "valid": jnp.zeros((2, 0), bool),
    }
    pairs = feature_pairs(as_it_is, window=4, largest=8.0, objects=3)
    (wanted,), _ = pairs({}, batch, jax.random.key(0))
    assert wanted.shape == (6, 4, 4, 1)


def test_a_neck_of_each_image_is_that_of_one():
    neck = nn.FPN(features=4)
    levels = (jnp.ones((1, 8, 8, 3)), jnp.ones((1, 4, 4, 5)))
    larger = tuple(resized(x, 2.0) + 1 for x in levels)
    both = for_each_image(neck, levels=2)
    variables = both.init(jax.random.key(0), (*levels, *larger))
    found = both.apply(variables, (*levels, *larger))
    wanted = (*neck.apply(variables, levels), *neck.apply(variables, larger))
    jax.tree.map(np.testing.assert_array_equal, found, wanted)
    trained, changed = both.train(variables, jax.random.key(1), (*levels, *larger))
    assert changed == {}
    jax.tree.map(np.testing.assert_array_equal, trained, wanted)


def test_pairs_show_the_same_objects():
    """Where features are the image, what is made is it shrunk and enlarged again."""
    batch, side = scene_batch(8), 8
    pairs = feature_pairs(as_it_is, window=side, largest=100.0, objects=3)
    (wanted,), (made,) = pairs({}, batch, jax.random.key(0))
    assert wanted.shape == made.shape == (24, side, side, 1)
    image = batch["image"]
    again = resized(resized(image, 0.5), 2.0)
    for row in range(24):
        own = image[row // 3]
        places = [
            (top, left)
            for top in range(33 - side)
            for left in range(33 - side)
            if np.array_equal(own[top : top + side, left : left + side], wanted[row])
        ]
        assert any(
            np.allclose(
                again[row // 3, top : top + side, left : left + side],
                made[row],
                atol=1e-6,
            )
            for top, left in places
        )


def test_windows_are_about_small_objects():
    image = jnp.zeros((1, 64, 64, 1)).at[0, 40, 50].set(1.0)
    xyxy = jnp.array([[[46.0, 36, 55, 45], [0, 0, 32, 32], [4, 4, 9, 9]]])
    batch = {"image": image, "xyxy": xyxy, "valid": jnp.array([[True, True, False]])}
    # The large object is 16 pixels when shrunk.
    pairs = feature_pairs(as_it_is, window=6, largest=10.0, objects=20)
    (wanted,), _ = pairs({}, batch, jax.random.key(0))
    np.testing.assert_array_equal(wanted.sum(axis=(1, 2, 3)), 1.0)
    ignored = {**batch, "ignore": jnp.array([[True, False, False]])}
    many = feature_pairs(as_it_is, window=6, largest=10.0, objects=400)
    (wanted,), _ = many({}, ignored, jax.random.key(0))
    # None is left: any place, of which about 36 in 59 x 59 show the point.
    assert 0 < wanted.sum() < 20


def test_coarser_levels_show_as_much_of_the_image():
    def network(variables, image):
        half = resized(image, 0.5)
        return (image, half, resized(image, 2.0), image)

    pairs = feature_pairs(network, window=8, largest=100.0, objects=2)
    wanted, made = pairs({}, scene_batch(4), jax.random.key(0))
    assert [x.shape[:3] for x in wanted] == [(8, 8, 8), (8, 4, 4)]
    assert [x.shape for x in wanted] == [x.shape for x in made]


def test_what_is_wanted_has_no_gradient():
    def network(variables, image):
        real, made = variables["params"]
        return (real * image, made * resized(image, 2.0))

    pairs = feature_pairs(network, window=8, largest=100.0)
    objective = content_loss(lambda key, batch: {"params": jnp.ones(2)}, pairs)
    of_real, of_made = jax.grad(
        lambda p: objective.loss({"params": p}, scene_batch(4), jax.random.key(0))[0]
    )(jnp.array([1.0, 0.5]))
    assert of_real == 0
    assert of_made < 0


def test_content_of_images_is_their_mean_squared_error():
    objective = content_loss(
        lambda key, batch: {"params": {}},
        image_pairs(lambda variables, x: resized(x, 2.0)),
    )
    image = jax.random.normal(jax.random.key(0), (2, 8, 8, 1))
    value, _ = objective.loss({"params": {}}, {"image": image}, jax.random.key(1))
    again = resized(resized(image, 0.5), 2.0)
    np.testing.assert_allclose(value, np.mean((image - again) ** 2), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: for_each_image(nn.FPN(features=4), levels=2).init(
                jax.random.key(0), (jnp.ones((1, 4, 4, 4)),) * 3
            ),
            "3 levels are not 2 for each image",
        ),
        (
            lambda: for_each_image(nn.FPN(features=4), levels=0),
            "levels must be at least 1",
        ),
        (
            lambda: image_pairs(lambda v, x: x)(
                {}, {"image": jnp.ones((1, 7, 8, 1))}, jax.random.key(0)
            ),
            "the sides of images must be even, got 7 x 8",
        ),
        (
            lambda: image_pairs(lambda v, x: x)(
                {}, {"image": jnp.ones((1, 8, 8, 1), jnp.uint8)}, jax.random.key(0)
            ),
            "x is uint8, and the model is of real numbers",
        ),
        (
            lambda: content_loss(
                lambda key, batch: {"params": {}},
                lambda v, b, key: ((jnp.ones((2, 4)),), (jnp.ones((4,)),)),
            ).loss({"params": {}}, {}, jax.random.key(0)),
            "must have the shapes of what is wanted",
        ),
        (
            lambda: feature_pairs(as_it_is, window=0, largest=9.0),
            "must be positive, got 0",
        ),
        (
            lambda: feature_pairs(as_it_is, window=40, largest=9.0)(
                {}, scene_batch(2), jax.random.key(0)
            ),
            "a window of 40 places is larger than a level of 32 x 32",
        ),
        (
            lambda: feature_pairs(lambda v, x: (x, x), window=4, largest=9.0)(
                {}, scene_batch(2), jax.random.key(0)
            ),
            "must have the shapes of the image's own levels",
        ),
        (
            lambda: (
                with_enlarged(nn.FPN(features=4)).init(
                    jax.random.key(0), (jnp.ones((1, 4, 4, 4)),)
                )
                and with_enlarged(Network(DOUBLED.init, lambda v, x: x)).apply(
                    {"params": {}}, jnp.ones((1, 4, 4, 4))
                )
            ),
            "must return levels of twice the size, .*8, 8, 4.*got .*4, 4, 4",
        ),
    ],
)
def test_mistakes_are_sentences(call, message):
    with pytest.raises(InputError, match=message):
        call()
