import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.programs import inverse_and_log_det
from genjax.programs._primitives import MOVEMENTS, RULES

UNARY = [
    "asinh",
    "atan",
    "atanh",
    "cbrt",
    "erf",
    "erf_inv",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "logistic",
    "neg",
    "rsqrt",
    "sinh",
    "sqrt",
    "tanh",
]


@pytest.mark.parametrize("name", UNARY)
def test_a_unary_rule_is_the_inverse_with_its_slope(name):
    function = getattr(jax.lax, name)
    x = jnp.array([0.1, 0.3, 0.9])
    y, slopes = jax.jvp(function, (x,), (jnp.ones(3),))
    back, log_det = inverse_and_log_det(function)(y)
    np.testing.assert_allclose(back, x, rtol=1e-4)
    np.testing.assert_allclose(log_det, -jnp.log(jnp.abs(slopes)).sum(), atol=1e-4)


def test_rules_and_movements_name_each_primitive_once():
    assert not set(RULES) & MOVEMENTS
    assert set(UNARY) <= set(RULES)
