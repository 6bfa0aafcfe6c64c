import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.mutual_information import correlated_normals, dv, infonce, nwj, smile

# Mean and standard deviation over batches of 64 pairs with the exact critic, d = 20.
PUBLISHED = {
    ("infonce", 2.0): (1.813, 0.20),
    ("infonce", 6.0): (3.737, 0.13),
    ("infonce", 10.0): (4.122, 0.04),
    ("nwj, log r", 2.0): (1.632, 0.24),
    ("nwj, log r", 6.0): (5.635, 0.72),
    ("nwj", 2.0): (1.995, 0.26),
    ("nwj", 6.0): (6.027, 1.2),
    ("dv", 2.0): (2.007, 0.26),
    ("dv", 6.0): (6.237, 0.69),
    ("dv", 10.0): (11.297, 1.4),
    ("smile", 2.0): (2.030, 0.25),
    ("smile", 6.0): (6.714, 0.47),
    ("smile", 10.0): (12.059, 0.71),
}
ESTIMATORS = {
    "infonce": infonce,
    "nwj, log r": nwj,
    "nwj": lambda scores: nwj(1 + scores),
    "dv": dv,
    "smile": smile,
}
# The published means come from finitely many batches themselves.
BATCHES, THEIR_BATCHES = 4000, 1000


@pytest.mark.parametrize("truth", [2.0, 6.0, 10.0])
def test_the_exact_critic_gives_the_published_figures(truth):
    task = correlated_normals(dim=20, mutual_information=truth)

    def one(key):
        scores = task.log_ratio(*task.sample(key, 64))
        return {name: f(scores).value for name, f in ESTIMATORS.items()}

    keys = jax.random.split(jax.random.key(1), BATCHES)
    values = jax.jit(lambda keys: jax.lax.map(one, keys, batch_size=100))(keys)
    for (name, level), (mean, deviation) in PUBLISHED.items():
        if level == truth:
            error = deviation * np.sqrt(1 / BATCHES + 1 / THEIR_BATCHES)
            # Their figures have three decimals.
            assert abs(float(values[name].mean()) - mean) < 4 * error + 5e-4, name
    assert float(values["infonce"].max()) <= np.log(64) + 1e-5


def test_nwj_is_unbiased_at_one_plus_the_log_ratio_and_lacks_1_over_e_without():
    task = correlated_normals(dim=5, mutual_information=0.5)
    keys = jax.random.split(jax.random.key(2), 2000)

    def both(key):
        scores = task.log_ratio(*task.sample(key, 64))
        return nwj(1 + scores).value, nwj(scores).value

    tight, loose = jax.lax.map(both, keys, batch_size=100)
    error = float(tight.std()) / np.sqrt(2000)
    assert abs(float(tight.mean()) - 0.5) < 4 * error
    assert abs(float(loose.mean()) - (0.5 - 1 / np.e)) < 4 * error


def test_kinds_travel_through_transformations():
    scores = jax.random.normal(jax.random.key(0), (8, 8))
    kinds = {f: jax.jit(f)(scores).kind for f in (dv, nwj, infonce, smile)}
    assert kinds == {
        dv: "estimate",
        nwj: "lower bound",
        infonce: "lower bound",
        smile: "estimate",
    }


@pytest.mark.parametrize("estimator", [dv, infonce, nwj, smile])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_extreme_scores_are_finite(estimator, size):
    scores = size * (1 - jnp.eye(6))
    estimate, gradient = jax.value_and_grad(lambda s: estimator(s).surrogate)(scores)
    assert np.isfinite(estimate)
    assert np.all(np.isfinite(gradient))


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match=r"clip must be positive, got -1"):
        smile(jnp.zeros((3, 3)), clip=-1.0)
    for estimator in (dv, nwj, infonce, smile):
        with pytest.raises(InputError, match=r"at least 2, \[b, b\], got \(1, 1\)"):
            estimator(jnp.zeros((1, 1)))
