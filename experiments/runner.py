"""Runs an experiment: train, evaluate, draw, and write everything down."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from rich.console import Console

from experiments.config import RunConfig, identity
from experiments.report import (
    passed,
    print_result,
    versions,
    write_array,
    write_file,
    write_report,
)
from genjax.base import TrainState, Update
from genjax.data import Pipeline
from genjax.errors import InputError, RunError
from genjax.plotting import curves, save
from genjax.training import (
    Checkpoints,
    Fitted,
    MetricWriter,
    data_parallel,
    device_mesh,
    ensemble,
    fit,
    jsonl_writer,
    loss_names,
    read_jsonl,
    shard_pipeline,
    tensorboard_writer,
)
from genjax.typing import Array, Key, Variables

METRIC = "validation"
"""The metric by which the best checkpoint is chosen: the lowest."""


class Task(NamedTuple):
    """What an experiment's `build` returns: something to train and to look at.

    Fields:
        update: a training step.
        pipeline: its batches.
        validate: `variables -> scalar`, pure: chooses the checkpoint; lower is better.
        evaluate: `variables -> {name: number}`: the final figures, on test data.
        sample: `(variables, key, n) -> samples`, pure; None where nothing is drawn.
        draw: `samples -> Figure`.
        draw_over_time: `{step: samples} -> Figure`, of the samples at every validation.
        figures: `(variables, key) -> {name: Figure}`: what else to draw.
        baselines: `() -> {name: level}`: drawn into the curves, in the unit of
            `validate`.
        monitor: `variables -> {name: scalar}`, pure: what else to show and to write
            down at every validation.
        kept: how many samples to keep at every validation, for `draw_over_time`.
    """

    update: Update
    pipeline: Pipeline
    validate: Callable[[Variables], Array]
    evaluate: Callable[[Variables], Mapping[str, Any]]
    sample: Callable[[Variables, Key, int], Array] | None = None
    draw: Callable[[Any], Any] | None = None
    draw_over_time: Callable[[Mapping[int, Any]], Any] | None = None
    figures: Callable[[Variables, Key], Mapping[str, Any]] = lambda variables, key: {}
    baselines: Callable[[], Mapping[str, float]] = dict
    monitor: Callable[[Variables], Mapping[str, Array]] = lambda variables: {}
    kept: int = 512


class Study(NamedTuple):
    """What a `build` returns that is not one training run: several, or none.

    Fields:
        measure: `folder -> (metrics, figures)`, `{name: number}` and `{name: Figure}`;
            trainings inside keep their checkpoints there, by `train_stage`.
    """

    measure: Callable[[Path], tuple[Mapping[str, Any], Mapping[str, Any]]]


Build = Callable[[Any], Task | Study]


class Interrupted(RunError):
    """A signal stopped the run; it can be resumed."""

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal


def run(
    name: str, config: Any, build: Build, expected: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """Runs an experiment and returns what `result.json` holds.

    Args:
        name: `family/name`.
        config: its configuration.
        build: from the configuration to the task.
        expected: metric -> `{"at_most": ...}`, `{"at_least": ...}` or `{"value": ...,
            "tolerance": ...}`.

    Raises:
        InputError: the configuration cannot be run.
        RunError: the run cannot go on, or was interrupted.
    """
    started = time.perf_counter()
    console = Console(quiet=not _is_first_process())
    folder = _open_folder(name, config)
    console.print(f"[bold]{name}[/bold] -> {folder}", highlight=False, soft_wrap=True)
    task = build(config)
    metrics, figures = (
        _study(name, task, config, folder)
        if isinstance(task, Study)
        else _task(name, task, config, folder)
    )
    if not _is_first_process():
        return {"metrics": metrics, "passed": config.smoke or passed(metrics, expected)}
    for figure, drawn in figures.items():
        save(drawn, folder / f"{figure}.png")
    result = {
        "experiment": name,
        "config": dataclasses.asdict(config),
        "metrics": metrics,
        "expected": {} if config.smoke else dict(expected),
        "passed": config.smoke or passed(metrics, expected),
        "seconds": round(time.perf_counter() - started, 1),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "versions": versions(),
    }
    write_file(folder / "result.json", json.dumps(result, indent=2) + "\n")
    write_report(folder, result, list(figures))
    print_result(console, result)
    return result


def _is_first_process() -> bool:
    """Whether this process writes what all of them share."""
    return jax.process_index() == 0


def _study(name: str, study: Study, config: Any, folder: Path) -> tuple[Any, Any]:
    if config.devices > 1 or config.profile or jax.process_count() > 1:
        raise InputError(
            f"{name} is a study: it takes no --devices, no --processes and no "
            "--profile."
        )
    _write_config(folder, name, config)
    metrics, figures = study.measure(folder)
    return {name: float(value) for name, value in metrics.items()}, figures


def _task(name: str, task: Task, config: Any, folder: Path) -> tuple[Any, Any]:
    mesh = None
    if config.devices > 1 or jax.process_count() > 1:
        mesh = device_mesh(config.devices if config.devices > 1 else None)
    with Checkpoints(
        folder / "checkpoints", config=identity(config), metric=METRIC
    ) as checkpoints:
        _write_config(folder, name, config)
        variables = _train(task, config, folder, checkpoints, mesh)
    metrics = _evaluate(task, variables, config.seeds)
    if not _is_first_process():
        return metrics, {}
    return metrics, _draw(task, _of_seed(variables, 0, config.seeds), folder, config)


def train_stage(
    folder: Path, update: Update, pipeline: Pipeline, *, config: Any, steps: int
) -> Variables:
    """Trains one stage of a study; with `--resume`, a stage that is done is read.

    Args:
        folder: of the stage's checkpoints.
        update: a training step.
        pipeline: its batches.
        config: of the study.
        steps: how many.

    Returns:
        The last variables, averaged where the update keeps an average.

    Raises:
        RunError: the run cannot go on, or was interrupted.
    """
    with Checkpoints(folder, config=identity(config)) as checkpoints:
        fitted = fit(
            update,
            pipeline,
            key=jax.random.key(config.seed),
            steps=steps,
            checkpoints=checkpoints,
            resume=config.resume,
            chunk=config.chunk,
            show_progress=config.progress,
        )
    _check_finished(fitted, steps, folder.parent)
    return fitted.state.evaluated


def _check_finished(fitted: Fitted, steps: int, folder: Path) -> None:
    if fitted.signal is not None:
        raise Interrupted(
            f"{fitted.signal.name} at step {fitted.step} of {steps}: everything "
            f"is saved; go on with --resume --workdir {folder}.",
            fitted.signal,
        )


def _open_folder(name: str, config: RunConfig) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = Path(config.workdir or f"runs/{name}/{stamp}").absolute()
    if not _is_first_process():
        return folder
    has_run = (folder / "config.json").exists()
    if config.resume and not has_run:
        raise InputError(
            f"--resume: there is no run in {folder}; name it by --workdir."
        )
    if has_run and not config.resume:
        raise InputError(
            f"{folder} already holds a run: add --resume to go on, or name another."
        )
    owner = read_config(folder)["experiment"] if has_run else name
    if owner != name:
        raise InputError(f"{folder} holds a run of {owner}, not of {name}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write to {folder}: {error.strerror}.") from error
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """Reads the experiment and the fields of a run.

    Raises:
        InputError: the folder holds no run, or its config.json is damaged.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder} is not the folder of a run: it has no config.json.")
    try:
        fields = json.loads(path.read_text())
        name = fields.pop("experiment")
        if not isinstance(name, str):
            raise TypeError(f"the experiment is {name!r}")
        return {"experiment": name, **fields}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not the record of a run: {type(error).__name__} ({error})."
        ) from error


