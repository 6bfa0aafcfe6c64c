"""Updates made of updates: many steps, many seeds, many settings, or none."""

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp

from genjax.arrays import lead
from genjax.base import TrainState, Update
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.typing import Array, Batch, Key, Metrics, Tree


def scan_steps(update: Update) -> Update:
    """Runs as many steps as there are batches, in one compiled `lax.scan`.

    Args:
        update: any update.

    Returns:
        An update over stacked batches `[n, b, ...]`, whose metrics have a leading axis
        `[n]`. Its `init` takes the first of them.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.densities import diagonal_normal, negative_log_likelihood
    >>> from genjax.training import gradient_descent, scan_steps
    >>> objective = negative_log_likelihood(diagonal_normal((1,)))
    >>> update = scan_steps(gradient_descent(objective, optax.sgd(0.1)))
    >>> batches = {"x": jnp.arange(6.0).reshape(3, 2, 1)}
    >>> state = update.init(jax.random.key(0), batches)
    >>> state, metrics = update.step(state, batches)
    >>> int(state.step), metrics["loss"].shape
    (3, (3,))
    """
    check_is("scan_steps", Update, update=update)

    def init(key: Key, batches: Batch, /) -> TrainState:
        return update.init(key, jax.tree.map(lambda leaf: leaf[0], batches))

    def step(state: TrainState, batches: Batch, /) -> tuple[TrainState, Metrics]:
        return jax.lax.scan(update.step, state, batches)

    return Update(init, step)


def ensemble(update: Update, n: int) -> Update:
    """Trains `n` seeds side by side on the same batches, as one vmapped program.

    Run `i` is the single run of `jax.random.split(key, n)[i]`.

    Args:
        update: any update.
        n: how many seeds.

    Returns:
        An update whose state and metrics have a leading axis `[n]`.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.densities import bernoulli_mixture, negative_log_likelihood
    >>> from genjax.training import ensemble, gradient_descent
    >>> objective = negative_log_likelihood(bernoulli_mixture(components=2))
    >>> update = ensemble(gradient_descent(objective, optax.sgd(0.1)), 3)
    >>> batch = {"x": jnp.eye(4)}
    >>> _, metrics = update.step(update.init(jax.random.key(0), batch), batch)
    >>> metrics["loss"].shape
    (3,)
    """
    check_is("ensemble", Update, update=update)

    def init(key: Key, batch: Batch, /) -> TrainState:
        return jax.vmap(update.init, (0, None))(jax.random.split(key, n), batch)

    def step(state: TrainState, batch: Batch, /) -> tuple[TrainState, Metrics]:
        return jax.vmap(update.step, (0, None))(state, batch)

    return Update(init, step)


def sweep(make_update: Callable[[Tree], Update], hyperparameters: Tree) -> Update:
    """Trains one run for every setting of a pytree of hyper-parameters.

    All runs share the key and the batches, so that settings are compared in pairs.

    Args:
        make_update: from one setting, a pytree of scalars that may be traced, to its
            update.
        hyperparameters: the settings, stacked: every leaf has a leading axis `[n]`.

    Returns:
        An update whose state and metrics have a leading axis `[n]`.

    Raises:
        InputError: the settings are not stacked.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.densities import diagonal_normal, negative_log_likelihood
    >>> from genjax.training import gradient_descent, sweep
    >>> objective = negative_log_likelihood(diagonal_normal((1,)))
    >>> update = sweep(
    ...     lambda rate: gradient_descent(objective, optax.sgd(rate)),
    ...     jnp.array([0.0, 0.1]),
    ... )
    >>> state = update.init(jax.random.key(0), {"x": jnp.array([[0.0], [2.0]])})
    >>> state, _ = update.step(state, {"x": jnp.array([[1.0], [3.0]])})
    >>> state.variables["params"]["mean"][:, 0].round(3).tolist()
    [1.0, 1.100000023841858]
    """
    lengths = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(hyperparameters)}
    if len(lengths) != 1 or () in lengths:
        raise InputError(
            "sweep: hyperparameters are settings, stacked: arrays with one leading "
            f"axis, such as jnp.array([1e-3, 1e-2]), got {hyperparameters!r:.80}."
        )

    def init(key: Key, batch: Batch, /) -> TrainState:
        return jax.vmap(lambda setting: make_update(setting).init(key, batch))(
            hyperparameters
        )

    def step(state: TrainState, batch: Batch, /) -> tuple[TrainState, Metrics]:
        def one(setting: Tree, state: TrainState) -> tuple[TrainState, Metrics]:
            return make_update(setting).step(state, batch)

        return jax.vmap(one)(hyperparameters, state)

    return Update(init, step)


def skip_nonfinite(update: Update) -> Update:
    """Leaves the variables as they were where a step would make them non-finite.

    The step is counted all the same, so that the next one draws another key. The runs
    of an ensemble are skipped each on its own.

    Batches are pytrees `[b, ...]`.

    Args:
        update: any update.

    Returns:
        An update with the further metric `skipped`, 1 for a step that was left out.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> import optax
    >>> from genjax.densities import diagonal_normal, negative_log_likelihood
    >>> from genjax.training import gradient_descent, skip_nonfinite
    >>> objective = negative_log_likelihood(diagonal_normal((1,)))
    >>> update = skip_nonfinite(gradient_descent(objective, optax.sgd(0.1)))
    >>> state = update.init(jax.random.key(0), {"x": jnp.ones((2, 1))})
    >>> state, metrics = update.step(state, {"x": jnp.full((2, 1), jnp.nan)})
    >>> float(metrics["skipped"]), state.variables["params"]["mean"].tolist()
    (1.0, [1.0])
    """
    check_is("skip_nonfinite", Update, update=update)

    def step(state: TrainState, batch: Batch, /) -> tuple[TrainState, Metrics]:
        new, metrics = update.step(state, batch)
        losses = [metrics[name] for name in loss_names(metrics)]
        finite = all_finite(
            (new.variables, new.opt_state, losses), runs=state.step.shape
        )

        def keep(fresh: Tree, old: Tree) -> Tree:
            return jax.tree.map(
                lambda a, b: jnp.where(lead(finite, a), a, b), fresh, old
            )

        new = new._replace(
            variables=keep(new.variables, state.variables),
            opt_state=keep(new.opt_state, state.opt_state),
            average=keep(new.average, state.average),
        )
        return new, {**metrics, "skipped": 1 - finite.astype(jnp.float32)}

    return Update(update.init, step)


def loss_names(metrics: Iterable[str]) -> list[str]:
    """Returns the names of the losses among metrics: `loss` and all in `_loss`.

    >>> from genjax.training import loss_names
    >>> loss_names(["loss", "generator_loss", "penalty"])
    ['loss', 'generator_loss']
    """
    return [name for name in metrics if name == "loss" or name.endswith("_loss")]


def all_finite(tree: Tree, *, runs: tuple[int, ...] = ()) -> Array:
    """Tells whether every float of a pytree is finite, for each run of leading axes.

    Args:
        tree: leaves `[*runs, *shape]`.
        runs: the leading axes of an ensemble; none for a single run.

    >>> import jax.numpy as jnp
    >>> from genjax.training._transforms import all_finite
    >>> all_finite({"w": jnp.array([[1.0, 2.0], [jnp.nan, 1.0]])}, runs=(2,)).tolist()
    [True, False]
    """
    finite = jnp.ones(runs, bool)
    for leaf in jax.tree.leaves(tree):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            axes = tuple(range(len(runs), leaf.ndim))
            finite &= jnp.all(jnp.isfinite(leaf), axis=axes)
    return finite
