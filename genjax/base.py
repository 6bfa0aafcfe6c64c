"""The contracts: read this file and you know the library.

Every method is a small bundle of pure functions, and everything else is composition:

    network -> density / game / encoder / detector -> objective -> update -> fit
    (Flax)     (what it means)                        (what to     (how to   (the
                                                       minimise)    step)     loop)

A bundle is a `NamedTuple` of functions. Building one computes nothing; its functions
take their parameters explicitly, so `jit`, `vmap`, `pmap`, `grad` and sharding apply to
each of them. The passages from one contract to the next:

    Density   -> Objective : genjax.densities.negative_log_likelihood(density)
    Bijector  -> Density   : genjax.flows.density(bijector, base)
    Objective -> Objective : genjax.training.accumulate, with_preprocessing
    Objective -> Update    : genjax.training.gradient_descent(objective, optimizer)
    Update    -> Update    : genjax.training.scan_steps, ensemble, data_parallel, ...

Two rules hold everywhere. Models are batch-first with exactly one batch axis `b`, and
log-densities and log-determinants are `[b]`, in nats, summed over all other axes. And
`init` always receives a real batch, so that data-dependent initialisation is part of it
and `jax.eval_shape` of it gives all shapes without work.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from genjax.errors import InputError
from genjax.typing import Array, Key, Params, Variables


@runtime_checkable
class Network(Protocol):
    """Anything with a pure `init` and `apply`.

    A `flax.linen.Module` is one. So is a pair of plain functions (`Functions`), and a
    functional NNX model whose split state is put under `"params"`:

        def init(key, x):
            return {"params": nnx.state(Model(rngs=nnx.Rngs(key)))}

        def apply(variables, x):
            return nnx.merge(graph, variables["params"])(x)
    """

    def init(self, key: Key, /, *inputs: Any) -> Any:
        """Returns the variables for inputs of this shape."""
        ...

    def apply(self, variables: Any, /, *inputs: Any) -> Any:
        """Returns the outputs for the inputs."""
        ...


class Functions(NamedTuple):
    """The smallest `Network`: a pair of plain functions.

    >>> import jax, jax.numpy as jnp
    >>> scale = Functions(
    ...     init=lambda key, x: {"params": jnp.ones(x.shape[-1])},
    ...     apply=lambda variables, x: variables["params"][None] * x,
    ... )
    >>> x = jnp.arange(3.0)[None]
    >>> scale.apply(scale.init(jax.random.key(0), x), x).tolist()
    [[0.0, 1.0, 2.0]]
    """

    init: Callable[..., Variables]
    apply: Callable[..., Any]


class Bijector(NamedTuple):
    """An invertible map with its log-determinant in both directions.

    Fields:
        init: `(key, x [b, *event], condition=None) -> params`.
        forward: `(params, x, condition=None) -> (y, log|det dy/dx| [b])`.
        inverse: `(params, y, condition=None) -> (x, log|det dx/dy| [b])`.

    Laws: `inverse(forward(x)) = x`; the two log-determinants cancel; `forward`'s equals
    `slogdet` of the Jacobian. `forward` is the normalising direction, from data to
    noise, so that data-dependent initialisation and training take the same path.
    """

    init: Callable[..., Params]
    forward: Callable[..., tuple[Array, Array]]
    inverse: Callable[..., tuple[Array, Array]]


def no_completion(
    params: Params, key: Key, x: Array, observed: Any, condition: Any = None
) -> Any:
    """The `complete` of a density that cannot condition on parts of an event."""
    del params, key, x, observed, condition
    raise NotImplementedError(
        "complete: this density has no exact completion of partly observed events; "
        "autoregressive models have one."
    )


class Density(NamedTuple):
    """A normalised distribution: flows, NADE, MADE, PixelCNN are all of this form.

    Fields:
        init: `(key, x [b, *event], condition=None) -> params`.
        log_prob: `(params, x, condition=None) -> [b]`, in nats.
        sample: `(params, key, n, condition=None) -> (x [n, *event], log_prob [n])`;
            a condition has one row a sample.
        complete: `(params, key, x [b, *event], observed [*event], condition=None) ->
            (x [b, *event], log_prob [b])`; the observed entries stay, the others are
            drawn from their exact conditional, whose log-probability comes with them.

    Laws: it sums or integrates to one; the log-probability that comes with a sample
    is `log_prob` of that sample.
    """

    init: Callable[..., Params]
    log_prob: Callable[..., Array]
    sample: Callable[..., tuple[Array, Array]]
    complete: Callable[..., tuple[Array, Array]] = no_completion


class Objective(NamedTuple):
    """What one player minimises.

    Fields:
        init: `(key, batch) -> variables`.
        loss: `(variables, batch, key) -> (scalar, (new_collections, metrics))`, where
            `new_collections` holds the collections that the pass has changed (batch
            statistics, say), `{}` when there are none. The scalar is a mean over the
            *global* batch: write it so, and shard the data.

    Only `variables["params"]` is differentiated.
    """

    init: Callable[..., Variables]
    loss: Callable[..., tuple[Array, tuple[Variables, dict[str, Array]]]]


class Game(NamedTuple):
    """What two players minimise, each seeing the other.

    Fields:
        init: `(key, batch) -> (generator_variables, discriminator_variables)`.
        generator: `(generator_variables, discriminator_variables, batch, key) ->
            (scalar, (new_collections, metrics))`, differentiated in its first argument.
        discriminator: `(discriminator_variables, generator_variables, batch, key) ->
            (scalar, (new_collections, metrics))`, likewise.
    """

    init: Callable[..., tuple[Variables, Variables]]
    generator: Callable[..., tuple[Array, tuple[Variables, dict[str, Array]]]]
    discriminator: Callable[..., tuple[Array, tuple[Variables, dict[str, Array]]]]


class Head(NamedTuple):
    """A detection head: static shapes and masks, never ragged.

    Fields:
        init: `(key, features) -> variables`.
        apply: `(variables, features) -> raw` predictions.
        assign: `(boxes, image_size) -> targets`.
        loss: `(raw, targets) -> (sums, counts)`, additive over batches and devices.
        decode: `(raw) -> boxes` with scores and a validity mask.
    """

    init: Callable[..., Variables]
    apply: Callable[..., Any]
    assign: Callable[..., Any]
    loss: Callable[..., tuple[dict[str, Array], dict[str, Array]]]
    decode: Callable[..., Any]


class TrainState(NamedTuple):
    """Everything that a run needs, as one pytree: checkpoint it whole.

    The key of step `t` is `fold_in(key, t)`, so a resumed run repeats bit for bit.
    """

    step: Array
    key: Key
    variables: Variables
    opt_state: Any


class Update(NamedTuple):
    """A training step, for one player or for two.

    Fields:
        init: `(key, batch) -> TrainState`.
        step: `(state, batch) -> (state, metrics)`, with the loss among the metrics
            under `"loss"`.
    """

    init: Callable[..., TrainState]
    step: Callable[..., tuple[TrainState, dict[str, Array]]]


def params_of(variables: Variables, *, user: str) -> Params:
    """Returns the parameters of a network that must keep no other state.

    Args:
        variables: what the network's `init` has returned.
        user: who asks, for the error's sentence.

    Raises:
        InputError: the network has other collections than `"params"`.
    """
    others = sorted(set(variables) - {"params"})
    if others:
        raise InputError(
            f"{user}: the network must keep its state in 'params' alone, "
            f"got the collections {others} as well."
        )
    return variables.get("params", {})