def _write_config(folder: Path, name: str, config: Any) -> None:
    """Writes what the run is; a resumed run keeps what it was started with."""
    path = folder / "config.json"
    if _is_first_process() and not path.exists():
        fields = {"experiment": name, **dataclasses.asdict(config)}
        write_file(path, json.dumps(fields, indent=2) + "\n")


def _train(
    task: Task, config: Any, folder: Path, checkpoints: Checkpoints, mesh: Mesh | None
) -> Variables:
    """Trains, and returns the averaged variables of the best checkpoint."""
    update, pipeline = _of_all_seeds(task, config.seeds), task.pipeline
    if mesh is not None:
        update = data_parallel(update, mesh)
        pipeline = shard_pipeline(pipeline, mesh)

    def scores(variables: Variables) -> Mapping[str, Array]:
        return {METRIC: task.validate(variables), **task.monitor(variables)}

    of_seeds = scores if config.seeds == 1 else jax.vmap(scores)
    compiled = jax.jit(of_seeds)

    def score(step: int, variables: Variables) -> Mapping[str, Array]:
        variables = _local(variables)
        _keep_samples(task, step, variables, folder, config)
        return compiled(variables)

    start = (checkpoints.latest or 0) if config.resume else 0
    with ExitStack() as stack:
        writers: list[MetricWriter] = []
        if _is_first_process():
            writers += [
                stack.enter_context(make(folder / path, start=start))
                for make, path in (
                    (jsonl_writer, "metrics.jsonl"),
                    (tensorboard_writer, "tb"),
                )
            ]
        fitted = fit(
            update,
            pipeline,
            key=jax.random.key(config.seed),
            steps=config.steps,
            evaluate=score,
            evaluate_every=config.evaluate_every,
            checkpoints=checkpoints,
            resume=config.resume,
            writers=writers,
            chunk=config.chunk,
            show_progress=config.progress and _is_first_process(),
            profile=folder / "profile" if config.profile else None,
        )
    _check_finished(fitted, config.steps, folder)
    best: TrainState = checkpoints.restore(fitted.state, checkpoints.best)
    return _local(best.evaluated)


