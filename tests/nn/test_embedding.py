import jax
import jax.numpy as jnp
import numpy as np

from genjax import nn
from genjax.nn._embedding import sinusoids


def test_sinusoids_are_sines_and_cosines():
    t = jnp.array([0.0, 0.3])
    features = sinusoids(t, features=6)
    frequencies = np.exp(np.linspace(0, np.log(10_000), 3))
    np.testing.assert_allclose(
        features[1, :3], np.sin(0.3 * frequencies), atol=1e-3, rtol=1e-3
    )
    np.testing.assert_allclose(
        (features[:, :3] ** 2 + features[:, 3:] ** 2), 1, atol=1e-5
    )


def test_times_are_told_apart_and_no_class_is_a_class():
    t = jnp.linspace(0, 1, 11)
    module = nn.TimeEmbedding(features=8)
    y = module.apply(module.init(jax.random.key(0), t), t)
    gaps = jnp.linalg.norm(y[:, None] - y[None], axis=2) + jnp.eye(11)
    assert float(gaps.min()) > 1e-3
    label = jnp.arange(4)
    classes = nn.ClassEmbedding(classes=3, features=8)
    z = classes.apply(classes.init(jax.random.key(0), label), label)
    assert len(np.unique(np.asarray(z), axis=0)) == 4
