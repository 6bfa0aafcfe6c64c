import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.augment import (
    colour,
    cutout,
    mirror,
    quarter_turns,
    translation,
)
from genjax.errors import InputError
from genjax.gan import adaptive_augment, diff_augment

KEY = jax.random.key(3)
X = jax.random.normal(jax.random.key(0), (64, 8, 8, 3))
TRANSFORMS = {
    "colour": colour(),
    "translation": translation(share=0.25),
    "cutout": cutout(),
    "flip": mirror(),
    "quarter_turns": quarter_turns(),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_is_a_function_of_the_key_with_a_draw_an_image(name):
    transform = TRANSFORMS[name]
    alike = jnp.broadcast_to(X[:1], X.shape)
    first = transform(KEY, alike)
    np.testing.assert_array_equal(first, transform(KEY, alike))
    np.testing.assert_allclose(jax.jit(transform)(KEY, alike), first, atol=1e-6)
    assert len(np.unique(np.asarray(first).round(4), axis=0)) > 1


@pytest.mark.parametrize("name", TRANSFORMS)
def test_lets_a_gradient_through(name):
    gradient = jax.grad(lambda x: jnp.sum(TRANSFORMS[name](KEY, x) ** 2))(X)
    assert np.isfinite(gradient).all()
    assert float(jnp.abs(gradient).mean()) > 0.1


def test_translation_moves_whole_pixels_and_fills_with_zeros():
    moved = np.asarray(translation(share=0.25)(KEY, X))
    for image, original in zip(moved, np.asarray(X), strict=True):
        fits = []
        for down in range(-2, 3):
            for right in range(-2, 3):
                wanted = np.zeros_like(original)
                rows = slice(max(down, 0), 8 + min(down, 0))
                columns = slice(max(right, 0), 8 + min(right, 0))
                rows_from = slice(max(-down, 0), 8 + min(-down, 0))
                columns_from = slice(max(-right, 0), 8 + min(-right, 0))
                wanted[rows, columns] = original[rows_from, columns_from]
                fits.append(np.allclose(image, wanted, atol=1e-6))
        assert sum(fits) == 1


def test_cutout_sets_one_rectangle_to_zero():
    cut = np.asarray(cutout(share=0.5)(KEY, jnp.ones((64, 8, 8, 1))))[..., 0]
    for image in cut:
        rows, columns = np.where(image == 0)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        assert max(height, width) <= 4
    assert (cut == 0).sum(axis=(1, 2)).max() == 16


def test_colour_without_amounts_is_the_identity():
    still = colour(brightness=0.0, saturation=0.0, contrast=0.0)
    np.testing.assert_allclose(still(KEY, X), X, atol=1e-6)
    brighter = colour(saturation=0.0, contrast=0.0)(KEY, X) - X
    assert float(jnp.std(brighter, axis=(1, 2, 3)).max()) < 1e-5
    assert 0.3 < float(jnp.abs(brighter).max()) <= 0.5


def test_adaptive_augmentation_does_nothing_at_first_and_all_at_probability_1():
    augment = adaptive_augment(cutout(share=1.0), target=0.6, step=0.5)
    np.testing.assert_array_equal(augment.apply(augment.memory, KEY, X), X)
    memory = augment.memory
    for _ in range(3):
        memory = augment.adapt(memory, jnp.ones(4))
    assert float(memory["probability"]) == 1.0
    whole = diff_augment(cutout(share=1.0))
    changed = augment.apply(memory, KEY, X) != X
    assert changed.any(axis=(1, 2, 3)).all()
    assert (whole.apply({}, KEY, X) != X).any()
    memory = augment.adapt(memory, jnp.array([1.0, -1.0]))
    assert float(memory["probability"]) == 0.5


def test_bad_settings_are_sentences():
    with pytest.raises(InputError, match=r"target must be in \(-1, 1\), got 2"):
        adaptive_augment(target=2.0)
    with pytest.raises(InputError, match=r"step must be in \[0, 1\], got -1"):
        adaptive_augment(step=-1.0)
    for make in (cutout, translation):
        with pytest.raises(InputError, match=r"share must be in \[0, 1\], got 1.5"):
            make(share=1.5)
    with pytest.raises(InputError, match=r"images must be square, got \(8, 4\)"):
        inspect.unwrap(quarter_turns())(KEY, X[:, :, :4])


def test_saturation_and_contrast_are_about_their_means():
    for options, axes in (
        ({"brightness": 0.0, "contrast": 0.0}, 3),
        ({"brightness": 0.0, "saturation": 0.0}, (1, 2, 3)),
    ):
        moved = colour(**options)(KEY, X)
        centre = jnp.mean(X, axis=axes, keepdims=True)
        factor = (moved - centre) / (X - centre)
        own = jnp.median(factor, axis=(1, 2, 3))
        assert float(jnp.std(own)) > 0.1
        wanted = centre + own[:, None, None, None] * (X - centre)
        np.testing.assert_allclose(moved, wanted, atol=1e-4)


def test_each_image_is_drawn_by_itself_with_the_probability():
    whole = adaptive_augment(cutout(share=1.0))
    memory = {"probability": jnp.array(0.25)}
    many = jnp.ones((2000, 4, 4, 1))
    changed = (whole.apply(memory, KEY, many) != many).any(axis=(1, 2, 3))
    assert abs(float(changed.mean()) - 0.25) < 0.04


def test_only_images_are_augmented():
    for augment in (diff_augment(), adaptive_augment()):
        apply = inspect.unwrap(augment.apply)
        with pytest.raises(InputError, match=r"must be \[b, h, w, c\], got \(3, 4\)"):
            apply(augment.memory, KEY, jnp.ones((3, 4)))
