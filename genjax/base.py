"""The contracts: read this file and you know the library.

Every method is a small bundle of pure functions, and everything else is composition:

    network -> density / game / encoder / detector -> objective -> update -> fit
    (Flax)     (what it means)                        (what to     (how to   (the
                                                       minimise)    step)     loop)

A bundle is a `NamedTuple` of functions. Building one computes nothing; its functions
take what they need explicitly, so `jit`, `vmap`, `pmap`, `grad` and sharding apply to
each of them. The passages from one contract to the next:

    anything  -> Network   : genjax.nn.as_network(model), from_linen, from_nnx
    Density   -> Objective : genjax.densities.negative_log_likelihood(density)
    Bijector  -> Density   : genjax.flows.density(bijector, base)
    Objective -> Objective : genjax.training.accumulate, stochastic, scheduled, ...
    Objective -> Update    : genjax.training.gradient_descent(objective, optimizer)
    Update    -> Update    : genjax.training.scan_steps, ensemble, data_parallel, ...

Three rules hold everywhere.

Whatever a model holds is its `variables`: collections by name. Every `init` returns
them and every function takes them. Only `variables["params"]` is differentiated; what
the other collections mean, on one device and on many, is said in `COLLECTIONS`.

Models are batch-first with exactly one batch axis `b`, and log-densities and
log-determinants are `[b]`, in nats, summed over all other axes.

`init` always receives a real batch, so that data-dependent initialisation is part of it
and `jax.eval_shape` of it gives all shapes without work.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from genjax.typing import (
    Array,
    Batch,
    Boxes,
    Condition,
    Event,
    Features,
    Input,
    Key,
    Mask,
    Metrics,
    OptState,
    Outcome,
    Output,
    PerExample,
    Raw,
    Targets,
    Variables,
)

COLLECTIONS: Mapping[str, Literal["mean", "same"]] = {
    # What gradients move. Gradients are means over the devices of `pmap`.
    "params": "same",
    # What never changes once it is initialised: permutations, signs, fixed bases.
    "constants": "same",
    # Moments of batches. Under `pmap` each device has those of its own rows.
    "batch_stats": "mean",
    # The singular vectors of spectral normalisation, a function of the weights.
    "power_iteration": "same",
    # Moving averages of another network's parameters.
    "teacher": "same",
    # Vectors of a quantiser and the statistics that move them.
    "codebook": "mean",
    # What the penalties and the augmentation of a game remember: floats.
    "memory": "mean",
    # How many steps an objective has seen.
    "counter": "same",
}
"""What becomes of a changed collection under `pmap`.

