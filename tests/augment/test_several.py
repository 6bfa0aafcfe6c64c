import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.augment import copy_paste, mixup, mosaic
from genjax.base import Objective
from genjax.errors import InputError
from genjax.training import gradient_descent, scheduled, with_preprocessing
from tests.augment.test_boxes import KEY, H, W, painted


def test_mosaics_are_of_four_pictures_and_single_ones_keep_theirs():
    batch = painted(8)
    never = mosaic(probability=0.0)(KEY, batch)
    np.testing.assert_array_equal(never["image"], batch["image"])
    assert never["xyxy"].shape == (8, 8, 4)
    assert never["valid"].sum() == batch["valid"].sum()
    always = mosaic()(KEY, batch)
    assert always["valid"].sum() == 4 * batch["valid"].sum()
    with pytest.raises(InputError, match="must be even, got 23 x 32"):
        mosaic()(KEY, {**batch, "image": batch["image"][:, 1:]})


def test_mixed_pictures_have_the_boxes_of_both():
    batch = painted(8)
    found = jax.jit(mixup())(KEY, batch)
    assert found["xyxy"].shape == (8, 4, 4)
    assert found["valid"].sum() == 2 * batch["valid"].sum()
    np.testing.assert_array_equal(found["xyxy"][:, :2], batch["xyxy"])
    for i in range(8):
        pairs = [
            j
            for j in range(8)
            if np.array_equal(found["xyxy"][i, 2:], batch["xyxy"][j])
        ]
        first, second = (np.asarray(batch["image"][j]) for j in (i, pairs[0]))
        difference = first - second
        share = np.sum((found["image"][i] - second) * difference)
        share /= max(np.sum(difference**2), 1e-9)
        mixed = share * first + (1 - share) * second
        np.testing.assert_allclose(found["image"][i], mixed, atol=1e-5)
        assert 0 <= share <= 1


def test_pasted_objects_hide_what_lies_below():
    batch = painted(16)
    found = jax.jit(copy_paste(most=2, least_visible=0.5))(KEY, batch)
    assert found["xyxy"].shape == (16, 4, 4)
    assert found["valid"].all()
    inside = np.array([W, H] * 2, np.float32)[None, None]
    assert np.all((found["xyxy"] >= 0) & (found["xyxy"] <= inside))
    images = np.asarray(found["image"])[..., 0]
    for i, j in np.argwhere(np.asarray(found["ignore"])):
        left, top, right, bottom = np.asarray(found["xyxy"][i, j]).astype(int)
        level = int(found["label"][i, j]) + 1
        before = np.asarray(batch["image"])[i, top:bottom, left:right, 0]
        after = images[i, top:bottom, left:right]
        # It lay whole in its picture, and most of it has been painted over by others.
        assert np.all(before == level)
        assert j < 2
        assert after.shape == before.shape
    assert found["ignore"].any()
    assert not copy_paste(most=2, probability=0.0)(KEY, batch)["valid"][:, 2:].any()


def test_small_objects_alone_are_pasted_and_fade_at_their_edges():
    batch = painted(16)
    sides = np.asarray(batch["xyxy"][..., 2:] - batch["xyxy"][..., :2])
    size = np.sqrt(sides.prod(axis=-1))
    middle = float(np.median(size))
    found = copy_paste(most=2, largest=middle)(KEY, batch)
    sides = np.asarray(found["xyxy"][:, 2:, 2:] - found["xyxy"][:, 2:, :2])
    pasted = np.sqrt(sides.prod(axis=-1))[np.asarray(found["valid"][:, 2:])]
    assert len(pasted) > 0
    assert np.all(pasted <= middle)
    # One white pixel on black fades along three pixels.
    image = jnp.zeros((2, 16, 16, 1)).at[:, 8, 8].set(1.0)
    box = jnp.broadcast_to(jnp.array([[[8.0, 8, 9, 9]]]), (2, 1, 4))
    wide = jnp.broadcast_to(jnp.array([[[6.0, 6, 11, 11]]]), (2, 1, 4))
    single = {"valid": jnp.ones((2, 1), bool), "label": jnp.zeros((2, 1), jnp.int32)}
    for margin, total in ((0.0, 1.0), (2.0, 1.0)):
        paste = copy_paste(most=1, margin=margin, least_visible=0.0)
        pasted = paste(KEY, {"image": image, "xyxy": box, **single})
        left, top = np.asarray(pasted["xyxy"][0, 1, :2]).astype(int)
        assert float(pasted["image"][0, top, left, 0]) == total
    ground = {"image": jnp.ones((2, 16, 16, 1)) * jnp.arange(2.0)[:, None, None, None]}
    faded = copy_paste(most=1, margin=4.0)(KEY, {**ground, "xyxy": wide, **single})
    values = np.unique(np.asarray(faded["image"]).round(4))
    assert set(values) <= {0.0, 0.125, 0.375, 0.625, 0.875, 1.0}
    assert len(values) > 3
    # An object at an edge brings nothing of the opposite one along.
    striped = {"image": jnp.zeros((2, 16, 16, 1)).at[:, :, 15].set(100.0)}
    edge = jnp.broadcast_to(jnp.array([[[0.0, 6, 3, 9]]]), (2, 1, 4))
    for seed in range(5):
        paste = copy_paste(most=1, margin=3.0)
        made = paste(jax.random.key(seed), {**striped, "xyxy": edge, **single})
        assert set(np.unique(made["image"][:, :, :15])) <= {0.0}
    with pytest.raises(InputError, match="largest must be positive, and margin not"):
        copy_paste(margin=-1.0)


def test_a_mosaic_ends_before_training_does():
    def loss(variables, batch, key):
        several = jnp.mean(jnp.sum(batch["valid"], axis=1).astype(jnp.float32))
        return variables["params"]["w"] * 0.0, ({}, {"boxes": several})

    plain = Objective(lambda key, batch: {"params": {"w": jnp.zeros(())}}, loss)
    objective = scheduled(
        lambda step: with_preprocessing(
            plain, mosaic(probability=jnp.where(step < 2, 1.0, 0.0))
        )
    )
    update = gradient_descent(objective, optax.sgd(0.1))
    state, step = update.init(KEY, painted()), jax.jit(update.step)
    seen = []
    for _ in range(4):
        state, metrics = step(state, painted())
        seen.append(float(metrics["boxes"]))
    assert seen == [8.0, 8.0, 2.0, 2.0]
