import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import Grid, by_size, ground_truth
from genjax.detection.scales import by_field, covering, field_widths
from genjax.errors import InputError

GRID = Grid([(8, 8), (4, 4)], (4, 8))


def truth(*xyxy):
    boxes = jnp.array(xyxy)
    return ground_truth(boxes, jnp.zeros(len(xyxy), int), jnp.ones(len(xyxy), bool))


def test_places_are_those_of_a_plain_loop():
    """Over objects, places and levels, in two rounds."""
    widths, rng = (7.0, 15.0), np.random.default_rng(0)
    match = by_field(widths=widths, places=2, shrink=0.5)
    match = jax.jit(lambda boxes, own=match: own(boxes, GRID))
    for _ in range(20):
        low = rng.uniform(0, 20, (4, 2))
        xyxy = np.concatenate([low, low + rng.uniform(2, 12, (4, 2))], axis=1)
        boxes = truth(*xyxy.astype(np.float32).tolist())
        wide, narrow = (_nearness_by_loops(boxes, widths, x) for x in (1, 0.5))
        taken = np.full(len(wide), -1)
        best = np.full(len(wide), -1.0)
        for row in range(4):
            for place in np.argsort(-wide[:, row], kind="stable")[:2]:
                if wide[place, row] > best[place]:
                    taken[place], best[place] = row, wide[place, row]
        free = taken < 0
        for row in range(4):
            place = narrow[:, row].argmax()
            if free[place] and narrow[place, row] > best[place]:
                taken[place], best[place] = row, narrow[place, row]
        index, positive = match(boxes)
        np.testing.assert_array_equal(np.where(positive, index, -1), taken)


def test_an_object_on_a_corner_of_cells_has_as_many_places_as_others():
    """Four places are as near: so many as were asked for are taken."""
    boxes = truth([12.0, 12, 20, 20])
    for places in (1, 2, 3):
        found = by_field(widths=(8.0, 30.0), places=places)(boxes, GRID)[1]
        assert int(found.sum()) == places


def _nearness_by_loops(boxes, widths, shrink):
    near = np.zeros((len(GRID.centre), len(boxes.valid)))
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


def test_objects_that_share_a_place_get_one_each():
    boxes = truth(*([[9.0, 9, 10, 10]] * 3))
    index, positive = covering(by_size(ranges=(8.0,)))(boxes, GRID)
    rows = np.asarray(index)[np.asarray(positive)]
    assert sorted(rows.tolist()) == [0, 1, 2]
    places = np.asarray(GRID.centre)[np.asarray(positive)]
    assert np.abs(places - 9.5).max() <= 4.5


def test_other_levels_serve_where_the_finest_has_too_few_places():
    grid = Grid([(2, 2), (1, 1)], (4, 8))
    boxes = truth(*([[3.0, 3, 5, 5]] * 6))
    index, positive = covering(by_size(ranges=(8.0,)))(boxes, grid)
    assert positive.all()
    assert len(set(np.asarray(index).tolist())) == 5


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