`"mean"`: it depends on the rows of each device, and is averaged over the devices.
`"same"`: it is computed alike on all of them, and `pmap` refuses one that is not. A
collection with another name, such as a queue of past examples, may change on one device
and under `data_parallel`, where every collection is that of the global batch; `pmap`
refuses it.
"""


@runtime_checkable
class NetworkLike(Protocol):
    """What `nn.as_network` takes: a Flax Linen module, a `Network`, or their like."""

    @property
    def init(self) -> Callable[..., object]:
        """`(key, *inputs) -> variables`."""
        ...

    @property
    def apply(self) -> Callable[..., object]:
        """`(variables, *inputs) -> outputs`."""
        ...


@runtime_checkable
class NetworkInit(Protocol):
    """Makes the variables of a network for inputs of these shapes."""

    def __call__(self, key: Key, /, *inputs: Input) -> Variables:
        """Returns the variables."""
        ...


@runtime_checkable
class NetworkApply(Protocol):
    """Evaluates a network: a deterministic function."""

    def __call__(self, variables: Variables, /, *inputs: Input) -> Output:
        """Returns the outputs."""
        ...


@runtime_checkable
class NetworkTrain(Protocol):
    """The pass of a training step: outputs, and the collections that it has changed."""

    def __call__(
        self, variables: Variables, key: Key, /, *inputs: Input
    ) -> tuple[Output, Variables]:
        """Returns the outputs and the changed collections."""
        ...


class Network(NamedTuple):
    """A network as pure functions; a pair of plain functions is one.

    Fields:
        init: `(key, *inputs) -> variables`.
        apply: `(variables, *inputs) -> outputs`: evaluation, deterministic.
        training: `(variables, key, *inputs) -> (outputs, changed collections)`: the
            pass of a training step. None where it is that of evaluation; call `train`,
            which knows both.

    >>> from genjax.base import Network
    >>> import jax, jax.numpy as jnp
    >>> scale = Network(
    ...     init=lambda key, x: {"params": jnp.ones(x.shape[-1])},
    ...     apply=lambda variables, x: variables["params"][None] * x,
    ... )
    >>> x = jnp.arange(3.0)[None]
    >>> scale.apply(scale.init(jax.random.key(0), x), x).tolist()
    [[0.0, 1.0, 2.0]]
    """

    init: NetworkInit
    apply: NetworkApply
    training: NetworkTrain | None = None

    def train(
        self, variables: Variables, key: Key, /, *inputs: Input
    ) -> tuple[Output, Variables]:
        """Returns the outputs of a training step and the collections it has changed.

        Args:
            variables: of the network.
            key: of what is random in the pass; consumed.
            inputs: one row per example.
        """
        if self.training is None:
            return self.apply(variables, *inputs), {}
        return self.training(variables, key, *inputs)


@runtime_checkable
class Init(Protocol):
    """Makes the variables of a density or a bijector from a first batch."""

    def __call__(self, key: Key, x: Event, /, condition: Condition = None) -> Variables:
        """Returns the variables."""
        ...


@runtime_checkable
class Direction(Protocol):
    """One direction of a bijector, with its log-determinant `[b]`."""

    def __call__(
        self, variables: Variables, x: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        """Returns the other side `[b, *event]` and the log-determinant `[b]`."""
        ...


class Bijector(NamedTuple):
    """An invertible map with its log-determinant in both directions.

    Fields:
        init: `(key, x [b, *event], condition=None) -> variables`.
        forward: `(variables, x, condition=None) -> (y, log|det dy/dx| [b])`.
        inverse: `(variables, y, condition=None) -> (x, log|det dx/dy| [b])`.

    Laws: `inverse(forward(x)) = x`; the two log-determinants cancel; `forward`'s equals
    `slogdet` of the Jacobian. `forward` is the normalising direction, from data to
    noise, so that data-dependent initialisation and training take the same path.
    """

    init: Init
    forward: Direction
    inverse: Direction


@runtime_checkable
class LogProb(Protocol):
    """The log-density of examples, in nats."""

    def __call__(
        self, variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        """Returns the log-densities `[b]`."""
        ...


@runtime_checkable
class Sample(Protocol):
    """Draws examples with their log-density, in one pass."""

    def __call__(
        self, variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        """Returns the examples `[n, *event]` and their log-densities `[n]`."""
        ...


@runtime_checkable
class Complete(Protocol):
    """Draws what is not observed from its exact conditional."""

    def __call__(
        self,
        variables: Variables,
        key: Key,
        x: Event,
        observed: Mask,
        /,
        condition: Condition = None,
    ) -> tuple[Event, PerExample]:
        """Returns the completed examples and the log-probabilities `[b]`."""
        ...


class Moments(NamedTuple):
    """Those of a normal with diagonal covariance, `[b, *event]` or `[1, *event]`."""

    mean: Array
    log_scale: Array


@runtime_checkable
class MomentsOf(Protocol):
    """The moments of a density that is a diagonal normal."""

    def __call__(self, variables: Variables, /, condition: Condition = None) -> Moments:
        """Returns the moments."""
        ...


class Density(NamedTuple):
    """A normalised distribution: flows, NADE, MADE, PixelCNN are all of this form.

    Fields:
        init: `(key, x [b, *event], condition=None) -> variables`.
        log_prob: `(variables, x, condition=None) -> [b]`, in nats.
        sample: `(variables, key, n, condition=None) -> (x [n, *event], log_prob [n])`;
            a condition has one row per sample.
        complete: `(variables, key, x [b, *event], observed [*event], condition=None) ->
            (x [b, *event], log_prob [b])`; the observed entries stay, the others are
            drawn from their exact conditional, whose log-probability comes with them.
            None where a density cannot do that.
        moments: `(variables, condition=None) -> Moments`, of a density that is a normal
            with diagonal covariance; None of every other. Closed forms are found by it.

    Laws: it sums or integrates to one; the log-probability that comes with a sample
    is `log_prob` of that sample.
    """

    init: Init
    log_prob: LogProb
    sample: Sample
    complete: Complete | None = None
    moments: MomentsOf | None = None


@runtime_checkable
class BatchInit(Protocol):
    """Makes the variables of an objective from a first batch."""

    def __call__(self, key: Key, batch: Batch, /) -> Variables:
        """Returns the variables."""
        ...


@runtime_checkable
class Loss(Protocol):
    """`(variables, batch, key) -> (scalar, (changed collections, metrics))`."""

    def __call__(self, variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        """Returns the loss."""
        ...


class Objective(NamedTuple):
    """What one player minimises.

    Fields:
        init: `(key, batch) -> variables`.
        loss: `(variables, batch, key) -> (scalar, (changed, metrics))`, where `changed`
            holds the collections that the pass has changed (batch statistics, say),
            `{}` where there are none. The scalar is a mean over the *global* batch:
            write it so, and shard the data.

    Only `variables["params"]` is differentiated.
    """

    init: BatchInit
    loss: Loss


@runtime_checkable
class PlayersInit(Protocol):
    """Makes the variables of both players of a game."""

    def __call__(self, key: Key, batch: Batch, /) -> tuple[Variables, Variables]:
        """Returns the generator's variables and the discriminator's."""
        ...


@runtime_checkable
class PlayerLoss(Protocol):
    """`(own, other's, batch, key) -> (scalar, (changed collections, metrics))`."""

    def __call__(
        self, own: Variables, other: Variables, batch: Batch, key: Key, /
    ) -> Outcome:
        """Returns the loss."""
        ...


class Game(NamedTuple):
    """What two players minimise, each seeing the other.

    Fields:
        init: `(key, batch) -> (generator_variables, discriminator_variables)`.
        generator: `(generator_variables, discriminator_variables, batch, key) ->
            (scalar, (changed, metrics))`, differentiated in its first argument.
        discriminator: `(discriminator_variables, generator_variables, batch, key) ->
            (scalar, (changed, metrics))`, likewise.
    """

    init: PlayersInit
    generator: PlayerLoss
    discriminator: PlayerLoss


@runtime_checkable
class Assign(Protocol):
    """Makes the targets of ground truth, for images of a size `(height, width)`."""

    def __call__(self, boxes: Boxes, image_size: tuple[int, int], /) -> Targets:
        """Returns the targets."""
        ...


@runtime_checkable
class HeadLoss(Protocol):
    """The sums and the counts of a head's losses."""

    def __call__(
        self, raw: Raw, targets: Targets, /
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Returns sums and counts by name."""
        ...


class Head(NamedTuple):
    """A detection head: static shapes and masks, never ragged.

    Fields:
        init: `(key, features) -> variables`.
        apply: `(variables, features) -> raw` predictions: evaluation.
        train: `(variables, key, features) -> (raw, changed collections)`.
        assign: `(boxes, image_size) -> targets`, which see ground truth alone, and
            carry it.
        loss: `(raw, targets) -> (sums, counts)`, additive over batches and devices.
            Whatever depends on predictions (a responsible predictor, an ignore mask, an
            optimal assignment) is found here, without a gradient.
        decode: `(raw) -> boxes` with scores and a validity mask.
    """

    init: Callable[[Key, Features], Variables]
    apply: Callable[[Variables, Features], Raw]
    train: Callable[[Variables, Key, Features], tuple[Raw, Variables]]
    assign: Assign
    loss: HeadLoss
    decode: Callable[[Raw], Boxes]


class TrainState(NamedTuple):
    """Everything that a run needs, as one pytree: checkpoint it whole.

    The key of step `t` is `fold_in(key, t)`, so a resumed run repeats bit for bit.

    Fields:
        step: how many steps have been made.
        key: of the run.
        variables: of the model.
        opt_state: of the optimiser.
        average: a moving average of the variables, where one is kept (`with_ema`).
    """

    step: Array
    key: Key
    variables: Variables
    opt_state: OptState
    average: Variables | None = None

    @property
    def evaluated(self) -> Variables:
        """The variables to evaluate: the average where one is kept."""
        return self.variables if self.average is None else self.average


@runtime_checkable
class UpdateInit(Protocol):
    """Makes the first state of a run from its first batch."""

    def __call__(self, key: Key, batch: Batch, /) -> TrainState:
        """Returns the state."""
        ...


@runtime_checkable
class Step(Protocol):
    """One training step."""

    def __call__(
        self, state: TrainState, batch: Batch, /
    ) -> tuple[TrainState, Metrics]:
        """Returns the next state and the metrics."""
        ...


class Update(NamedTuple):
    """A training step, for one player or for two.

    Fields:
        init: `(key, batch) -> TrainState`.
        step: `(state, batch) -> (state, metrics)`, with the loss among the metrics
            under `"loss"`.
    """

    init: UpdateInit
    step: Step
