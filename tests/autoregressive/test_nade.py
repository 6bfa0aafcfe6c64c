import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks.nade_step import plain_scan
from experiments.benchmarks.timing import median_ms
from genjax.autoregressive import nade
from genjax.densities import negative_log_likelihood
from genjax.errors import InputError


@pytest.mark.parametrize("activation", [jax.nn.sigmoid, jax.nn.relu, jnp.tanh])
@pytest.mark.parametrize("segment", [None, 1, 4, 100])
def test_value_and_gradient_are_those_of_the_definition(activation, segment):
    x = jax.random.bernoulli(jax.random.key(0), 0.4, (7, 11)).astype(jnp.float32)
    model = nade(hidden=6, activation=activation, segment=segment)
    params = model.init(jax.random.key(1), x)
    # Zero biases put the first pre-activation exactly on ReLU's kink.
    for wrt in (0, 1):
        custom = jax.grad(lambda p, x: model.log_prob(p, x).sum(), wrt)(params, x)
        plain = jax.grad(lambda p, x: plain_scan(activation, p, x).sum(), wrt)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5),
            custom,
            plain(params, x),
        )
    np.testing.assert_allclose(
        model.log_prob(params, x), plain_scan(activation, params, x), rtol=1e-6
    )


def test_init_starts_at_the_frequencies():
    x = jnp.tile(jnp.array([[1.0, 0.0]]), (98, 1))
    params = nade(hidden=3).init(jax.random.key(0), x)
    np.testing.assert_allclose(jax.nn.sigmoid(params["b"]), [0.99, 0.01], rtol=1e-5)


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="hidden must be at least 1, got 0"):
        nade(hidden=0)
    with pytest.raises(InputError, match="segment must be at least 1, got -1"):
        nade(hidden=1, segment=-1)
    model = nade(hidden=2)
    with pytest.raises(InputError, match="flatten images"):
        model.init(jax.random.key(0), jnp.zeros((2, 8, 8)))
    x = jnp.zeros((2, 3))
    params = model.init(jax.random.key(0), x)
    with pytest.raises(InputError, match="dimension 0 is missing"):
        model.complete(params, jax.random.key(0), x, np.array([False, True, False]))
    with pytest.raises(InputError, match=r"\(3,\), got \(2,\)"):
        model.complete(params, jax.random.key(0), x, np.array([True, True]))


@pytest.mark.parametrize("activation", [jax.nn.sigmoid, jax.nn.relu])
def test_step_beats_the_plain_scan_in_memory_and_time(activation):
    x = jax.random.bernoulli(jax.random.key(0), 0.3, (100, 784)).astype(jnp.float32)
    model = nade(hidden=500, activation=activation)
    params = model.init(jax.random.key(1), x)

    def compiled(log_prob):
        step = jax.jit(jax.grad(lambda p: -log_prob(p, x).mean()))
        return step.lower(params).compile()

    ours = compiled(model.log_prob)
    plain = compiled(lambda p, x: plain_scan(activation, p, x))
    megabytes = ours.memory_analysis().temp_size_in_bytes / 1e6
    assert megabytes <= 25
    assert megabytes < plain.memory_analysis().temp_size_in_bytes / 1e6 / 8
    assert median_ms(ours, params, runs=5) < median_ms(plain, params, runs=5)


def test_loss_falls_on_a_pattern():
    import optax

    from genjax.training import gradient_descent

    x = jnp.tile(jnp.array([[1.0, 0, 1, 0], [0.0, 1, 0, 1]]), (16, 1))
    objective = negative_log_likelihood(nade(hidden=8))
    update = gradient_descent(objective, optax.adam(0.05))
    state = update.init(jax.random.key(0), {"x": x})
    step = jax.jit(update.step)
    for _ in range(200):
        state, metrics = step(state, {"x": x})
    assert abs(float(metrics["loss"]) - np.log(2)) < 0.05
