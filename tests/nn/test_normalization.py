import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn

X = 3 + 2 * jax.random.normal(jax.random.key(0), (16, 4, 4, 6))


@pytest.mark.parametrize(
    ("module", "axes"),
    [(nn.LayerNorm(), (3,)), (nn.GroupNorm(groups=1), (1, 2, 3))],
    ids=["layer", "group"],
)
def test_means_are_zero_and_variances_one(module, axes):
    y = module.apply(module.init(jax.random.key(0), X), X)
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axes), 1, atol=1e-3)


def test_rms_norm_has_unit_mean_square():
    module = nn.RMSNorm()
    y = module.apply(module.init(jax.random.key(0), X), X)
    np.testing.assert_allclose((y**2).mean(3), 1, atol=1e-3)


def test_groups_divide_the_channels():
    module = nn.GroupNorm(groups=4)
    x = jnp.concatenate([X, X + 9], axis=3)
    y = module.apply(module.init(jax.random.key(0), x), x).reshape(16, 4, 4, 3, 4)
    np.testing.assert_allclose(y.mean((1, 2, 4)), 0, atol=1e-4)


def test_what_is_added_to_one_channel_survives():
    module = nn.GroupNorm()
    variables = module.init(jax.random.key(0), X)
    shift = jnp.arange(6.0)[None, None, None]
    gap = module.apply(variables, X + shift) - module.apply(variables, X)
    assert float(np.abs(gap).max()) > 0.1


def test_batch_norm_trains_on_the_batch_and_keeps_running_moments():
    module = nn.BatchNorm(momentum=0.5)
    variables = module.init(jax.random.key(0), X, train=True)
    y, new = module.apply(variables, X, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-4)
    moments = new["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(moments["mean"], 0.5 * X.mean((0, 1, 2)), rtol=1e-4)
    variance = 0.5 + 0.5 * X.var((0, 1, 2))
    np.testing.assert_allclose(moments["var"], variance, rtol=1e-4)
    still = module.apply(variables, X, train=False)
    np.testing.assert_allclose(still, X, rtol=1e-4)


def test_statistics_are_float32_in_bfloat16():
    large = (1000 + X).astype(jnp.bfloat16)
    module = nn.LayerNorm(dtype=jnp.bfloat16)
    y = module.apply(module.init(jax.random.key(0), large), large)
    assert y.dtype == jnp.bfloat16
    assert bool(np.isfinite(y.astype(jnp.float32)).all())


def test_a_frozen_norm_is_an_affine_map_of_its_moments():
    x = jax.random.normal(jax.random.key(0), (2, 3, 3, 4))
    rows = {
        name: jnp.arange(1.0, 5.0) + i
        for i, name in enumerate(("scale", "bias", "mean", "var"))
    }
    found = nn.FrozenNorm().apply({"batch_stats": rows}, x)
    whole = {k: np.asarray(v) for k, v in rows.items()}
    wanted = (np.asarray(x) - whole["mean"]) / np.sqrt(whole["var"] + 1e-5) * whole[
        "scale"
    ] + whole["bias"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
