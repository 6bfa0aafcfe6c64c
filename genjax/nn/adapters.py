"""The door through which families take networks, and the views that they take of them.

as_network(model)       whatever a user hands over, as a `Network`
as_pure_network(model)  one for densities and bijectors: nothing changes in training
noisy(network, key)     the network in training, under one key
"""

from collections.abc import Callable, Mapping

import jax
from flax import linen, nnx

from genjax.arrays import widened
from genjax.base import COLLECTIONS, Network, NetworkLike
from genjax.checks import depends_on
from genjax.errors import InputError
from genjax.nn._linen import from_linen
from genjax.nn._mode import call_flags
from genjax.nn._nnx import constructor_wanted
from genjax.typing import Input, Key, Output, Variables


def as_network(model: NetworkLike, *, user: str) -> Network:
    """Takes what a user hands over as a network.

    Outputs are in float32 or wider. Inputs that are None are left out, so that a
    condition goes in where there is one.

    Every input and output is `[b, ...]`, or a pytree of such arrays.

    Args:
        model: a Flax Linen module, a `Network`, what `from_nnx` returns, or anything
            with a pure `init(key, *inputs)` and `apply(variables, *inputs)`.
        user: who asks, for the sentences of errors.

    Raises:
        InputError: it is something else, how it trains cannot be told, or inputs have
            not one row per example.

    >>> import jax
    >>> from genjax.nn import as_network
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> network = as_network(nn.MLP(features=2, hidden=(8,)), user="doctest")
    >>> variables = network.init(jax.random.key(0), jnp.ones((3, 4)), None)
    >>> network.apply(variables, jnp.ones((5, 4))).shape
    (5, 2)
    """
    network = _adapted(model, user)

    def init(key: Key, /, *inputs: Input) -> Variables:
        given = _given(user, inputs)
        variables = _named(user, lambda: network.init(key, *given))
        if not isinstance(variables, Mapping):
            raise InputError(
                f"{user}: the init of a network returns collections by their names, "
                f'such as {{"params": ...}}, got {type(variables).__name__}.'
            )
        if variables and variables.keys().isdisjoint(COLLECTIONS):
            raise InputError(
                f"{user}: the init of a network returns collections by their names; "
                f'{sorted(variables)} are none of them. What is trained is "params".'
            )
        return dict(variables)

    def apply(variables: Variables, /, *inputs: Input) -> Output:
        given = _given(user, inputs)
        return widened(_named(user, lambda: network.apply(variables, *given)))

    def training(
        variables: Variables, key: Key, /, *inputs: Input
    ) -> tuple[Output, Variables]:
        given = _given(user, inputs)
        pair = _named(user, lambda: network.train(variables, key, *given))
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise InputError(
                f"{user}: the train of a network returns (outputs, changed "
                "collections), the latter {} where nothing changes; got "
                f"{type(pair).__name__}."
            )
        outputs, changed = pair
        unknown = sorted(
            changed.keys() - variables.keys() | (changed.keys() & {"params"})
        )
        if unknown:
            raise InputError(
                f"{user}: the train of a network changes {unknown}, but only what its "
                'init returns beside "params" can change.'
            )
        return widened(outputs), changed

    return Network(init, apply, training)


def as_pure_network(model: NetworkLike, *, user: str) -> Network:
    """Takes a network into a density or a bijector, which have no training mode.

    Every input and output is `[b, ...]`, or a pytree of such arrays.

    Args:
        model: as `as_network` takes it. In training it must not change collections,
            nor draw random numbers; with those of one key it is `noisy`.
        user: who asks, for the sentences of errors.

    Raises:
        InputError: at `init`, the network changes collections in training, as batch
            normalisation does, or draws random numbers, as dropout does; the sentence
            names the ways out.

    >>> import jax
    >>> from genjax.nn import as_pure_network
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> as_pure_network(nn.BatchNorm(), user="doctest").init(
    ...     jax.random.key(0), jnp.ones((2, 1)))
    Traceback (most recent call last):
        ...
    genjax.errors.InputError: doctest: a density or a bijector is a pure function, but \
this network changes ['batch_stats'] in training. Normalise by examples (LayerNorm, \
GroupNorm), or let the objective apply the network and condition the density on its \
outputs: genjax.densities.conditional_likelihood(density, network), the encoder and \
decoder of a vae.LatentModel.
    """
    network = as_network(model, user=user)

    def init(key: Key, /, *inputs: Input) -> Variables:
        variables = network.init(key, *inputs)

        def train(key: Key) -> tuple[Output, Variables]:
            return network.train(variables, key, *inputs)

        _, changed = jax.eval_shape(train, key)
        _refuse_changes(user, changed)
        if depends_on(train, key):
            raise InputError(
                f"{user}: a density or a bijector is a pure function, but this network "
                "draws random numbers in training, which would be left out here. Train "
                "with training.stochastic(lambda key: ...), where the density is that "
                "of nn.noisy(network, key)."
            )
        return variables

    return network._replace(init=init)


