import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import fvsbn, nade, recurrent, transformer, wavenet
from genjax.errors import InputError
from tests.laws.instances import moved

KEY, X = jax.random.key(0), jnp.eye(3)
MODELS = {
    "fvsbn": fvsbn(),
    "nade": nade(hidden=3),
    "recurrent": recurrent(hidden=3),
    "transformer": transformer(width=4, heads=2, layers=1),
    "wavenet": wavenet(channels=3, layers=2),
}


@pytest.mark.parametrize("name", MODELS)
def test_conditions_condition_and_are_checked(name):
    model, condition = MODELS[name], jnp.eye(3)
    params = moved(model.init(KEY, X, condition))
    drawn, log_prob = model.sample(params, KEY, 3, condition)
    again = model.log_prob(params, drawn, condition)
    assert float(np.abs(log_prob - again).max()) < 1e-4
    other = model.log_prob(params, drawn, condition + 1)
    assert float(np.abs(other - again).max()) > 1e-3
    for wrong in (None, jnp.ones((3, 2))):
        with pytest.raises(InputError, match=f"{name}: the model was initialised"):
            model.log_prob(params, X, wrong)
