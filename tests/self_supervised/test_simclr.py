import jax
import jax.numpy as jnp
import numpy as np

from genjax.self_supervised import normalize, ntxent_dense
from tests.laws.instances import conditioner, tiny_simclr


def test_the_loss_is_nt_xent_of_two_views():
    batch = {"x": jax.random.normal(jax.random.key(0), (6, 4))}
    objective = tiny_simclr()
    variables = objective.init(jax.random.key(1), batch)
    key = jax.random.key(2)
    value, (_, metrics) = objective.loss(variables, batch, key)
    views = [
        batch["x"] + 0.1 * jax.random.normal(k, (6, 4)) for k in jax.random.split(key)
    ]
    embedded = []
    for view in views:
        params = variables["params"]
        features = conditioner().apply({"params": params["encoder"]}, view)
        z = conditioner(3).apply({"params": params["projector"]}, features)
        embedded.append(normalize(z))
    np.testing.assert_allclose(value, ntxent_dense(*embedded, tau=0.5), rtol=1e-5)
    wanted = jnp.mean(jnp.sum(embedded[0] * embedded[1], axis=1))
    np.testing.assert_allclose(metrics["alignment"], wanted, rtol=1e-5)
