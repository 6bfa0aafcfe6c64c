import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.base import Network
from genjax.errors import InputError
from genjax.nn import minibatch_deviation, spectrally_normalized


def test_every_layer_has_the_bound_for_its_norm():
    plain = nn.DCGANDiscriminator(width=4, norm=False, activation=lambda x: x)
    seen = {}

    def spy(variables, x):
        seen.update(variables["params"])
        return plain.apply(variables, x)

    network = spectrally_normalized(Network(plain.init, spy), bound=0.5)
    x = jax.random.normal(jax.random.key(0), (2, 16, 16, 3))
    variables, train = network.init(jax.random.key(1), x), jax.jit(network.train)
    for _ in range(100):
        _, changed = train(variables, jax.random.key(2), x)
        variables = {**variables, **changed}
    network.apply(variables, x)
    for layer in seen.values():
        matrix = np.asarray(layer["kernel"]).reshape(-1, layer["kernel"].shape[-1])
        np.testing.assert_allclose(np.linalg.norm(matrix, 2), 0.5, rtol=1e-3)


def test_the_scale_of_the_weights_does_not_matter():
    network = spectrally_normalized(nn.MLP(features=1, hidden=()))
    x = jax.random.normal(jax.random.key(0), (5, 3))
    variables = network.init(jax.random.key(1), x)

    def output(scale):
        params = jax.tree.map(lambda w: scale * w, variables["params"])
        return jnp.sum(network.apply({**variables, "params": params}, x))

    np.testing.assert_allclose(output(1.0), output(7.0), rtol=1e-5)
    np.testing.assert_allclose(jax.grad(output)(2.0), 0.0, atol=1e-5)


def test_the_vectors_are_kept_from_step_to_step_and_follow_the_weights():
    network = spectrally_normalized(nn.MLP(features=3, hidden=()))
    x = jax.random.normal(jax.random.key(0), (5, 4))
    variables = network.init(jax.random.key(1), x)
    turned = jax.random.normal(jax.random.key(2), (4, 3))
    variables["params"]["Dense_0"]["kernel"] = turned
    for _ in range(30):
        _, changed = network.train(variables, jax.random.key(3), x)
        assert sorted(changed) == ["power_iteration"]
        variables = {**variables, **changed}
    wanted = x @ (turned / np.linalg.norm(turned, 2))
    np.testing.assert_allclose(network.apply(variables, x), wanted, rtol=1e-3)


def test_the_deviation_is_that_of_groups_of_strided_rows():
    x = jax.random.normal(jax.random.key(0), (6, 2, 2, 3))
    found = minibatch_deviation(x, group=3)
    np.testing.assert_array_equal(found[..., :3], x)
    for start in (0, 1):
        rows = np.asarray(x[start::2])
        wanted = np.sqrt(rows.var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(found[start::2, ..., 3], wanted, rtol=1e-5)


def test_bad_settings_are_sentences():
    with pytest.raises(
        InputError, match="bound and iterations must be positive, got 0"
    ):
        spectrally_normalized(nn.MLP(features=1, hidden=()), bound=0.0)
    with pytest.raises(InputError, match="group = 4 must divide the batch, got 6 rows"):
        inspect.unwrap(minibatch_deviation)(jnp.ones((6, 1, 1, 1)), group=4)


def test_a_layer_of_zeros_stays_one_and_can_be_learnt():
    module = spectrally_normalized(nn.ResNetDiscriminator(width=4))
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 1))
    variables = module.init(jax.random.key(1), x)

    def output(params):
        return jnp.sum(module.apply({**variables, "params": params}, x))

    slopes = jax.grad(output)(variables["params"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    last = slopes["_Block_0"]["Conv_1"]["kernel"]
    assert float(np.abs(last).max()) > 0


def test_the_start_is_within_two_percent_of_random_layers():
    for n, shape in enumerate([(256, 256), (1024, 128)]):
        matrix = jax.random.normal(jax.random.key(n), shape)
        network = spectrally_normalized(
            Network(
                lambda key, x: {"params": {"kernel": x}},
                lambda variables, x: variables["params"]["kernel"],
            )
        )
        found = network.apply(network.init(jax.random.key(0), matrix), matrix)
        assert 1 <= np.linalg.norm(found, 2) < 1.02
