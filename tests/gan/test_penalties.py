import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from genjax.errors import InputError
from genjax.gan import (
    PenaltyInputs,
    balanced_consistency,
    dragan,
    gradient_penalty,
    lazily,
    lecam,
    r1,
    r2,
)

W = jnp.array([1.0, -2.0, 0.5])
NORM = float(jnp.linalg.norm(W))


def applied(penalty, critic, real, fake, key):
    judged = PenaltyInputs(critic, real, fake, critic(real), critic(fake))
    return penalty.value(penalty.memory, judged, key)[0]


@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize(
    ("penalty", "wanted"),
    [
        (r1(gamma=3.0), 1.5 * NORM**2),
        (r2(gamma=3.0), 1.5 * NORM**2),
        (gradient_penalty(weight=3.0), 3 * (NORM - 1) ** 2),
        (dragan(weight=3.0), 3 * (NORM - 1) ** 2),
    ],
)
def test_of_a_linear_critic_is_that_of_the_norm_of_its_weights(penalty, wanted, rows):
    x = jax.random.normal(jax.random.key(0), (rows, 3))
    value = applied(penalty, lambda x: x @ W, x, -x, jax.random.key(1))
    np.testing.assert_allclose(value, wanted, rtol=1e-5)


def slopes(x):
    return jnp.sum(x**2, axis=(1, 2, 3)) / 2


def test_data_and_fakes_are_not_exchanged():
    real, fake = jnp.ones((3, 2, 2, 1)), jnp.full((3, 2, 2, 1), 2.0)
    key = jax.random.key(0)
    np.testing.assert_allclose(applied(r1(gamma=2.0), slopes, real, fake, key), 4.0)
    np.testing.assert_allclose(applied(r2(gamma=2.0), slopes, real, fake, key), 16.0)


def test_each_pair_has_a_share_and_each_example_a_norm_of_its_own():
    real, fake = jnp.ones((64, 2, 2, 1)), jnp.zeros((64, 2, 2, 1))
    key = jax.random.key(0)
    # ||x|| = 2 e for the share e of the data, and the slope is x.
    e = jax.random.uniform(key, (64,))
    value = applied(gradient_penalty(weight=1.0), slopes, real, fake, key)
    np.testing.assert_allclose(value, jnp.mean((2 * e - 1) ** 2), rtol=1e-5)
    assert abs(float(value) - 1 / 3) < 0.1


def test_dragan_looks_around_the_data():
    real = jnp.zeros((64, 2, 2, 1)).at[::2].set(2.0)
    key = jax.random.key(0)
    (one,) = jax.random.split(key, 1)
    near = real + 0.5 * jax.random.uniform(one, real.shape)
    norms = jnp.sqrt(jnp.sum(near**2, axis=(1, 2, 3)))
    value = applied(dragan(weight=1.0), slopes, real, -real, key)
    np.testing.assert_allclose(value, jnp.mean((norms - 1) ** 2), rtol=1e-5)


def test_a_flat_critic_has_a_finite_gradient():
    x = jnp.ones((4, 3))

    def value(w):
        return applied(
            gradient_penalty(weight=1.0), lambda x: x @ w, x, x, jax.random.key(0)
        )

    assert np.all(np.isfinite(jax.grad(value)(jnp.zeros(3))))


def test_is_the_mean_of_single_examples_and_has_a_gradient():
    x = jax.random.normal(jax.random.key(0), (5, 2))

    def penalty(w, x):
        return applied(
            r1(gamma=1.0), lambda x: jnp.tanh(x @ w), x, x, jax.random.key(1)
        )

    w = jnp.array([0.3, -0.7])
    singles = [penalty(w, row[None]) for row in x]
    np.testing.assert_allclose(penalty(w, x), np.mean(singles), rtol=1e-5)
    check_grads(
        lambda w: penalty(w, x), (w,), order=1, modes=["rev"], atol=1e-2, rtol=1e-2
    )


