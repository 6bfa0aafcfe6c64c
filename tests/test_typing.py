import jax
import jax.numpy as jnp
import jaxtyping
import pytest

from genjax.densities import bernoulli


def test_shapes_are_checked_at_run_time():
    model = bernoulli()
    params = model.init(jax.random.key(0), jnp.ones((2, 3)))
    with pytest.raises(jaxtyping.TypeCheckError):
        model.log_prob(params, "no array")
