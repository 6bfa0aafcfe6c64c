import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from genjax import nn
from genjax.errors import InputError
from genjax.flows import affine, coupling

KEY = jax.random.key(0)
X = 3 + jax.random.normal(jax.random.key(1), (32, 2))


class Noisy(nnx.Module):
    """Statistics and dropout, and a list of layers."""

    def __init__(self, features, *, rngs):
        self.layers = nnx.List([nnx.Linear(features, features, rngs=rngs)])
        self.norm = nnx.BatchNorm(features, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(self.norm(self.layers[0](x)))


def test_collections_are_the_kinds_of_variables():
    network = nn.from_nnx(lambda rngs: Noisy(2, rngs=rngs))
    variables = network.init(KEY, X)
    assert sorted(variables) == ["batch_stats", "params"]
    assert "layers/0/kernel" in variables["params"]
    other = network.init(jax.random.key(5), X)
    kernels = [v["params"]["layers/0/kernel"] for v in (variables, other)]
    assert not np.allclose(*kernels)


def test_training_drops_and_moves_statistics_and_evaluation_does_not():
    network = nn.from_nnx(lambda rngs: Noisy(2, rngs=rngs))
    variables = network.init(KEY, X)
    y, changed = jax.jit(network.train)(variables, KEY, X)
    assert sorted(changed) == ["batch_stats"]
    assert 0.2 < float((y == 0).mean()) < 0.8
    other, _ = network.train(variables, jax.random.key(7), X)
    assert not np.array_equal(y, other)
    quiet = network.apply(variables, X)
    np.testing.assert_array_equal(quiet, network.apply(variables, X))
    model = Noisy(2, rngs=nnx.Rngs(KEY))
    model.eval()
    np.testing.assert_allclose(quiet, model(X), rtol=1e-6)


def test_a_bijector_takes_it_and_its_gradient():
    network = nn.from_nnx(lambda rngs: nnx.Linear(2, 4, rngs=rngs))
    layer = coupling(affine(), network, split=2)
    x = jax.random.normal(KEY, (5, 4))
    variables = layer.init(KEY, x)
    back, _ = layer.inverse(variables, layer.forward(variables, x)[0])
    np.testing.assert_allclose(back, x, atol=1e-5)
    gradient = jax.grad(lambda v: layer.forward(v, x)[1].sum())(variables)
    assert max(float(np.abs(g).max()) for g in jax.tree.leaves(gradient)) > 0


def test_a_model_is_no_constructor():
    model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    with pytest.raises(InputError, match=r"nn.from_nnx\(lambda rngs: Linear"):
        nn.from_nnx(model)


class Told(nnx.Module):
    """Its mode is an argument of its call, and an array is no variable."""

    def __init__(self, *, rngs):
        self.offset = nnx.data(jnp.ones(2))
        self.norm = nnx.BatchNorm(2, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x, *, train: bool):
        x = self.norm(x, use_running_average=not train)
        return self.dropout(x, deterministic=not train) + self.offset[None]


def test_a_mode_that_is_an_argument_of_the_call_is_found():
    network = nn.from_nnx(lambda rngs: Told(rngs=rngs))
    variables = network.init(KEY, X)
    np.testing.assert_array_equal(variables["constants"]["offset"], [1.0, 1.0])
    (first, changed), (second, _) = (
        network.train(variables, jax.random.key(i), X) for i in (1, 2)
    )
    assert sorted(changed) == ["batch_stats"]
    assert not np.array_equal(first, second)
    quiet = network.apply(variables, X)
    np.testing.assert_array_equal(quiet, network.apply(variables, X))


def test_a_mode_of_another_name_is_asked_for():
    class Other(nnx.Module):
        def __init__(self, *, rngs):
            self.dropout = nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x, *, is_quiet: bool = True):
            return self.dropout(x, deterministic=is_quiet)

    plain = nn.from_nnx(lambda rngs: Other(rngs=rngs))
    with pytest.raises(InputError, match="its argument 'is_quiet' may say"):
        plain.apply(plain.init(KEY, X), X)
    named = nn.from_nnx(
        lambda rngs: Other(rngs=rngs),
        train={"is_quiet": False},
        evaluate={"is_quiet": True},
    )
    y, _ = named.train(named.init(KEY, X), KEY, X)
    assert 0.2 < float((y == 0).mean()) < 0.8


class Draws(nnx.Module):
    def __init__(self, rngs):
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.dropout(x, deterministic=False)


class Counts(nnx.Module):
    def __init__(self, rngs):
        self.calls = nnx.Variable(jnp.zeros(()))

    def __call__(self, x):
        self.calls.set_value(self.calls.get_value() + 1)
        return x


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Draws, "draws random numbers in eval"),
        (Counts, r"changes \['Variable'\] in eval"),
    ],
)
def test_evaluation_that_draws_or_changes_is_refused(make, sentence):
    network = nn.from_nnx(make)
    variables = network.init(KEY, X)
    network.train(variables, KEY, X)
    with pytest.raises(InputError, match=sentence):
        network.apply(variables, X)


def test_a_sequence_tells_its_layers():
    network = nn.from_nnx(lambda rngs: nnx.Sequential(nnx.Dropout(0.5, rngs=rngs)))
    variables = network.init(KEY, X)
    assert (network.train(variables, KEY, X)[0] == 0).any()
    np.testing.assert_array_equal(network.apply(variables, X), X)
