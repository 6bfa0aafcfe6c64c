import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flows import affine, coupling
from tests.laws.instances import conditioner


def test_first_features_pass_and_scales_are_bounded():
    layer = coupling(affine(max_log_scale=1.5), conditioner(), split=2)
    x = 100 * jax.random.normal(jax.random.key(0), (50, 4))
    params = layer.init(jax.random.key(1), x)
    y, log_det = layer.forward(params, x)
    np.testing.assert_array_equal(y[:, :2], x[:, :2])
    assert float(jnp.abs(log_det).max()) <= 2 * 1.5 + 1e-5


@pytest.mark.parametrize("split", [0, 4, -1])
def test_split_must_leave_both_sides(split):
    layer = coupling(affine(), conditioner(), split=split)
    with pytest.raises(InputError, match=f"between 1 and dim - 1 = 3, got {split}"):
        layer.init(jax.random.key(0), jnp.zeros((2, 4)))


def test_network_of_another_width_is_refused():
    layer = coupling(affine(), conditioner(3), split=2)
    x = jnp.zeros((2, 4))
    params = layer.init(jax.random.key(0), x)
    with pytest.raises(InputError, match=r"\(2, 4\), got \(2, 3\)"):
        layer.forward(params, x)
