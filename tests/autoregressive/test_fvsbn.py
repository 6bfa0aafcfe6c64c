import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.linear_model import LogisticRegression

from genjax.autoregressive import fvsbn
from genjax.densities import negative_log_likelihood
from genjax.training import gradient_descent, scan_steps


def test_each_conditional_is_a_logistic_regression():
    key_x, key_y = jax.random.split(jax.random.key(0))
    first = jax.random.bernoulli(key_x, 0.5, (400, 2)).astype(jnp.float32)
    logit = 2.0 * first[:, :1] - 1.5 * first[:, 1:] - 0.2
    last = jax.random.bernoulli(key_y, jax.nn.sigmoid(logit)).astype(jnp.float32)
    x = jnp.concatenate([first, last], axis=1)
    update = gradient_descent(negative_log_likelihood(fvsbn()), optax.adam(0.05))
    state = update.init(jax.random.key(1), {"x": x})
    batches = {"x": jnp.broadcast_to(x[None], (800, *x.shape))}
    state, _ = jax.jit(scan_steps(update).step)(state, batches)
    params = state.variables["params"]
    wanted = LogisticRegression(C=1e6).fit(np.asarray(first), np.asarray(last)[:, 0])
    found = params["network"]["W"][:2, 0, 2, 0]
    np.testing.assert_allclose(found, wanted.coef_[0], atol=0.02)
    np.testing.assert_allclose(params["bias"][2], wanted.intercept_, atol=0.02)
