import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from genjax.augment import (
    blur,
    colour,
    cutout,
    in_turn,
    mirror,
    noise,
    quarter_turns,
    translation,
    with_probability,
)
from genjax.errors import InputError

KEY = jax.random.key(3)
X = jax.random.normal(jax.random.key(0), (64, 8, 8, 3))
TRANSFORMS = {
    "blur": blur(),
    "colour": colour(),
    "noise": noise(),
    "translation": translation(share=0.25),
    "cutout": cutout(),
    "mirror": mirror(),
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
    assert float(np.abs(gradient).mean()) > 0.1


def test_blur_is_that_of_scipy_away_from_the_edges():
    x = jnp.zeros((3, 31, 31, 1)).at[:, 15, 15].set(1.0)
    found = blur(deviation=(1.3, 1.3))(KEY, x)
    wanted = gaussian_filter(np.asarray(x[0, ..., 0]), 1.3, truncate=10)
    np.testing.assert_allclose(found[1, ..., 0], wanted, atol=1e-6)
    none = blur(deviation=(0.0, 0.0))(KEY, X)
    np.testing.assert_allclose(none, X, atol=1e-6)
    flat = blur(deviation=(0.0, 3.0))(KEY, jnp.ones((4, 9, 7, 2)))
    np.testing.assert_allclose(flat, 1.0, rtol=1e-5)


def test_noise_has_a_strength_of_its_own_for_each_image():
    x = jnp.zeros((200, 16, 16, 3))
    strength = np.asarray(noise(deviation=(0.1, 0.3))(KEY, x)).std(axis=(1, 2, 3))
    assert 0.09 < strength.min() < 0.12
    assert 0.28 < strength.max() < 0.33
    for make in (blur, noise):
        with pytest.raises(InputError, match="ascending numbers from 0 on"):
            make(deviation=(0.3, 0.1))


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
    assert 0.3 < float(np.abs(brighter).max()) <= 0.5


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


def test_bad_settings_are_sentences():
    for make in (cutout, translation):
        with pytest.raises(InputError, match=r"share must be in \[0, 1\], got 1.5"):
            make(share=1.5)
    with pytest.raises(InputError, match=r"images must be square, got \(8, 4\)"):
        inspect.unwrap(quarter_turns())(KEY, X[:, :, :4])


def test_probabilities_zero_and_one_are_none_and_all():
    for p, changed in ((0.0, 0), (1.0, len(X))):
        moved = with_probability(p, cutout(share=1.0))(KEY, X + 10.0)
        assert int((moved != X + 10.0).any(axis=(1, 2, 3)).sum()) == changed


def test_transforms_in_turn_have_keys_of_their_own():
    both = in_turn(mirror(), mirror())(KEY, X)
    one = mirror()(jax.random.split(KEY)[0], X)
    two = mirror()(jax.random.split(KEY)[1], one)
    np.testing.assert_array_equal(both, two)
