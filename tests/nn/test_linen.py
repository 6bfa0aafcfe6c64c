import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from genjax import nn
from genjax.errors import InputError
from genjax.nn._linen import FLAGS

KEY = jax.random.key(0)
X = 3 + jax.random.normal(jax.random.key(1), (64, 2))


def test_statistics_come_back_and_plain_networks_have_none():
    norm, plain = nn.BatchNorm(momentum=0.0), nn.MLP(features=2, hidden=(4,))
    network = nn.from_linen(norm)
    y, changed = network.train(network.init(KEY, X), KEY, X)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-5)
    moments = changed["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(moments["mean"], X.mean(axis=0), rtol=1e-5)
    network = nn.from_linen(plain)
    variables = network.init(KEY, X)
    y, changed = network.train(variables, KEY, X)
    assert changed == {}
    np.testing.assert_array_equal(y, plain.apply(variables, X))


def module_with(flag, *, in_field=False):
    """A module that is told by `flag` to drop half of its inputs in training."""

    def dropped(x, value):
        is_training = value == FLAGS[flag]
        return linen.Dropout(0.5, deterministic=not is_training)(x)

    if in_field:
        body = {
            "__annotations__": {flag: bool},
            flag: not FLAGS[flag],
            "__call__": linen.compact(lambda self, x: dropped(x, getattr(self, flag))),
        }
        return type("Told", (linen.Module,), body)()
    namespace = {"linen": linen, "dropped": dropped}
    code = f"def call(self, x, *, {flag}={not FLAGS[flag]}): return dropped(x, {flag})"
    exec(code, namespace)
    return type(
        "Told", (linen.Module,), {"__call__": linen.compact(namespace["call"])}
    )()


@pytest.mark.parametrize("in_field", [False, True])
@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_is_known_in_the_call_and_in_a_field(flag, in_field):
    network = nn.from_linen(module_with(flag, in_field=in_field))
    variables = network.init(KEY, X)
    np.testing.assert_array_equal(network.apply(variables, X), X)
    y, _ = network.train(variables, KEY, X)
    assert 0.3 < float((y == 0).mean()) < 0.7


def test_dropout_without_statistics_drops_in_training():
    class Network(linen.Module):
        @linen.compact
        def __call__(self, x, *, train: bool = False):
            return linen.Dropout(0.5, deterministic=not train)(x)

    network = nn.from_linen(Network())
    y, changed = network.train({}, KEY, X)
    assert changed == {}
    assert 0.3 < float((y == 0).mean()) < 0.7
    again, _ = network.train({}, KEY, X)
    np.testing.assert_array_equal(y, again)
    np.testing.assert_array_equal(network.apply({}, X), X)


class Unknown(linen.Module):
    def __call__(self, x, *, is_eval: bool = True):
        return x if is_eval else 0 * x


class Required(linen.Module):
    def __call__(self, x, *, phase):
        return x


class Anything(linen.Module):
    def __call__(self, x, **options):
        return x


class AlwaysNoisy(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dropout(0.5, deterministic=False)(x)


@pytest.mark.parametrize(
    ("module", "name"),
    [(Unknown(), "is_eval"), (Required(), "phase"), (Anything(), "options")],
)
def test_a_call_that_cannot_be_read_is_refused(module, name):
    with pytest.raises(InputError, match=f"argument '{name}' may say whether"):
        nn.from_linen(module)


def test_what_a_signature_does_not_say_can_be_said():
    network = nn.from_linen(
        Unknown(), train={"is_eval": False}, evaluate={"is_eval": True}
    )
    np.testing.assert_array_equal(network.apply({}, X), X)
    np.testing.assert_array_equal(network.train({}, KEY, X)[0], 0 * X)


def test_a_sequence_of_plain_layers_is_plain_and_one_with_modes_is_refused():
    plain = linen.Sequential([linen.Dense(3), jax.nn.relu, linen.Dense(2)])
    network = nn.from_linen(plain)
    assert network.apply(network.init(KEY, X), X).shape == (64, 2)
    with pytest.raises(InputError, match="does not tell its layers"):
        nn.from_linen(linen.Sequential([linen.Dense(3), linen.Dropout(0.5)]))


def test_evaluation_that_draws_is_refused():
    network = nn.from_linen(AlwaysNoisy())
    with pytest.raises(InputError, match="draws random numbers in evaluation"):
        network.apply({}, X)


def test_constants_are_not_changes():
    class WithConstant(linen.Module):
        @linen.compact
        def __call__(self, x):
            return x * self.variable("constants", "c", lambda: jnp.ones(())).value

    network = nn.from_linen(WithConstant())
    variables = network.init(KEY, X)
    assert sorted(variables) == ["constants"]
    assert network.train(variables, KEY, X)[1] == {}


def test_spectral_normalisation_of_flax_is_updated_in_training_alone():
    class Normed(linen.Module):
        @linen.compact
        def __call__(self, x, *, train: bool = False):
            return linen.SpectralNorm(linen.Dense(3))(x, update_stats=train)

    network = nn.from_linen(Normed())
    variables = network.init(KEY, X)
    _, changed = network.train(variables, KEY, X)
    assert sorted(changed) == ["batch_stats"]
    first = network.apply(variables, X)
    np.testing.assert_array_equal(first, network.apply(variables, X))


class Field(linen.Module):
    deterministic: bool = True

    @linen.compact
    def __call__(self, x):
        return linen.Dropout(0.5)(x, deterministic=self.deterministic)


def test_a_mode_that_is_a_field_is_refused_inside_others():
    x = jnp.ones((4, 8))
    alone = nn.from_linen(Field())
    assert float((alone.train({}, jax.random.key(0), x)[0] == 0).mean()) > 0.2
    with pytest.raises(InputError, match="its field 'deterministic' says"):
        nn.in_mode(Field(), train=True)
    with pytest.raises(InputError, match="does not tell its layers"):
        nn.from_linen(linen.Sequential([linen.Dense(8), Field()]))


class Untold(linen.Module):
    statistics: bool

    @linen.compact
    def __call__(self, x):
        if self.statistics:
            return linen.BatchNorm(use_running_average=False)(x)
        return linen.Dropout(0.5)(x)


@pytest.mark.parametrize("statistics", [True, False])
def test_a_layer_that_is_not_told_the_mode_is_a_sentence(statistics):
    x = jnp.ones((4, 8))
    network = nn.from_linen(Untold(statistics))
    with pytest.raises(InputError, match="Let its call take train: bool = False"):
        network.apply(network.init(jax.random.key(0), x), x)


class Sowing(linen.Module):
    @linen.compact
    def __call__(self, x):
        self.sow("losses", "size", jnp.sum(x))
        return linen.Dense(2)(x)


def test_a_collection_that_grows_is_refused():
    network, x = nn.from_linen(Sowing()), jnp.ones((4, 8))
    variables = network.init(jax.random.key(0), x)
    with pytest.raises(InputError, match="'losses' grows at every pass"):
        network.train(variables, jax.random.key(1), x)


def test_other_switches_do_not_matter_where_the_mode_has_its_name():
    attention = linen.MultiHeadDotProductAttention(num_heads=2)
    assert nn.in_mode(attention, train=True) == {"deterministic": False}


def drop(x, *, deterministic=None):
    return linen.Dropout(0.5, deterministic=deterministic)(x)


class ByItsStream(linen.Module):
    @linen.compact
    def __call__(self, x):
        return drop(x, deterministic=not self.has_rng("dropout"))


class ByAnEmptyField(linen.Module):
    train: bool | None = None

    @linen.compact
    def __call__(self, x):
        return drop(x, deterministic=not self.train)


class Held(linen.Module):
    layer: linen.Module

    @linen.compact
    def __call__(self, x):
        return self.layer(x)


class Inside(linen.Module):
    layer: linen.Module

    @linen.compact
    def __call__(self, x, *, train: bool = False):
        return self.layer(x)


class ByDefault(linen.Module):
    @linen.compact
    def __call__(self, x, *, train: bool = False):
        return drop(x, deterministic=not train)


@pytest.mark.parametrize(
    "module",
    [
        ByItsStream(),
        ByAnEmptyField(),
        ByDefault(),
        linen.WeightNorm(linen.Dense(2)),
        linen.remat(ByItsStream)(),
    ],
    ids=lambda module: type(module).__name__,
)
def test_what_drops_in_training_drops(module):
    network = nn.from_linen(module)
    variables = network.init(KEY, X)
    one, same, other = (
        network.train(variables, jax.random.key(i), X)[0] for i in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.array_equal(one, other) == isinstance(module, linen.WeightNorm)
    evaluated = [network.apply(variables, X) for _ in range(2)]
    np.testing.assert_array_equal(*evaluated)


@pytest.mark.parametrize(
    ("module", "argument"),
    [
        (Held(linen.Dropout(0.5, deterministic=True)), "deterministic"),
        (Held(linen.BatchNorm(use_running_average=True)), "use_running_average"),
        (Held(ByDefault()), "train"),
        (Inside(ByDefault()), "train"),
    ],
    ids=["a fixed layer", "fixed statistics", "a default", "told, but not passed on"],
)
def test_a_layer_that_would_train_as_it_evaluates_is_named(module, argument):
    layer = type(module.layer).__name__
    with pytest.raises(InputError, match=f"'{argument}' of the layer {layer} in it"):
        nn.from_linen(module).init(KEY, X)


FROZEN = linen.BatchNorm(use_running_average=True)


@pytest.mark.parametrize(
    "network",
    [
        nn.from_linen(Inside(FROZEN)),
        nn.from_linen(Held(FROZEN), train={}, evaluate={}),
    ],
    ids=["inside a module that is told", "by the arguments of both modes"],
)
def test_what_is_meant_to_be_frozen_stays_frozen(network):
    variables = network.init(KEY, X)
    y, changed = network.train(variables, KEY, X)
    np.testing.assert_array_equal(y, network.apply(variables, X))
    assert changed == {}


def test_an_argument_that_the_call_does_not_take_is_named():
    network = nn.from_linen(ByDefault(), train={"trian": True}, evaluate={})
    with pytest.raises(InputError, match="unexpected keyword argument 'trian'"):
        network.init(KEY, X)


class Halved(linen.Module):
    """Drops half of its inputs, told by position or by name."""

    @linen.compact
    def __call__(self, x, train):
        return linen.Dropout(0.5, deterministic=not train)(x)


@pytest.mark.parametrize("transform", [linen.remat, linen.jit])
def test_a_flag_goes_through_a_transform_by_position(transform):
    class Around(linen.Module):
        @linen.compact
        def __call__(self, x, train):
            return transform(Halved, static_argnums=(2,))()(x, train)

    network = nn.from_linen(Around())
    variables = network.init(KEY, X)
    np.testing.assert_array_equal(network.apply(variables, X), X)
    assert (network.train(variables, KEY, X)[0] == 0).any()


@pytest.mark.parametrize("settings", [{}, {"static_argnums": (2,)}])
@pytest.mark.parametrize("transform", [linen.remat, linen.jit])
def test_a_flag_that_a_transform_traces_is_explained(transform, settings):
    network = nn.from_linen(transform(Halved, **settings)())
    with pytest.raises(InputError, match=r"Halved.*is handed over by position"):
        network.init(KEY, X)