def _local(variables: Variables) -> Variables:
    """The variables on one device of this process, from replicas on a mesh."""
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), variables)


def _keep_samples(
    task: Task, step: int, variables: Variables, folder: Path, config: Any
) -> None:
    if task.sample is None or task.draw_over_time is None:
        return
    if not _is_first_process():
        return
    first = _of_seed(variables, 0, config.seeds)
    samples = task.sample(first, jax.random.key(config.seed + 1), task.kept)
    kept = folder / "over_time"
    write_array(kept / f"{step:08d}.npy", samples)
    if task.draw is not None:
        save(task.draw(samples[:64]), kept / f"{step:08d}.png")


def restore(config: Any, build: Build, folder: Path) -> tuple[Task, Variables]:
    """Rebuilds the task of a run and reads its best checkpoint.

    Returns:
        The task, and the variables, of all seeds where there are several.
    """
    task = build(config)
    if isinstance(task, Study):
        raise InputError(f"{folder} holds a study: run it again instead.")
    update = _of_all_seeds(task, config.seeds)
    template = jax.jit(update.init)(jax.random.key(config.seed), task.pipeline.example)
    with Checkpoints(
        folder / "checkpoints",
        config=identity(config),
        metric=METRIC,
        read_only=True,
    ) as checkpoints:
        state = checkpoints.restore(template, checkpoints.best)
    return task, state.evaluated


def evaluate(config: Any, build: Build, folder: Path) -> dict[str, Any]:
    """Measures a finished run again, on its test data."""
    task, variables = restore(config, build, folder)
    return _evaluate(task, variables, config.seeds)


def sample(config: Any, build: Build, folder: Path, n: int, seed: int) -> Path:
    """Draws samples of a finished run; writes them as an array and as a picture."""
    task, variables = restore(config, build, folder)
    if task.sample is None or task.draw is None:
        raise InputError(f"{folder} holds a run that has nothing to sample from.")
    first = _of_seed(variables, 0, config.seeds)
    samples = np.asarray(task.sample(first, jax.random.key(seed), n))
    write_array(folder / "samples.npy", samples)
    return save(task.draw(samples), folder / "samples.png")


def _of_all_seeds(task: Task, seeds: int) -> Update:
    return task.update if seeds == 1 else ensemble(task.update, seeds)


def _of_seed(variables: Variables, seed: int, seeds: int) -> Variables:
    if seeds == 1:
        return variables
    return jax.tree.map(lambda leaf: leaf[seed], variables)


def _evaluate(task: Task, variables: Variables, seeds: int) -> dict[str, Any]:
    """Means over the seeds; with several, the list of each under `<name>_of_seeds`."""
    each = [
        {k: float(v) for k, v in task.evaluate(_of_seed(variables, i, seeds)).items()}
        for i in range(seeds)
    ]
    names = each[0]
    means = {name: float(np.mean([m[name] for m in each])) for name in names}
    if seeds == 1:
        return means
    return means | {f"{name}_of_seeds": [m[name] for m in each] for name in names}


def series_of(
    rows: Sequence[Mapping[str, Any]],
) -> dict[str, tuple[list[int], list[Any]]]:
    """The losses over the steps, of each player where there are several, and the score.

    >>> rows = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0, "validation": 2.5}]
    >>> series_of(rows)
    {'training': ([1, 2], [3.0, 2.0]), 'validation': ([2], [2.5])}
    """
    losses = loss_names(dict.fromkeys(name for row in rows for name in row))
    players = {name.replace("_", " "): name for name in losses if name != "loss"}
    named = {**(players or {"training": "loss"}), METRIC: METRIC}
    return {
        label: (
            [row["step"] for row in rows if name in row],
            [row[name] for row in rows if name in row],
        )
        for label, name in named.items()
        if any(name in row for row in rows)
    }


def _draw(
    task: Task, variables: Variables, folder: Path, config: Any
) -> dict[str, Any]:
    key_samples, key_figures = jax.random.split(jax.random.key(config.seed + 1))
    series = series_of(read_jsonl(folder / "metrics.jsonl"))
    figures = {
        **task.figures(variables, key_figures),
        "curves": curves(series, ylabel="loss", lines=task.baselines()),
    }
    if task.sample is not None and task.draw is not None:
        samples = task.draw(task.sample(variables, key_samples, 64))
        figures = {"samples": samples, **figures}
    if task.draw_over_time is not None:
        kept = sorted((folder / "over_time").glob("*.npy"))
        figures["over_time"] = task.draw_over_time(
            {int(path.stem): np.load(path) for path in kept}
        )
    return figures
