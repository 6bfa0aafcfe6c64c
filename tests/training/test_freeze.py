import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genjax.densities import diagonal_normal, negative_log_likelihood
from genjax.errors import InputError
from genjax.training import freeze, gradient_descent, with_ema

KEY = jax.random.key(0)


def test_what_is_frozen_stays():
    objective = negative_log_likelihood(diagonal_normal((2,)))
    x = {"x": jnp.array([[0.0, 1.0], [2.0, 5.0]])}
    optimizer = freeze(optax.adam(0.1), lambda path: path == "mean")
    update = with_ema(gradient_descent(objective, optimizer), decay=0.9)
    before = update.init(KEY, x)
    after, _ = jax.jit(update.step)(before, {"x": x["x"] + 1.0})
    params = before.variables["params"], after.variables["params"]
    np.testing.assert_array_equal(params[0]["mean"], params[1]["mean"])
    assert float(abs(params[0]["log_scale"] - params[1]["log_scale"]).min()) > 0.01
    for is_frozen, which in ((lambda path: False, "no"), (lambda path: True, "every")):
        wrong = gradient_descent(objective, freeze(optax.adam(0.1), is_frozen))
        with pytest.raises(InputError, match=f"{which} parameter is frozen; their pat"):
            wrong.init(KEY, x)
