"""The loop: it knows `Update` and `Pipeline`, and loses nothing."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from signal import Signals
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import TrainState, Update
from genjax.checks import check_is, check_same_leaves
from genjax.data import Pipeline
from genjax.errors import InputError, RunError
from genjax.training._checkpoint import Checkpoints
from genjax.training._interrupt import agreed, catch_signals
from genjax.training._progress import progress_bar
from genjax.training._transforms import all_finite, loss_names, scan_steps
from genjax.training._writers import MetricWriter
from genjax.typing import Array, Key, Tree, Variables

Evaluate = Callable[[int, Variables], Mapping[str, Array]]


class Stopped(KeyboardInterrupt):
    """A signal has stopped `fit` between two steps, with everything saved.

    A `KeyboardInterrupt`, so that an interrupted cell of a notebook ends with all that
    would have followed it.

    Attributes:
        state: the last state.
        step: how many steps it has made.
        signal: what came.
    """

    def __init__(self, message: str, state: TrainState, step: int, signal: Signals):
        super().__init__(message)
        self.state, self.step, self.signal = state, step, signal


def fit(
    update: Update,
    pipeline: Pipeline,
    *,
    key: Key,
    steps: int,
    start: TrainState | None = None,
    evaluate: Evaluate | None = None,
    evaluate_every: int | None = None,
    checkpoints: Checkpoints | None = None,
    resume: bool = False,
    writers: Sequence[MetricWriter] = (),
    chunk: int = 100,
    show_progress: bool = True,
    profile: str | Path | None = None,
) -> TrainState:
    """Trains for a number of steps.

    Steps run in compiled chunks; between two chunks the loop reports, evaluates, saves
    and listens for signals. While one chunk runs, the next is made ready. On SIGINT or
    SIGTERM the state is saved at the end of the chunk, on all hosts at the same step,
    and `Stopped` is raised, with the state.

    Args:
        update: what a step does.
        pipeline: where its batches come from.
        key: of the initial state; a resumed run takes its key from the checkpoint.
        steps: how many steps in all.
        start: the state to begin with, in place of a new one; its steps count among
            `steps`. A checkpoint that is resumed from comes before it. To fine-tune,
            put variables into a new state:
            `update.init(key, batch)._replace(variables=variables)`.
        evaluate: `(step, variables) -> metrics`, at the intervals and at the end, of
            the averaged variables where an average is kept.
        evaluate_every: steps between evaluations, each followed by a checkpoint; only
            at the end when None.
        checkpoints: where to save.
        resume: go on from the latest checkpoint, where there is one; a folder that
            holds checkpoints is refused otherwise.
        writers: take the mean metrics of each chunk, and those of each evaluation.
        chunk: the most steps per compiled chunk, made to divide the intervals where it
            costs at most half; keep a chunk below a second or two. A chunk of one step
            is no loop at all, which convolutions on CPU need: XLA runs their weight
            gradients some thirty times slower inside a loop (jax issue 12868).
        show_progress: draw a progress bar.
        profile: a folder for a trace of the second chunk, or of the only one, by
            `jax.profiler`.

    Returns:
        The last state; `state.evaluated` are the variables to use.

    Raises:
        InputError: an argument is out of range, or a checkpoint cannot be used.
        RunError: the loss is not finite, or nothing can be written; what was saved
            before stays whole.
        Stopped: SIGINT or SIGTERM came.

    >>> import jax, numpy as np, optax
    >>> from genjax.data import ArraySource, in_memory
    >>> from genjax.densities import diagonal_normal, negative_log_likelihood
    >>> from genjax.training import fit, gradient_descent
    >>> objective = negative_log_likelihood(diagonal_normal((2,)))
    >>> update = gradient_descent(objective, optax.sgd(0.1))
    >>> source = ArraySource({"x": np.ones((8, 2), np.float32)})
    >>> pipeline = in_memory(source, batch_size=4, seed=0)
    >>> key = jax.random.key(0)
    >>> int(fit(update, pipeline, key=key, steps=3, show_progress=False).step)
    3
    """
    check_is("fit", Update, update=update)
    check_is("fit", Pipeline, pipeline=pipeline)
    if isinstance(key, int):
        raise InputError(f"fit: key must be a key, jax.random.key({key}), got {key}.")
    every = evaluate_every or steps
    for name, value in (("steps", steps), ("evaluate_every", every), ("chunk", chunk)):
        if value < 1:
            raise InputError(f"fit: {name} must be at least 1, got {value}.")
    chunk = _even_chunk(chunk, math.gcd(every, steps))
    state, done = _begin(update, pipeline, key, start, checkpoints, resume=resume)
    _refuse_fewer(steps, done)
    run = partial(compile_chunk(update, pipeline), resident=pipeline.resident)
    traced = min(1, (steps - done - 1) // chunk)
    with ExitStack() as stack:
        caught = stack.enter_context(catch_signals())
        advance = stack.enter_context(
            progress_bar(steps, start=done, show=show_progress)
        )
        step, chunks, shown = done, 0, {}
        signal = agreed(caught())
        while step < steps and signal is None:
            stop = min(steps, (step // every + 1) * every)
            pending = None
            while step < stop and signal is None:
                count = min(chunk, stop - step)
                feed = _whole(pipeline.feed(step, count), step, count)
                with _profiler(profile if chunks == traced else None) as wait:
                    state, metrics = run(state, feed=feed)
                    wait(metrics)
                chunks += 1
                if pending is not None:
                    shown = shown | _report(*pending, writers)
                    advance(step, shown)
                step += count
                pending = (step, metrics)
                signal = agreed(caught())
            if pending is not None:
                shown = shown | _report(*pending, writers)
            scores = None
            if evaluate is not None and step == stop:
                scores = _scores(evaluate, step, state.evaluated, writers)
                shown = shown | scores
            _check_finite(state, step)
            if checkpoints is not None:
                checkpoints.save(step, state, scores)
            advance(step, shown)
        if checkpoints is not None:
            checkpoints.wait()
    if signal is not None:
        saved = "" if checkpoints is None else f", saved in {checkpoints.directory}"
        raise Stopped(
            f"fit: {signal.name} after step {step} of {steps}{saved}.",
            state,
            step,
            signal,
        )
    return state


def _scores(
    evaluate: Evaluate,
    step: int,
    variables: Variables,
    writers: Sequence[MetricWriter],
) -> dict[str, np.ndarray]:
    """Evaluates, and writes what was found."""
    found = evaluate(step, variables).items()
    scores = {name: np.asarray(value) for name, value in found}
    for write in writers:
        write(step, scores)
    return scores


def _refuse_fewer(steps: int, done: int) -> None:
    if done > steps:
        raise InputError(
            f"fit: {done} steps are made already, more than the steps={steps} asked "
            "for."
        )


def _begin(
    update: Update,
    pipeline: Pipeline,
    key: Key,
    start: TrainState | None,
    checkpoints: Checkpoints | None,
    *,
    resume: bool,
) -> tuple[TrainState, int]:
    """The first state, and how many steps it has made."""
    init = jax.jit(update.init)
    if checkpoints is not None and checkpoints.latest is not None:
        done = checkpoints.latest
        if not resume:
            raise InputError(
                f"fit: {checkpoints.directory} holds a run of {done} steps: "
                "resume=True goes on with it, another folder starts anew."
            )
        return checkpoints.restore(init(key, pipeline.example)), done
    if start is None:
        return init(key, pipeline.example), 0
    check_same_leaves("fit: start", start, jax.eval_shape(init, key, pipeline.example))
    # The loop gives its state's memory away, and this one is the caller's.
    return jax.tree.map(jnp.copy, start), int(np.max(start.step))


def _check_finite(state: TrainState, step: int) -> None:
    if not jax.jit(all_finite)(state.variables):
        raise RunError(
            f"the variables after step {step} are not finite; the checkpoints of "
            "earlier steps, if any, are whole."
        )


def _whole(feed: Tree, step: int, count: int) -> Tree:
    """What a pipeline gave for a number of steps, once it is that many."""
    given = {len(leaf) for leaf in jax.tree.leaves(feed)}
    if given != {count}:
        raise RunError(
            f"the pipeline gave {sorted(given)} batches for the {count} steps from "
            f"{step} on; the checkpoints of earlier steps, if any, are whole."
        )
    return feed


def compile_chunk(update: Update, pipeline: Pipeline) -> Callable[..., Any]:
    """Returns the jitted `(state, resident, feed) -> (state, metrics)` of a chunk.

    The state is donated.
    """

    def run(state: TrainState, resident: Tree, feed: Tree) -> Tree:
        def step(state: TrainState, item: Tree) -> Tree:
            return update.step(state, pipeline.read(resident, item))

        if len(jax.tree.leaves(feed)[0]) == 1:
            state, metrics = step(state, jax.tree.map(lambda leaf: leaf[0], feed))
            return state, jax.tree.map(lambda leaf: leaf[None], metrics)
        return scan_steps(Update(update.init, step)).step(state, feed)

    return jax.jit(run, donate_argnums=0)


def _report(
    step: int, metrics: Mapping[str, Array], writers: Sequence[MetricWriter]
) -> dict[str, Any]:
    """Checks the losses of a chunk, writes its means, and returns those of the losses.

    Of several players, each has its own, by names that end in `_loss`.
    """
    values = {name: np.asarray(value) for name, value in metrics.items()}
    losses = loss_names(values)
    for name in losses:
        loss = values[name]
        bad = ~np.isfinite(loss) & (values.get("skipped", np.zeros(1)) == 0)
        if bad.any():
            place = int(np.argwhere(bad)[0, 0])
            first = step - len(loss) + place + 1
            hint = (
                "Nothing was trained yet: look at the data, and at how the model "
                "starts (deep flows need networks with an output_init of zeros)."
                if first == 1
                else "The checkpoints of earlier steps are whole. A lower learning "
                "rate, gradient clipping or skip_nonfinite may help."
            )
            raise RunError(
                f"the {name.replace('_', ' ')} of step {first} is not finite "
                f"({loss[place].tolist()}). {hint}"
            )
    # Steps that were skipped have no loss.
    means = {
        name: np.ma.filled(np.ma.masked_invalid(value).mean(axis=0), np.nan)
        for name, value in values.items()
    }
    for write in writers:
        write(step, means)
    return {name: means[name] for name in losses}


def _even_chunk(chunk: int, interval: int) -> int:
    """A length that divides the interval, so that one program serves the whole run."""
    divisors = [n for n in range(1, chunk + 1) if interval % n == 0]
    return divisors[-1] if divisors[-1] >= chunk / 2 else chunk


@contextmanager
def _profiler(folder: str | Path | None) -> Iterator[Callable[[Any], Any]]:
    """Traces what runs inside, where there is a folder; gives how to wait for it."""
    if folder is None:
        yield lambda metrics: metrics
    else:
        with jax.profiler.trace(str(folder)):
            yield jax.block_until_ready
