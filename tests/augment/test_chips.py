import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.augment import chips
from genjax.data import scenes
from genjax.errors import InputError
from tests.augment.test_boxes import KEY, H, W, painted

SIZE = (12, 14)


def test_chips_are_parts_of_their_pictures_with_their_boxes():
    batch = painted(6)
    found = jax.jit(chips(size=SIZE, positives=2, negatives=1))(KEY, batch)
    assert found["image"].shape == (18, *SIZE, 1)
    for row in range(18):
        left, top = (-np.asarray(found["offset"][row])).astype(int)
        assert 0 <= left <= W - SIZE[1]
        assert 0 <= top <= H - SIZE[0]
        part = batch["image"][row // 3, top : top + SIZE[0], left : left + SIZE[1]]
        np.testing.assert_array_equal(found["image"][row], part)
        for box, whole, valid in zip(
            found["xyxy"][row],
            batch["xyxy"][row // 3],
            found["valid"][row],
            strict=True,
        ):
            moved = np.asarray(whole) - [left, top, left, top]
            inside = np.clip(moved, 0, [SIZE[1], SIZE[0]] * 2)
            assert bool(valid) == bool(np.all(inside[2:] > inside[:2]))
            if valid:
                np.testing.assert_array_equal(box, inside)


def test_few_chips_show_all_objects_and_others_none():
    draw = scenes(np.ones((1, 4, 4)), np.zeros(1, int), most=4, sizes=(5.0, 9.0))
    batch = jax.jit(draw, static_argnums=1)(jax.random.key(1), 64)
    count = int(batch["valid"].sum())
    found = chips(size=(32, 32), positives=4, negatives=1)(KEY, batch)
    kept = found["valid"] & ~found["ignore"]
    kept = np.asarray(kept).reshape(64, 5, 4)
    sides = np.asarray(found["xyxy"][..., 2:] - found["xyxy"][..., :2])
    before = np.asarray(batch["xyxy"][..., 2:] - batch["xyxy"][..., :2])
    whole = np.isclose(sides.reshape(64, 5, 4, 2), before[:, None]).all(axis=-1) & kept
    assert whole[:, :4].any(axis=1).sum() == count
    # The first chip alone holds more than one in four, the last fewer than any.
    shown = whole.sum(axis=(0, 2))
    assert shown[0] > count / 4
    assert shown[4] < shown[0] / 3


def test_chips_that_no_object_needs_are_anywhere():
    image = jnp.zeros((1, 64, 64, 1))
    box = jnp.array([[[20.0, 20, 30, 30]]])
    batch = {"image": image, "xyxy": box, "valid": jnp.ones((1, 1), bool)}
    batch |= {"scale": jnp.ones((1, 2)), "offset": jnp.zeros((1, 2))}
    cut = chips(size=(16, 16), positives=4, negatives=0)
    found = jax.vmap(lambda key: cut(key, batch))(jax.random.split(KEY, 20))
    assert found["valid"][:, 0].all()
    corners = np.asarray(found["offset"])[:, 1:].reshape(-1, 2)
    assert len(np.unique(corners, axis=0)) > 50
    # One that is larger than a chip is shown anywhere inside.
    batch["xyxy"] = jnp.array([[[4.0, 4, 60, 60]]])
    found = jax.vmap(lambda key: cut(key, batch))(jax.random.split(KEY, 20))
    corners = -np.asarray(found["offset"])[:, 0]
    assert np.all((corners >= 4) & (corners <= 44))
    assert len(np.unique(corners, axis=0)) > 10


def test_images_without_objects_give_chips_all_the_same():
    batch = painted(2)
    empty = {**batch, "valid": jnp.zeros_like(batch["valid"])}
    empty["xyxy"] = jnp.full_like(batch["xyxy"], jnp.nan)
    found = chips(size=SIZE)(KEY, empty)
    assert found["image"].shape[0] == 6
    assert not found["valid"].any()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"size": (0, 8)}, "a positive height and width"),
        ({"least_visible": 7.0}, "a share, got"),
        ({"positives": 0, "negatives": 0}, "nor both 0"),
        ({"negatives": 4, "tries": 3}, "tries not fewer than negatives, got 2, 4"),
        ({"size": (12, 40)}, r"at least as large as a chip, \(12, 40\), got 24 x 32"),
    ],
)
def test_mistakes_are_sentences(how, message):
    with pytest.raises(InputError, match=message):
        chips(**{"size": SIZE, **how})(KEY, painted(2))
