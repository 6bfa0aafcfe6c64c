import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import laplace_mixture, pixel_cnn
from genjax.errors import InputError
from tests.laws.instances import outputs_of


@pytest.mark.parametrize("shape", [(4, 4, 1), (3, 3, 2)])
def test_every_earlier_value_is_seen_so_there_is_no_blind_spot(shape):
    dim = int(np.prod(shape))
    x = jax.random.normal(jax.random.key(0), (2, dim))

    def make(conditional):
        return pixel_cnn(shape=shape, channels=16, layers=4, conditional=conditional)

    params = make(laplace_mixture(1)).init(jax.random.key(1), x)
    outputs = outputs_of(make, size=4)
    jacobian = jax.jit(jax.jacrev(outputs, argnums=1))(params, x[0])
    seen = np.abs(np.asarray(jacobian)).max(axis=1) > 0
    np.testing.assert_array_equal(seen, np.tril(np.ones((dim, dim), bool), -1))


@pytest.mark.parametrize(
    "fields", [{"kernel": 4}, {"layers": 0}, {"channels": 3, "shape": (2, 2, 2)}]
)
def test_bad_settings_are_refused(fields):
    with pytest.raises(InputError, match="channels a multiple of the"):
        pixel_cnn(**{"shape": (2, 2, 1), "channels": 4, "layers": 1, **fields})


def test_images_of_another_size_are_refused():
    model = pixel_cnn(shape=(2, 2, 1), channels=4, layers=1)
    with pytest.raises(InputError, match="4 values, got 6"):
        model.init(jax.random.key(0), jnp.ones((1, 6)))
