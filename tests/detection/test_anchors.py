from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.detection import anchor_sizes, shape_iou
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
