import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.errors import InputError
from genjax.mutual_information import correlated_normals


def test_the_log_ratio_is_scipys():
    task = correlated_normals(dim=3, mutual_information=1.2)
    x, y = (np.asarray(v, float) for v in task.sample(jax.random.key(0), 5))
    rho = np.sqrt(1 - np.exp(-2 * 1.2 / 3))
    joint = np.block([[np.eye(3), rho * np.eye(3)], [rho * np.eye(3), np.eye(3)]])
    law = stats.multivariate_normal(np.zeros(6), joint)
    wanted = [
        [
            law.logpdf([*a, *b])
            - stats.norm.logpdf(a).sum()
            - stats.norm.logpdf(b).sum()
            for b in y
        ]
        for a in x
    ]
    found = task.log_ratio(jnp.asarray(x, "float32"), jnp.asarray(y, "float32"))
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_its_mean_is_the_mutual_information():
    task = correlated_normals(dim=4, mutual_information=2.0)
    x, y = task.sample(jax.random.key(0), 4000)
    diagonal = np.diagonal(task.log_ratio(x, y))
    assert abs(diagonal.mean() - 2.0) < 4 * diagonal.std() / np.sqrt(4000)


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match=r"got 0 and 1\.0"):
        correlated_normals(dim=0, mutual_information=1.0)
    with pytest.raises(InputError, match="at most 4 nats per dimension"):
        correlated_normals(dim=1, mutual_information=9.0)
