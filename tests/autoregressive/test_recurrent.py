import flax.linen as linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import gru, recurrent
from genjax.errors import InputError


def test_the_gru_is_that_of_flax():
    cell = linen.GRUCell(features=3)
    h, x = jnp.array([[0.1, -0.2, 0.3]]), jnp.array([[1.0, 2.0]])
    variables = cell.init(jax.random.key(0), h, x)
    reference = variables["params"]
    inputs = jnp.concatenate([x @ reference[f"i{g}"]["kernel"] for g in "rzn"], axis=1)
    kernels = jnp.stack([reference[f"h{g}"]["kernel"] for g in "rzn"])
    np.testing.assert_allclose(
        gru().step(h, inputs, kernels), cell.apply(variables, h, x)[0], atol=1e-6
    )


def test_no_state_is_refused():
    with pytest.raises(InputError, match="hidden must be at least 1, got 0"):
        recurrent(hidden=0)
