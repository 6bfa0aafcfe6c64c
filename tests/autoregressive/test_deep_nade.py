import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import deep_nade, orderless_likelihood
from genjax.errors import InputError
from tests.laws.instances import conditioner, every_vector, moved

KEY = jax.random.key(0)


def test_any_observed_set_is_completed_by_its_exact_conditional():
    vectors = every_vector(4)
    params = moved(deep_nade(conditioner(4)).init(KEY, vectors))
    observed = np.array([False, True, False, True])
    # The order in which the observed dimensions come first.
    joint = deep_nade(conditioner(4), (1, 3, 0, 2)).log_prob(params, vectors)
    seen = (vectors[:, 1] == 1) & (vectors[:, 3] == 0)
    conditional = joint[seen] - jax.nn.logsumexp(joint[seen])
    given = jnp.broadcast_to(jnp.array([[0.0, 1.0, 0.0, 0.0]]), (500, 4))
    drawn, log_prob = deep_nade(conditioner(4)).complete(params, KEY, given, observed)
    rows = vectors[seen]
    matches = jnp.argmax((drawn[:, None] == rows[None]).all(axis=2), axis=1)
    np.testing.assert_array_equal(drawn, rows[matches])
    np.testing.assert_allclose(log_prob, conditional[matches], atol=1e-5)


def test_rows_are_completed_each_from_its_own_cells():
    model = deep_nade(conditioner(4))
    params = moved(model.init(KEY, every_vector(4)))
    masks = np.array([[False, True, False, True], [True, False, False, False]])
    given = jnp.array([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    wide = jnp.repeat(given, 2000, axis=0)
    drawn, log_prob = model.complete(params, KEY, wide, np.repeat(masks, 2000, axis=0))
    for place, mask in enumerate(masks):
        rows = slice(2000 * place, 2000 * (place + 1))
        alone, expected = model.complete(params, KEY, wide[rows], mask)
        np.testing.assert_array_equal(drawn[rows][:, mask], alone[:, mask])
        np.testing.assert_allclose(drawn[rows].mean(0), alone.mean(0), atol=0.06)
        assert float(log_prob[rows].mean()) == pytest.approx(
            float(expected.mean()), abs=0.06
        )
    alone = jax.jit(lambda x, mask: model.complete(params, KEY, x, mask)[0])
    row = alone(given[:1], jnp.asarray(masks[:1]))
    np.testing.assert_array_equal(row[0, masks[0]], given[0, masks[0]])
    with pytest.raises(InputError, match=r"of one row, or \(4000, 4\) of all, got"):
        model.complete(params, KEY, wide, masks)


def test_the_loss_is_the_mean_over_all_orders():
    x = jnp.array([[1.0, 0.0, 1.0]])
    objective = orderless_likelihood(conditioner(3))
    params = moved(objective.init(KEY, {"x": x}))
    each = [
        -deep_nade(conditioner(3), order).log_prob(params, x)[0]
        for order in itertools.permutations(range(3))
    ]
    wide = {"x": jnp.broadcast_to(x, (40_000, 3))}
    loss, _ = objective.loss(params, wide, jax.random.key(1))
    assert float(loss) == pytest.approx(float(np.mean(each)), abs=0.05)


def test_mistakes_are_named():
    x = jnp.eye(3)
    twice = deep_nade(conditioner(3), (0, 0, 1))
    params = twice.init(KEY, x)
    with pytest.raises(InputError, match=r"each of 0 ... 2 once, got \[0, 0, 1\]"):
        twice.log_prob(params, x)
    wide = deep_nade(conditioner(4))
    with pytest.raises(InputError, match=r"the shape \(3, 3\), got \(3, 4\)"):
        wide.log_prob(wide.init(KEY, x), x)
    with pytest.raises(InputError, match="flatten images first"):
        wide.init(KEY, jnp.ones((2, 2, 2)))
