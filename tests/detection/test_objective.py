import jax
import jax.numpy as jnp
import numpy as np

from genjax.detection import detector
from tests.laws.instances import scene_batch, tiny_detector, tiny_parts


def test_terms_are_sums_over_counts_of_the_whole_batch():
    objective, batch = tiny_detector(), scene_batch(8)
    variables = jax.jit(objective.init)(jax.random.key(0), batch)
    value, (new, metrics) = jax.jit(objective.loss)(variables, batch, jax.random.key(1))
    assert new == {}
    terms = [metrics[k] for k in ("classification", "box", "centerness")]
    np.testing.assert_allclose(value, sum(terms), rtol=1e-6)
    assert set(variables) == {"params"}
    assert set(variables["params"]) == {"backbone", "neck", "head"}


def test_detections_are_padded_and_sorted():
    batch = scene_batch(2)
    variables = jax.jit(tiny_detector().init)(jax.random.key(0), batch)
    detect = detector(*tiny_parts())
    found = jax.jit(detect)(variables, batch["image"])
    assert found.xyxy.shape == (2, 100, 4)
    assert np.all(jnp.diff(found.score, axis=1) <= 0)
    assert np.all(jnp.where(found.valid, 0.0, found.score) == 0)
