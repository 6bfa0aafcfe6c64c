import jax
import jax.numpy as jnp
import optax
import pytest

from genjax.errors import InputError
from genjax.steps import across_devices, descend, key_of_step, microbatches


def test_outside_pmap_nothing_is_averaged_and_the_key_is_that_of_the_step():
    assert across_devices({"x": 3}) == {"x": 3}
    key = jax.random.key(0)
    assert key_of_step(key, jnp.array(3)) == jax.random.fold_in(key, 3)


def test_changed_collections_replace_the_old_ones():
    def loss(variables):
        new = {"count": variables["count"] + 1}
        return variables["params"] ** 2, (new, {"loss": variables["params"] ** 2})

    start = {"params": jnp.array(3.0), "count": jnp.array(0)}
    sgd = optax.sgd(0.5)
    variables, _, _ = descend(loss, sgd, start, sgd.init(start["params"]))
    assert float(variables["params"]) == 0.0
    assert int(variables["count"]) == 1


def test_microbatches_must_divide():
    with pytest.raises(InputError, match="me: n = 3 must divide the batch, got 4"):
        microbatches(jnp.zeros(4), 3, user="me")
