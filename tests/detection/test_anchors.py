from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import (
    Grid,
    anchor_sizes,
    around,
    densified,
    pairwise_iou,
    shape_iou,
)
from genjax.detection._anchors import AnchorGrid
from genjax.errors import InputError

SIZES = jnp.array([[4.0, 4.0], [4.0, 6.0], [5.0, 4.0], [40.0, 30.0], [42.0, 28.0]])


def test_clusters_are_medians_by_ascending_area():
    found = anchor_sizes(jax.random.key(0), SIZES, k=2)
    np.testing.assert_allclose(found, [[4, 4], [41, 29]])
    with pytest.raises(InputError, match="number of boxes, 5, got 6"):
        anchor_sizes(jax.random.key(0), SIZES, k=6)


@pytest.mark.shared_data
@pytest.mark.parametrize(("k", "least"), [(5, 0.850), (9, 0.883)])
def test_anchors_of_blood_cells_fit_as_published(shared_data, k, least):
    sizes = []
    for path in sorted((shared_data / "bccd").glob("**/Annotations/*.xml")):
        for box in ElementTree.parse(path).iter("bndbox"):
            edges = [float(box.findtext(n)) for n in ("xmin", "ymin", "xmax", "ymax")]
            sizes.append([edges[2] - edges[0], edges[3] - edges[1]])
    sizes = np.array(sizes) * np.array([416 / 640, 416 / 480])
    sizes = jnp.asarray(sizes[np.all(sizes > 0, axis=1)], jnp.float32)
    found = anchor_sizes(jax.random.key(0), sizes, k=k)
    assert float(shape_iou(sizes, found).max(axis=1).mean()) >= least


def test_no_anchor_is_spent_on_what_another_has():
    sizes = [[10.0, 10.0]] * 50 + [[30.0, 30.0], [60.0, 20.0], [20.0, 60.0]]
    found = anchor_sizes(jax.random.key(0), jnp.array(sizes), k=4)
    assert float(shape_iou(jnp.array(sizes), found).max(axis=1).min()) > 0.999
    with pytest.raises(InputError, match="sizes must be positive"):
        anchor_sizes(jax.random.key(0), jnp.array([[0.0, 1.0], [jnp.nan, 2.0]]), k=1)


def test_densified_anchors_are_evenly_spread_over_all_cells():
    grid = Grid([(4, 4)], (8,))
    own = AnchorGrid(grid, densified([[(6.0, 6.0)]], strides=(8,), density=2.0))
    centre = np.unique(np.asarray(own.centre[0, :, 0]))
    # Three a cell: ceil(2 * 8 / 6).
    np.testing.assert_allclose(np.diff(centre), 8 / 3, rtol=1e-5)
    assert len(centre) == 12
    assert own.centre.shape == (1, 9 * 16, 2)
    np.testing.assert_array_equal(own.anchor, 6.0)


def test_anchors_as_large_as_the_density_asks_stay_alone():
    anchors = [[(32.0, 32.0), (64.0, 16.0)]]
    assert densified(anchors, strides=(8,)) == (
        ((32.0, 32.0, 0.0, 0.0), (64.0, 16.0, 0.0, 0.0)),
    )


@pytest.mark.parametrize("ratio", [0.33, 0.5, 1.0, 2.0, 3.0, 7.0])
def test_the_shape_of_an_anchor_does_not_change_its_number(ratio):
    root = ratio**0.5
    for side, n in ((4.0, 4), (8.0, 2), (16.0, 1)):
        anchors = [[(side * root, side / root)]]
        (level,) = densified(anchors, strides=(4,), density=4.0)
        assert len(level) == n * n


def test_anchors_of_face_boxes_are_21_at_a_place_of_the_finest_level():
    anchors = [[(32.0,) * 2, (64.0,) * 2, (128.0,) * 2], [(256.0,) * 2], [(512.0,) * 2]]
    found = densified(anchors, strides=(32, 64, 128))
    assert [len(level) for level in found] == [21, 1, 1]


def test_densified_anchors_overlap_small_objects_more():
    """An object anywhere has an anchor that overlaps it by more than without."""
    grid, rng = Grid([(8, 8)], (8,)), np.random.default_rng(0)
    low = rng.uniform(8, 48, (200, 2))
    boxes = jnp.asarray(np.concatenate([low, low + 8], axis=1), jnp.float32)
    plain, dense = (
        AnchorGrid(grid, anchors)
        for anchors in (
            [[(8.0, 8.0)]],
            densified([[(8.0, 8.0)]], strides=(8,), density=4.0),
        )
    )
    least = [
        float(pairwise_iou(around(own.centre, own.anchor)[0], boxes).max(axis=0).min())
        for own in (plain, dense)
    ]
    # The farthest centres are 4 and 1 pixels away, both ways.
    assert 0.14 < least[0] < 0.2
    assert 49 / 79 <= least[1] < 0.7


@pytest.mark.parametrize(
    ("anchors", "how", "message"),
    [
        ([[(8.0, 8.0)]], {"strides": (8, 16)}, "for each of 2 levels"),
        ([[(8.0, 0.0)]], {"strides": (8,)}, "positive widths and heights"),
        ([[(8.0, 8.0)]], {"strides": (8,), "density": 0.0}, "must be positive, got"),
        ([[(8.0, 8.0, 1.0, 1.0)]], {"strides": (8,)}, "widths and heights"),
    ],
)
def test_mistakes_about_density_are_sentences(anchors, how, message):
    with pytest.raises(InputError, match=message):
        densified(anchors, **how)
