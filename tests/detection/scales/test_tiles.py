import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection.scales import tiled
from genjax.errors import InputError
from tests.detection.scales.mock import dots, image_of, said

HEIGHT, WIDTH = 72, 100


def objects_of(seed, sides, count=12, apart=14):
    """Squares whose middles are apart."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < count:
        x, y = int(rng.integers(0, WIDTH)), int(rng.integers(0, HEIGHT))
        if all(max(abs(x - a), abs(y - b)) >= apart for a, b, *_ in found):
            side = int(rng.integers(*sides))
            score = float(rng.uniform(0.3, 1))
            found.append((x, y, side, score, int(rng.integers(0, 2))))
    return found


def test_objects_that_fit_the_overlap_are_those_of_the_whole_image():
    detect = jax.jit(tiled(dots, tile=(32, 40), overlap=16))
    for seed in range(10):
        image = image_of(objects_of(seed, (3, 14)), HEIGHT, WIDTH)
        assert said(detect({}, image)) == said(dots({}, image))


def test_objects_over_borders_are_found_once():
    detect = jax.jit(tiled(dots, tile=(32, 40), overlap=16))
    for seed in range(10):
        objects = objects_of(seed, (16, 24), count=3, apart=26)
        image = image_of(objects, HEIGHT, WIDTH)
        assert len(said(detect({}, image))) == len(objects)


def test_batches_of_tiles_change_nothing():
    image = image_of(objects_of(0, (3, 14)), HEIGHT, WIDTH)
    both = jnp.concatenate([image, image[:, ::-1]])
    found = [
        tiled(dots, tile=(32, 40), overlap=8, batch_size=size)({}, both)
        for size in (1, 5, 100)
    ]
    for other in found[1:]:
        jax.tree.map(np.testing.assert_array_equal, found[0], other)


def test_what_is_larger_than_a_tile_is_found_in_the_whole():
    def whole(variables, image):
        """Finds an object that covers what is not black."""
        seen = jnp.any(image > 0, axis=-1)
        found = dots(variables, jnp.zeros_like(image))
        right = jnp.sum(jnp.any(seen, axis=1).astype(jnp.float32), axis=1)
        bottom = jnp.sum(jnp.any(seen, axis=2).astype(jnp.float32), axis=1)
        zero = jnp.zeros_like(right)
        box = jnp.stack([zero, zero, right, bottom], axis=-1)
        return found._replace(
            xyxy=found.xyxy.at[:, 0].set(box),
            valid=found.valid.at[:, 0].set(True),
            score=found.score.at[:, 0].set(1.0),
        )

    image = jnp.ones((1, 40, 80, 3))
    found = tiled(whole, tile=(16, 16), overlap=0, with_whole=True)({}, image)
    assert [0.0, 0.0, 80.0, 40.0] in found.xyxy[0].tolist()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"tile": (8, 8), "overlap": 8}, "overlap must be from 0 to below"),
        ({"tile": (8, 8), "overlap": -1}, "overlap must be from 0 to below"),
        ({"tile": (8, 8), "overlap": 0, "batch_size": 0}, "batch_size must be at"),
        ({"tile": (8, 99), "overlap": 0}, "at least as large as a tile.*got 16 x 16"),
    ],
)
def test_bad_tiles_are_sentences(how, message):
    with pytest.raises(InputError, match=message):
        tiled(dots, **how)({}, jnp.zeros((1, 16, 16, 3)))
