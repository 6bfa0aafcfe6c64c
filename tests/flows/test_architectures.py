import jax
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from genjax.flows import (
    affine,
    glow,
    rational_quadratic_spline,
    realnvp,
)
from tests.laws.instances import conditioner


def stack(features):
    return nn.ConvStack(features, (8,), output_init=jax.nn.initializers.normal(0.05))


@pytest.mark.parametrize(
    "flow",
    [
        glow(
            rational_quadratic_spline(bins=4),
            stack,
            event_shape=(8, 4, 2),
            levels=2,
            steps=1,
        ),
        realnvp(affine(), stack, event_shape=(8, 4, 2), levels=2, couplings=2),
    ],
    ids=["glow", "realnvp"],
)
def test_convolutional_flows_of_several_scales_come_back(flow):
    x = jax.random.normal(jax.random.key(0), (16, 8, 4, 2))

    @jax.jit
    def there_and_back(x):
        params = flow.init(jax.random.key(1), x)
        y, log_det = flow.forward(params, x)
        back, inverse_log_det = flow.inverse(params, y)
        return y, back - x, log_det + inverse_log_det

    y, error, left = there_and_back(x)
    assert y.shape == x.shape
    np.testing.assert_allclose(error, 0, atol=1e-4)
    np.testing.assert_allclose(left, 0, atol=1e-3)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: glow(
                affine(), conditioner, event_shape=(6, 4, 1), levels=2, steps=1
            ),
            "2 levels need sides that are multiples of 4, got 6 x 4",
        ),
        (
            lambda: realnvp(
                affine(), conditioner, event_shape=(4, 4, 1), levels=1, couplings=0
            ),
            "couplings must be at least 1, got 0",
        ),
    ],
)
def test_bad_settings_are_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()
