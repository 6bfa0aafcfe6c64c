import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.augment import (
    boxes_in_turn,
    colour,
    flip,
    images_alone,
    letterbox,
    mosaic,
    zoom,
    zoom_to_size,
)
from genjax.errors import InputError
from genjax.placement import Placement

KEY = jax.random.key(0)
H, W = 24, 32


def painted(b=4):
    """Images in which a box is as bright as its class says."""
    rng = np.random.default_rng(0)
    image = np.zeros((b, H, W, 1), np.float32)
    xyxy = np.zeros((b, 2, 4), np.float32)
    for i in range(b):
        for j, left in enumerate((2, 18)):
            box = [left, rng.integers(2, 6), left + 10, rng.integers(14, 20)]
            xyxy[i, j] = box
            image[i, box[1] : box[3], box[0] : box[2]] = j + 1
    return {
        "image": jnp.asarray(image),
        "xyxy": jnp.asarray(xyxy),
        "label": jnp.tile(jnp.arange(2), (b, 1)),
        "valid": jnp.ones((b, 2), bool),
        "scale": jnp.ones((b, 2)),
        "offset": jnp.zeros((b, 2)),
    }


TRANSFORMS = {
    "letterbox": letterbox((40, 40), centred=True),
    "flip": flip(horizontal=0.5, vertical=0.5),
    "zoom": zoom(scale=(0.6, 1.7), stretch=1.3),
    "zoom_to_size": zoom_to_size(
        lambda key, shape: jax.random.uniform(key, shape, minval=8.0, maxval=14.0)
    ),
    "mosaic": mosaic(),
    "colour": images_alone(colour(brightness=0.1, saturation=0.0, contrast=0.0)),
    "in turn": boxes_in_turn(flip(), zoom(), mosaic(probability=0.5)),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
def test_boxes_go_where_their_pixels_go(transform):
    found = jax.jit(transform)(KEY, painted())
    images = np.asarray(found["image"])[..., 0]
    counted = found["valid"] & ~found.get("ignore", jnp.zeros_like(found["valid"]))
    assert counted.sum() >= 4
    for i, j in zip(*np.nonzero(counted), strict=True):
        left, top, right, bottom = np.asarray(found["xyxy"][i, j])
        level = float(found["label"][i, j]) + 1
        # Inside of the box but its border there is its brightness alone.
        rows = slice(int(np.ceil(top + 1)), int(bottom - 1))
        columns = slice(int(np.ceil(left + 1)), int(right - 1))
        inside = images[i, rows, columns]
        np.testing.assert_allclose(inside, level, atol=0.25)
        around = images[i].copy()
        around[
            max(0, int(top - 1)) : int(np.ceil(bottom + 1)),
            max(0, int(left - 1)) : int(np.ceil(right + 1)),
        ] = 0
        # The brightest is what no edge of another passes through.
        if level == 2 and "scale" in found:
            assert not np.any(np.abs(around - level) < 0.1)


@pytest.mark.parametrize("name", ["flip", "zoom", "zoom_to_size", "letterbox"])
def test_the_way_back_is_kept(name):
    batch = painted()
    found = TRANSFORMS[name](KEY, batch)
    back = Placement(found["scale"], found["offset"]).back
    kept = found["valid"] & np.all((found["xyxy"] > 0), axis=-1)
    height, width = found["image"].shape[1:3]
    limits = np.array([width, height] * 2, np.float32)[None, None]
    kept = kept & np.all(found["xyxy"] < limits, axis=-1)
    assert kept.sum() >= 2
    original = back.of(found["xyxy"])
    np.testing.assert_allclose(original[kept], batch["xyxy"][kept], atol=1e-3)


def test_boxes_that_are_mostly_cut_are_ignored_and_others_disappear():
    batch = painted(64)
    found = jax.jit(zoom(scale=(3.0, 3.0), least_visible=0.5))(KEY, batch)
    whole = Placement(found["scale"], found["offset"]).of(batch["xyxy"])
    sides = np.asarray(whole[..., 2:] - whole[..., :2])
    left = np.asarray(found["xyxy"][..., 2:] - found["xyxy"][..., :2])
    share = left.prod(axis=-1) / sides.prod(axis=-1)
    np.testing.assert_array_equal(found["valid"], share > 0)
    np.testing.assert_array_equal(found["ignore"], (share > 0) & (share < 0.5))
    assert found["ignore"].any()
    assert not found["valid"].all()


def test_bad_scales_are_a_sentence():
    with pytest.raises(InputError, match="positive and ascending and stretch at"):
        zoom(scale=(2.0, 1.0))


def sizes_of(boxes):
    sides = np.asarray(boxes[..., 2:] - boxes[..., :2])
    return np.sqrt(sides.prod(axis=-1))


def test_one_object_of_each_image_has_a_size_of_the_law_and_is_seen():
    batch = painted(64)
    wanted = 6.0 + jnp.arange(64.0) / 8
    found = jax.jit(zoom_to_size(lambda key, shape: wanted))(KEY, batch)
    seen = found["valid"] & ~found["ignore"]
    off = np.abs(sizes_of(found["xyxy"]) - np.asarray(wanted)[:, None])
    assert np.all(np.any(seen & (off < 1e-3), axis=1))
    # Either object of an image is drawn now and then.
    assert {*np.argmin(off, axis=1)} == {0, 1}


def test_images_change_within_the_scales_and_not_without_objects():
    batch = painted(8)
    far = zoom_to_size(lambda key, shape: jnp.full(shape, 100.0), scale=(0.5, 1.5))
    found = far(KEY, batch)
    np.testing.assert_allclose(found["scale"], 1.5)
    ignored = {**batch, "ignore": batch["valid"]}
    found = far(KEY, ignored)
    np.testing.assert_array_equal(found["scale"], 1.0)
    np.testing.assert_allclose(found["image"], batch["image"], atol=1e-6)


def test_scales_of_sizes_that_descend_are_a_sentence():
    with pytest.raises(InputError, match="zoom_to_size: scale must be positive and"):
        zoom_to_size(lambda key, shape: jnp.ones(shape), scale=(2.0, 1.0))


def test_an_object_that_does_not_fit_fills_the_image_from_anywhere():
    batch = painted(64)
    large = zoom_to_size(lambda key, shape: jnp.full(shape, 60.0), scale=(0.1, 9.0))
    found = jax.jit(large)(KEY, {**batch, "valid": batch["valid"].at[:, 1].set(False)})
    place = Placement(found["scale"], found["offset"]).of(batch["xyxy"])[:, 0]
    left, top, right, bottom = np.asarray(place).T
    assert np.all((left <= 1e-3) & (right >= W - 1e-3))
    assert np.all((top <= 1e-3) & (bottom >= H - 1e-3))
    assert np.std(left) > 1


def test_boxes_without_extent_and_images_without_a_row_change_nothing():
    batch = painted(4)
    small = zoom_to_size(lambda key, shape: jnp.full(shape, 2.0))
    flat = {**batch, "xyxy": batch["xyxy"].at[..., 2].set(batch["xyxy"][..., 0])}
    np.testing.assert_array_equal(small(KEY, flat)["scale"], 1.0)
    names = ("xyxy", "label", "valid")
    none = {**batch, **{name: batch[name][:, :0] for name in names}}
    np.testing.assert_array_equal(small(KEY, none)["scale"], 1.0)