def noisy(model: NetworkLike, key: Key) -> Network:
    """The network as it is in training under one key: dropout as a pure function.

    A density or a bijector of it is a density under that key;
    `training.stochastic(lambda key: ...)` draws a key per step. Wherever one program
    applies the network, as in each layer of a `repeat`, it draws the same.

    Every input and output is `[b, ...]`, or a pytree of such arrays.

    Args:
        model: as `as_network` takes it.
        key: of what is random in its training pass.

    Raises:
        InputError: the network changes collections in training.

    >>> import jax
    >>> from genjax.nn import noisy
    >>> import jax.numpy as jnp
    >>> from flax import linen
    >>> dropped = noisy(linen.Dropout(0.5), jax.random.key(0))
    >>> sorted(set(dropped.apply({}, jnp.ones((1, 16)))[0].tolist()))
    [0.0, 2.0]
    """
    network = as_network(model, user="noisy")

    def apply(variables: Variables, /, *inputs: Input) -> Output:
        outputs, changed = network.train(variables, key, *inputs)
        _refuse_changes("noisy", changed)
        return outputs

    return Network(network.init, apply)


def _adapted(model: object, user: str) -> Network:
    if isinstance(model, Network):
        return model
    if isinstance(model, linen.Module):
        return _named(user, lambda: from_linen(model))
    if isinstance(model, type):
        raise InputError(
            f"{user}: hand over a network, {model.__name__}(...), not its class."
        )
    if isinstance(model, nnx.Module):
        raise InputError(f"{user}: {constructor_wanted(model)}")
    init, apply = (getattr(model, name, None) for name in ("init", "apply"))
    if not (callable(init) and callable(apply)):
        raise InputError(
            f"{user}: a network is a Flax Linen module, nn.from_nnx(lambda rngs: ...), "
            "or Network(init, apply) of init(key, *inputs) -> variables and "
            f"apply(variables, *inputs) -> outputs; got {type(model).__name__}."
        )
    name = f"the apply of {type(model).__name__}"
    remedy = "Write Network(init, apply, train), with a function for each mode."
    flags = _named(user, lambda: call_flags(apply, name=name, remedy=remedy))
    if flags:
        raise InputError(f"{user}: {name} takes {flags[0]!r}. {remedy}")
    return Network(init, apply)


def _named(user: str, call: Callable[[], Output]) -> Output:
    """Puts the name of who asks before the sentence of an error."""
    try:
        return call()
    except InputError as error:
        if str(error).startswith(f"{user}: "):
            raise
        raise InputError(f"{user}: {error}") from error


def _given(user: str, inputs: tuple[Input, ...]) -> list[Input]:
    given = [x for x in inputs if x is not None]
    rows = [len(leaf) for leaf in jax.tree.leaves(given) if getattr(leaf, "ndim", 0)]
    if len(set(rows)) > 1:
        shapes = [leaf.shape for leaf in jax.tree.leaves(given)]
        raise InputError(
            f"{user}: x and its condition must have one row per example, got the "
            f"shapes {shapes}."
        )
    return given


def _refuse_changes(user: str, changed: Variables) -> None:
    if changed:
        raise InputError(
            f"{user}: a density or a bijector is a pure function, but this network "
            f"changes {sorted(changed)} in training. Normalise by examples (LayerNorm, "
            "GroupNorm), or let the objective apply the network and condition the "
            "density on its outputs: genjax.densities.conditional_likelihood(density, "
            "network), the encoder and decoder of a vae.LatentModel."
        )
