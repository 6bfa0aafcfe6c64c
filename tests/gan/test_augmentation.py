import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.augment import cutout
from genjax.errors import InputError
from genjax.gan import adaptive_augment, diff_augment

KEY = jax.random.key(3)
X = jax.random.normal(jax.random.key(0), (64, 8, 8, 3))


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


def test_bad_settings_are_sentences():
    with pytest.raises(InputError, match=r"target must be in \(-1, 1\), got 2"):
        adaptive_augment(target=2.0)
    with pytest.raises(InputError, match=r"step must be in \[0, 1\], got -1"):
        adaptive_augment(step=-1.0)