@pytest.mark.parametrize("make", [r1, r2, gradient_penalty, dragan, lecam])
def test_a_negative_weight_is_refused(make):
    name = "gamma" if make in (r1, r2) else "weight"
    with pytest.raises(InputError, match=r"must not be negative, got -1"):
        make(**{name: -1.0})


def logits_alone(real, fake):
    return PenaltyInputs(lambda x: x, None, None, jnp.asarray(real), jnp.asarray(fake))


def test_lecam_holds_logits_to_the_other_sides_moving_mean():
    penalty = lecam(weight=2.0, decay=0.75)
    memory = {"real": jnp.array(1.0), "fake": jnp.array(-3.0)}
    judged = logits_alone([1.0, 3.0], [0.0, -2.0])
    value, new = penalty.value(memory, judged, jax.random.key(0))
    # (4^2 + 6^2) / 2 and (1^2 + 3^2) / 2, twice.
    np.testing.assert_allclose(value, 2 * (26 + 5))
    np.testing.assert_allclose([new["real"], new["fake"]], [1.25, -2.5])
    with pytest.raises(InputError, match=r"decay must be in \[0, 1\), got 1"):
        lecam(weight=1.0, decay=1.0)


def test_consistency_asks_for_the_same_logit_under_the_augmentation():
    def double(key, x):
        return 2 * x

    penalty = balanced_consistency(double, real=2.0, fake=3.0)
    x = jnp.ones((4, 3))
    for wrap in (lambda x: x, lambda x: (x, jnp.zeros(4))):
        value = applied(
            penalty,
            lambda x: (x[0] if isinstance(x, tuple) else x) @ W,
            wrap(x),
            wrap(5 * x),
            jax.random.key(0),
        )
        wanted = (2 + 3 * 25) * float(W.sum()) ** 2
        np.testing.assert_allclose(value, wanted, rtol=1e-5)
    for weights in ({"real": -1.0}, {"fake": -1.0}):
        with pytest.raises(InputError, match="must not be negative, got -1"):
            balanced_consistency(double, **weights)


def test_a_lazy_penalty_has_the_same_mean_and_remembers_what_it_saw():
    penalty = lazily(lecam(weight=1.0, decay=0.5), every=3)
    judged = logits_alone([1.0], [0.0])
    memory, values = penalty.memory, []
    step = jax.jit(lambda memory, key: penalty.value(memory, judged, key))
    for _ in range(4):
        value, memory = step(memory, jax.random.key(0))
        values.append(float(value))
    np.testing.assert_allclose(values, [3.0, 0.0, 0.0, 3 * 1.25])
    np.testing.assert_allclose(memory["penalty"]["real"], 0.75)
    with pytest.raises(InputError, match="every must be at least 1, got 0"):
        lazily(r1(gamma=1.0), every=0)


def test_slopes_are_those_in_all_inputs():
    def critic(inputs):
        x, z = inputs
        return x @ W + 2 * z[:, 0]

    pair = jnp.ones((4, 3)), jnp.ones((4, 1))
    value = applied(r1(gamma=2.0), critic, pair, pair, jax.random.key(0))
    np.testing.assert_allclose(value, NORM**2 + 4, rtol=1e-5)


def test_half_precision_examples_and_float64_keep_their_digits():
    half = jnp.ones((4, 3), jnp.bfloat16)
    for penalty in (r1(gamma=1.0), gradient_penalty(weight=1.0), dragan(weight=1.0)):
        value = applied(
            penalty, lambda x: x.astype(jnp.float32) @ W, half, half, jax.random.key(0)
        )
        assert value.dtype == jnp.float32
    with jax.enable_x64(True):
        w = jnp.array([0.1, -0.7, 0.3])
        x = jnp.ones((4, 3))
        lazy = lazily(r1(gamma=2.0), every=2)
        value = applied(lazy, lambda x: x @ w, x, x, jax.random.key(0))
        np.testing.assert_allclose(value, 2 * float(w @ w), rtol=1e-14)
