import jax
import numpy as np
import pytest

from genjax.data import digits, scenes
from genjax.errors import InputError


def test_boxes_hold_their_ink_and_do_not_overlap():
    source = digits().arrays
    draw = scenes(source["image"] / 16.0, source["label"], noise=0.0)
    batch = jax.jit(draw, static_argnums=1)(jax.random.key(0), 40)
    batch = jax.tree.map(np.asarray, batch)
    assert batch["valid"].any(axis=1).all()
    assert set(batch["valid"].sum(axis=1)) == {1, 2, 3, 4, 5}
    for image, xyxy, valid in zip(
        batch["image"][..., 0], batch["xyxy"], batch["valid"], strict=True
    ):
        outside = image.copy()
        for left, top, right, bottom in xyxy[valid]:
            assert 0 <= left < right <= 64
            assert 0 <= top < bottom <= 64
            box = (
                slice(
                    int(np.floor(top)) - 1 if top >= 1 else 0, int(np.ceil(bottom)) + 1
                ),
                slice(
                    int(np.floor(left)) - 1 if left >= 1 else 0, int(np.ceil(right)) + 1
                ),
            )
            assert image[box].max() > 0.3
            outside[box] = 0
        # Faint pixels, below the threshold of ink, may stand around a box.
        assert outside.max() < 0.35
        low = np.maximum(xyxy[valid][:, None, :2], xyxy[valid][None, :, :2])
        high = np.minimum(xyxy[valid][:, None, 2:], xyxy[valid][None, :, 2:])
        shared = np.maximum(high - low, 0).prod(axis=2)
        np.fill_diagonal(shared, 0)
        assert shared.max() == 0


def test_clutter_is_drawn_and_is_no_object():
    how = {"noise": 0.0, "most": 3, "contrast": (0.8, 0.8)}
    counts = []
    for label in (0, -1):
        draw = scenes(np.ones((1, 4, 4)), np.array([label]), **how)
        batch = jax.jit(draw, static_argnums=1)(jax.random.key(0), 8)
        np.testing.assert_allclose(batch["image"].max(), 0.8, rtol=1e-5)
        counts.append(int(batch["valid"].sum()))
    assert counts[0] >= 8
    assert counts[1] == 0


def test_boxes_of_whole_glyphs_are_as_large_as_they():
    glyph = np.zeros((1, 6, 6))
    glyph[0, 2:4, 2:4] = 1
    for whole, side in ((False, 8.0), (True, 24.0)):
        draw = scenes(glyph, np.zeros(1, int), sizes=(24.0, 24.0), whole=whole)
        batch = jax.jit(draw, static_argnums=1)(jax.random.key(0), 4)
        sides = (batch["xyxy"][..., 2:] - batch["xyxy"][..., :2])[batch["valid"]]
        np.testing.assert_allclose(sides, side, rtol=1e-5)


def test_bad_glyphs_are_sentences():
    with pytest.raises(InputError, match=r"contrast must be ascending .* \(1.0, 0.5\)"):
        scenes(np.ones((1, 4, 4)), np.zeros(1), contrast=(1.0, 0.5))
    with pytest.raises(InputError, match="glyph 1 is empty"):
        scenes(np.stack([np.ones((4, 4)), np.zeros((4, 4))]), np.zeros(2))
    with pytest.raises(InputError, match=r"fit into scenes of 16; got \(12.0, 32.0\)"):
        scenes(np.ones((1, 4, 4)), np.zeros(1), side=16)
    with pytest.raises(InputError, match="glyphs of 128 pixels"):
        scenes(np.ones((1, 4, 16)), np.zeros(1), side=64)
