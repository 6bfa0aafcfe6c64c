import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.data import scenes
from genjax.detection import Grid, by_size, ground_truth
from genjax.detection.scales import by_field, covering, field_widths
from genjax.errors import InputError

GRID = Grid([(8, 8), (4, 4)], (4, 8))


def truth(*xyxy):
    boxes = jnp.array(xyxy)
    return ground_truth(boxes, jnp.zeros(len(xyxy), int), jnp.ones(len(xyxy), bool))


def test_nearness_is_the_divergence_of_gaussians():
    """By a plain loop over places, levels and objects."""
    boxes, widths = truth([2.0, 3, 9, 15], [16.0, 16, 30, 31]), (7.0, 15.0)
    index, positive = by_field(widths=widths, places=2, shrink=0.5)(boxes, GRID)
    wide, narrow = (_nearness_by_loops(boxes, widths, shrink) for shrink in (1, 0.5))
    wanted = wide >= np.sort(wide, axis=0)[-2] - 1e-6
    free = np.where(wanted.any(axis=1, keepdims=True), -1, narrow)
    again = free >= free.max(axis=0) - 1e-6
    taken = np.where(wanted.any(axis=1), np.where(wanted, wide, -1).argmax(1), -1)
    taken = np.where((taken < 0) & again.any(axis=1), again.argmax(axis=1), taken)
    np.testing.assert_array_equal(np.where(positive, index, -1), taken)


def _nearness_by_loops(boxes, widths, shrink):
    near = np.zeros((len(GRID.centre), 2))
    for place, (x, y) in enumerate(np.asarray(GRID.centre)):
        deviation = shrink * widths[0 if place < 64 else 1] / 2
        for row, box in enumerate(np.asarray(boxes.xyxy)):
            mean, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
            gap = np.array([x, y]) - mean
            divergence = 0.5 * (
                np.sum(deviation**2 / half**2)
                + np.sum(gap**2 / half**2)
                - 2
                + np.log(np.prod(half**2) / deviation**4)
            )
            near[place, row] = 1 / (1 + divergence)
    return near


def test_every_object_has_the_level_that_sees_its_size():
    small, large = truth([8.0, 8, 14, 14]), truth([4.0, 4, 28, 28])
    match = by_field(widths=(6.0, 24.0), places=1, shrink=1.0)
    for boxes, level in ((small, slice(0, 64)), (large, slice(64, 80))):
        positive = np.asarray(match(boxes, GRID)[1])
        assert positive[level].any()
        assert not np.delete(positive, level).any()


def test_no_object_of_a_thousand_scenes_is_without_a_place():
    draw = scenes(np.ones((2, 6, 3)), np.arange(2), side=32, most=8, sizes=(2.0, 30.0))
    batch = jax.jit(draw, static_argnums=1)(jax.random.key(0), 1000)
    boxes = ground_truth(batch["xyxy"], batch["label"], batch["valid"])

    def without(matching):
        index, positive = jax.jit(jax.vmap(lambda own: matching(own, GRID)))(boxes)
        own = np.asarray(index)[..., None] == np.arange(8)
        places = np.sum(own & np.asarray(positive)[..., None], axis=1)
        return int(np.sum(np.asarray(boxes.objects) & (places == 0)))

    assert without(by_size(ranges=(8.0,))) > 100
    for matching in (by_size(ranges=(8.0,)), by_field(widths=(8.0, 16.0))):
        assert without(covering(matching)) == 0


def test_objects_that_share_a_place_get_one_each():
    boxes = truth(*([[9.0, 9, 10, 10]] * 3))
    index, positive = covering(by_size(ranges=(8.0,)))(boxes, GRID)
    rows = np.asarray(index)[np.asarray(positive)]
    assert sorted(rows.tolist()) == [0, 1, 2]
    places = np.asarray(GRID.centre)[np.asarray(positive)]
    assert np.abs(places - 9.5).max() <= 4.5


def test_a_covering_of_what_is_covered_changes_nothing():
    boxes = truth([0.0, 0, 12, 12], [14.0, 14, 30, 30])
    match = by_size(ranges=(8.0,))
    for plain, covered in zip(
        match(boxes, GRID), covering(match)(boxes, GRID), strict=True
    ):
        np.testing.assert_array_equal(plain, covered)


def test_widths_are_measured_level_by_level():
    """Means of squares of 2 and 6 pixels, and the root of their area."""

    def means(variables, x):
        return tuple(
            variables * x.reshape(1, 24 // n, n, 24 // n, n, 1).mean(axis=(2, 4))
            for n in (2, 6)
        )

    found = field_widths(means, 1.0, jnp.ones((1, 24, 24, 1)))
    np.testing.assert_allclose(found, (2.0, 6.0))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"widths": ()}, "widths must be positive"),
        ({"widths": (4.0, 0.0)}, "widths must be positive"),
        ({"widths": (4.0, 8.0), "places": 0}, "places must be at least 1"),
        ({"widths": (4.0, 8.0), "shrink": 1.5}, r"shrink in \(0, 1\]"),
        ({"widths": (4.0,)}, "the 2 levels need as many widths"),
    ],
)
def test_mistakes_are_sentences(how, message):
    with pytest.raises(InputError, match=message):
        by_field(**how)(truth([0.0, 0, 4, 4]), GRID)
