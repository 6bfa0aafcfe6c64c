"""What every matching of places or of anchors must do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.data import scenes
from genjax.detection import (
    Boxes,
    Grid,
    around,
    atss,
    by_overlap,
    by_size,
    compensated,
    ground_truth,
    pairwise_wasserstein,
)
from genjax.detection._anchor_matching import check_anchors_given
from genjax.detection._dense import targets_by
from genjax.detection._matching import check_grid
from genjax.detection.scales import by_field, covering
from genjax.errors import InputError

GRID = Grid([(8, 8), (4, 4)], (4, 8))
ANCHORS = around(GRID.centre, 3 * GRID.side[:, None] * jnp.ones((1, 2)))
PLACES = {
    "by_size": by_size(ranges=(8.0,)),
    "atss": atss(),
    "by_field": by_field(widths=(8.0, 16.0)),
    "covering by_size": covering(by_size(ranges=(8.0,))),
    "covering by_field": covering(by_field(widths=(8.0, 16.0))),
}
OF_ANCHORS = {
    "by_overlap": by_overlap(),
    "by_overlap, Wasserstein": by_overlap(overlap=pairwise_wasserstein(scale=8.0)),
    "compensated": compensated(),
    "covering compensated": covering(compensated()),
}
EVERY = {
    **{name: (match, GRID) for name, match in PLACES.items()},
    **{name: (match, ANCHORS) for name, match in OF_ANCHORS.items()},
}
matchings = pytest.mark.parametrize(("match", "of"), EVERY.values(), ids=EVERY.keys())


def drawn(rows=30):
    draw = scenes(np.ones((2, 6, 3)), np.arange(2), side=32, most=6, sizes=(2.0, 30.0))
    batch = jax.jit(draw, static_argnums=1)(jax.random.key(0), rows)
    return ground_truth(batch["xyxy"], batch["label"], batch["valid"])


def matched(match, of, boxes):
    """The box of every place, zeros where it has none."""
    targets = jax.jit(lambda boxes: targets_by(lambda own: match(own, of), boxes, GRID))
    found = targets(boxes)
    return np.where(np.asarray(found.positive)[..., None], found.xyxy, 0.0)


@matchings
def test_order_and_padding_change_nothing(match, of):
    boxes = drawn()
    plain = matched(match, of, boxes)
    assert plain.any()
    turned = jax.tree.map(lambda leaf: leaf[:, ::-1], boxes)
    np.testing.assert_array_equal(plain, matched(match, of, turned))
    padding = Boxes(
        jnp.full((30, 2, 4), jnp.nan),
        jnp.full((30, 2), 9),
        jnp.zeros((30, 2), bool),
        jnp.ones((30, 2)),
        jnp.ones((30, 2), bool),
    )
    padded = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), boxes, padding)
    np.testing.assert_array_equal(plain, matched(match, of, padded))


@matchings
def test_what_is_no_object_has_no_place(match, of):
    boxes = drawn()
    assert not matched(match, of, boxes._replace(ignore=boxes.valid)).any()
    assert not matched(match, of, boxes._replace(valid=boxes.ignore)).any()


@pytest.mark.parametrize("name", [name for name in EVERY if "covering" in name])
def test_no_object_is_without_a_place(name):
    match, of = EVERY[name]
    boxes = drawn(1000)
    assign = jax.jit(lambda boxes: targets_by(lambda own: match(own, of), boxes, GRID))
    targets = assign(boxes)
    assert not np.any(targets.objects & (targets.places == 0))


def test_places_are_not_matched_as_anchors_nor_anchors_as_places():
    with pytest.raises(InputError, match=r"by_size: it matches places, for `fcos`"):
        check_grid("by_size", ANCHORS)
    with pytest.raises(InputError, match=r"compensated: it matches anchors, for"):
        check_anchors_given("compensated", GRID)
