"""Runs an experiment: train, evaluate, draw, and write everything down."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
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
    write_report,
    write_text,
)
from genjax.base import TrainState, Update
from genjax.data import Pipeline
from genjax.errors import InputError, RunError
from genjax.plotting import curves, save
from genjax.training import (
    Checkpoints,
    averaged,
    data_parallel,
    device_mesh,
    ensemble,
    fit,
    jsonl_writer,
    shard_pipeline,
    tensorboard_writer,
)
from genjax.training.writers import read_jsonl
from genjax.typing import Array, Key, Variables

METRIC = "validation"
"""The metric by which the best checkpoint is chosen: the lowest."""


class Task(NamedTuple):
    """What an experiment's `build` returns.

    Fields:
        update: a training step.
        pipeline: its batches.
        validate: `variables -> scalar`, pure: chooses the checkpoint; lower is better.
        evaluate: `variables -> {name: number}`: the final figures, on test data.
        sample: `(variables, key, n) -> samples`, pure.
        draw: `samples -> Figure`.
        figures: `(variables, key) -> {name: Figure}`: what else to draw.
        baselines: `() -> {name: level}`: drawn into the curves, in the unit of
            `validate`.
    """

    update: Update
    pipeline: Pipeline
    validate: Callable[[Variables], Array]
    evaluate: Callable[[Variables], Mapping[str, Any]]
    sample: Callable[[Variables, Key, int], Array]
    draw: Callable[[Any], Any]
    figures: Callable[[Variables, Key], Mapping[str, Any]]
    baselines: Callable[[], Mapping[str, float]]


Build = Callable[[Any], Task]


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
    console = Console()
    folder = _open_folder(name, config)
    console.print(f"[bold]{name}[/bold] -> {folder}", highlight=False, soft_wrap=True)
    mesh = device_mesh(config.devices) if config.devices > 1 else None
    task = build(config)
    with Checkpoints(
        folder / "checkpoints", config=identity(config), metric=METRIC
    ) as checkpoints:
        _write_config(folder, name, config)
        variables = _train(task, config, folder, checkpoints, mesh)
    metrics = _evaluate(task, variables, config.seeds)
    first = _of_seed(variables, 0, config.seeds)
    figures = _draw(task, first, folder, config)
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
    write_text(folder / "result.json", json.dumps(result, indent=2) + "\n")
    write_report(folder, result, figures)
    print_result(console, result)
    return result


def _open_folder(name: str, config: RunConfig) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = Path(config.workdir or f"runs/{name}/{stamp}").absolute()
    has_run = (folder / "config.json").exists()
    if config.resume and not has_run:
        raise InputError(
            f"--resume: there is no run in {folder}; name it by --workdir."
        )
    if has_run and not config.resume:
        raise InputError(
            f"{folder} already holds a run: add --resume to go on, or name another."
        )
    theirs = read_config(folder)["experiment"] if has_run else name
    if theirs != name:
        raise InputError(f"{folder} holds a run of {theirs}, not of {name}.")
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
        return {"experiment": fields.pop("experiment"), **fields}
    except (ValueError, KeyError) as error:
        raise InputError(f"{path} is damaged: {error}.") from error


def _write_config(folder: Path, name: str, config: Any) -> None:
    """Writes what the run is; a resumed run keeps what it was started with."""
    path = folder / "config.json"
    if not path.exists():
        fields = {"experiment": name, **dataclasses.asdict(config)}
        write_text(path, json.dumps(fields, indent=2) + "\n")


def _train(
    task: Task, config: Any, folder: Path, checkpoints: Checkpoints, mesh: Mesh | None
) -> Variables:
    """Trains, and returns the averaged variables of the best checkpoint."""
    update, pipeline = _of_all_seeds(task, config.seeds), task.pipeline
    validate = task.validate if config.seeds == 1 else jax.vmap(task.validate)
    if mesh is not None:
        update = data_parallel(update, mesh)
        pipeline = shard_pipeline(pipeline, mesh)
    score = jax.jit(lambda variables: {METRIC: validate(averaged(variables))})
    start = (checkpoints.latest or 0) if config.resume else 0
    with ExitStack() as stack:
        writers = [
            stack.enter_context(jsonl_writer(folder / "metrics.jsonl", start=start)),
            stack.enter_context(tensorboard_writer(folder / "tb", start=start)),
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
            show_progress=config.progress,
            profile=folder / "profile" if config.profile else None,
        )
    if fitted.signal is not None:
        raise Interrupted(
            f"{fitted.signal.name} at step {fitted.step} of {config.steps}: everything "
            f"is saved; go on with --resume --workdir {folder}.",
            fitted.signal,
        )
    best: TrainState = checkpoints.restore(fitted.state, checkpoints.best)
    return averaged(best.variables)


def restore(config: Any, build: Build, folder: Path) -> tuple[Task, Variables]:
    """Rebuilds the task of a run and reads its best checkpoint.

    Returns:
        The task, and the variables, of all seeds where there are several.
    """
    task = build(config)
    update = _of_all_seeds(task, config.seeds)
    template = jax.jit(update.init)(jax.random.key(config.seed), task.pipeline.example)
    with Checkpoints(
        folder / "checkpoints",
        config=identity(config),
        metric=METRIC,
        read_only=True,
    ) as checkpoints:
        state = checkpoints.restore(template, checkpoints.best)
    return task, averaged(state.variables)


def evaluate(config: Any, build: Build, folder: Path) -> dict[str, Any]:
    """Measures a finished run again, on its test data."""
    task, variables = restore(config, build, folder)
    return _evaluate(task, variables, config.seeds)


def sample(config: Any, build: Build, folder: Path, n: int, seed: int) -> Path:
    """Draws samples of a finished run; writes them as an array and as a picture."""
    task, variables = restore(config, build, folder)
    first = _of_seed(variables, 0, config.seeds)
    samples = np.asarray(task.sample(first, jax.random.key(seed), n))
    try:
        np.save(folder / "samples.npy", samples)
    except OSError as error:
        raise RunError(f"cannot write to {folder}: {error.strerror}.") from error
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


def _draw(task: Task, variables: Variables, folder: Path, config: Any) -> list[str]:
    key_samples, key_figures = jax.random.split(jax.random.key(config.seed + 1))
    rows = read_jsonl(folder / "metrics.jsonl")
    series = {
        name: (
            [r["step"] for r in rows if key in r],
            [r[key] for r in rows if key in r],
        )
        for name, key in (("training", "loss"), ("validation", METRIC))
    }
    drawn = {
        "samples": task.draw(task.sample(variables, key_samples, 64)),
        **task.figures(variables, key_figures),
        "curves": curves(series, ylabel="loss", lines=task.baselines()),
    }
    for name, figure in drawn.items():
        save(figure, folder / f"{name}.png")
    return list(drawn)
