import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import binary, by_column, categorical, normal_mixture
from genjax.errors import InputError


def test_columns_are_drawn_from_their_own_conditionals():
    number, bit, three = normal_mixture(2), binary(), categorical(3)
    columns = [three, number, bit, number]
    mixed = by_column(columns)
    assert (mixed.size, mixed.inputs) == (7, 3)
    keys = jax.random.split(jax.random.key(0), 3)
    outputs = jax.random.normal(keys[0], (5, 4, mixed.size))
    x = jnp.tile(jnp.array([[2.0, 0.3, 1.0, -0.7]]), (5, 1))
    terms, seen = mixed.log_prob(outputs, x), mixed.embed(x)
    score = jax.jit(lambda d, outputs, x: mixed.of(d).log_prob(outputs, x))
    draw = jax.jit(lambda d, key, outputs: mixed.of(d).sample(key, outputs))
    for d, own in enumerate(columns):
        alone = own.log_prob(outputs[:, d, : own.size], x[:, d])
        np.testing.assert_allclose(terms[:, d], alone, rtol=1e-5)
        np.testing.assert_array_equal(seen[:, d, : own.inputs], own.embed(x[:, d]))
        one = score(d, outputs[:, d], x[:, d])
        np.testing.assert_allclose(one, alone, rtol=1e-5)
        np.testing.assert_array_equal(mixed.of(jnp.array(d)).embed(x[:, d]), seen[:, d])
        marginal = own.marginal(x[:, [d]])[0]
        np.testing.assert_allclose(mixed.marginal(x)[d, : own.size], marginal)
    drawn = mixed.sample(keys[1], jnp.broadcast_to(outputs[:1], (4000, 4, 7)))
    for d in range(4):
        own = draw(d, keys[2], jnp.tile(outputs[:1, d], (4000, 1)))
        spread = float(own.std()) / 4000**0.5
        assert float(drawn[:, d].mean()) == pytest.approx(
            float(own.mean()), abs=6 * spread
        )
    with pytest.raises(InputError, match=r"from 0 to 2, got 5\.0 in column 0"):
        mixed.check(x.at[1, 0].set(5.0))
    with pytest.raises(InputError, match="there is no column"):
        by_column([])
