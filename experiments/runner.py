"""Runs an experiment: train, evaluate, draw, and write everything down."""

import dataclasses
import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from rich.console import Console

from experiments.config import command, identity
from experiments.record import folder_of, open_folder, read_record, write_record
from experiments.report import (
    passed,
    print_result,
    versions,
    write_array,
    write_file,
    write_report,
)
from experiments.seeds import as_number, means_of_seeds, of_all_seeds, of_seed
from genjax.base import TrainState, Update
from genjax.data import Pipeline
from genjax.errors import InputError, RunError
from genjax.plotting import curve_panels, save
from genjax.training import (
    Checkpoints,
    MetricWriter,
    Stopped,
    data_parallel,
    device_mesh,
    fit,
    jsonl_writer,
    loss_names,
    read_jsonl,
    shard_pipeline,
    tensorboard_writer,
)
from genjax.typing import Array, Batch, Key, Variables

METRIC = "validation"
"""The metric by which the best checkpoint is chosen: the lowest."""


class Task(NamedTuple):
    """What an experiment's `build` returns: something to train and to look at.

    Fields:
        update: a training step.
        pipeline: its batches.
        validate: `variables -> scalar`, pure: chooses the checkpoint; lower is better.
        unit: of `validate`.
        loss_unit: of the training losses.
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
        files: `() -> {name: text}`: what else the folder of the run keeps.
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
    files: Callable[[], Mapping[str, str]] = dict
    unit: str = "nats"
    loss_unit: str = "nats"


class Study(NamedTuple):
    """What a `build` returns that is not one training run: several, or none.

    Fields:
        measure: `folder -> (metrics, figures)`, `{name: number}` and `{name: Figure}`;
            trainings inside keep their checkpoints there, by `train_stage`. Of several
            seeds, the list of each stands under `<name>_of_seeds`.
        takes_seeds: whether it repeats itself with as many seeds as are asked for.
    """

    measure: Callable[[Path], tuple[Mapping[str, Any], Mapping[str, Any]]]
    takes_seeds: bool = False


Build = Callable[[Any], Task | Study]


class Interrupted(RunError):
    """A signal stopped the run; it can be resumed."""

    def __init__(self, what: str, signal: Signals, name: str, folder: Path) -> None:
        again = ["python", "-m", "experiments", name, "--resume", "--workdir", folder]
        super().__init__(f"{what}; go on with: {shlex.join(map(str, again))}")
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
    is_writer = _is_first_process()
    folder = (open_folder if is_writer else folder_of)(name, config)
    console.print(f"[bold]{name}[/bold] -> {folder}", highlight=False, soft_wrap=True)
    task = build(config)
    metrics, figures = (
        _study(name, task, config, folder)
        if isinstance(task, Study)
        else _task(name, task, config, folder)
    )
    if not is_writer:
        return {"metrics": metrics, "passed": config.smoke or passed(metrics, expected)}
    for figure, drawn in figures.items():
        for ending in dict.fromkeys(("png", config.figures)):
            save(drawn, folder / f"{figure}.{ending}")
    result = {
        "experiment": name,
        "command": command(name, config),
        "config": dataclasses.asdict(config),
        "metrics": metrics,
        "expected": {} if config.smoke else dict(expected),
        "passed": config.smoke or passed(metrics, expected),
        "seconds": round(time.perf_counter() - started, 1),
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "versions": versions(),
    }
    found = {key: _json(value) for key, value in metrics.items()}
    written = json.dumps({**result, "metrics": found}, indent=2)
    write_file(folder / "result.json", written + "\n")
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
    if config.seeds > 1 and not study.takes_seeds:
        raise InputError(f"{name} takes no --seeds; --seed sets its only one.")
    if config.resume and read_record(folder).get("steps") != getattr(
        config, "steps", None
    ):
        raise InputError(f"{name} is a study: a run of it cannot be made longer.")
    write_record(folder, name, config)
    try:
        metrics, figures = study.measure(folder)
    except KeyboardInterrupt as interrupt:
        number = getattr(interrupt, "signal", Signals.SIGINT)
        raise Interrupted(
            f"{number.name} in a study: what its stages saved is kept",
            number,
            name,
            folder,
        ) from interrupt
    numbers = {
        name: list(map(as_number, value))
        if isinstance(value, list)
        else as_number(value)
        for name, value in metrics.items()
    }
    return numbers, figures


def _task(name: str, task: Task, config: Any, folder: Path) -> tuple[Any, Any]:
    mesh = None
    if config.devices > 1 or jax.process_count() > 1:
        mesh = device_mesh(config.devices if config.devices > 1 else None)
    with Checkpoints(
        folder / "checkpoints", config=identity(config), metric=METRIC
    ) as checkpoints:
        if (checkpoints.latest or 0) > config.steps:
            raise InputError(
                f"--steps {config.steps}: {checkpoints.latest} steps are made already."
            )
        if _is_first_process():
            write_record(folder, name, config)
            check_files(task, folder)
            for file, content in task.files().items():
                write_file(folder / file, content)
        try:
            variables = _train(task, config, folder, checkpoints, mesh)
        except Stopped as stopped:
            number, place = stopped.signal, f"{stopped.step} of {config.steps}"
            what = f"{number.name} at step {place}: everything is saved"
            raise Interrupted(what, number, name, folder) from stopped
    try:
        metrics = _evaluate(task, variables, config.seeds)
        if not _is_first_process():
            return metrics, {}
        first = of_seed(variables, 0, config.seeds)
        return metrics, _draw(task, first, folder, config)
    except KeyboardInterrupt as interrupt:
        what = f"SIGINT after all {config.steps} steps, which are saved"
        raise Interrupted(what, Signals.SIGINT, name, folder) from interrupt


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
        RunError: the run cannot go on.
    """
    with Checkpoints(folder, config=identity(config)) as checkpoints:
        if config.progress:
            Console().print(folder.name)
        state = fit(
            update,
            pipeline,
            key=jax.random.key(config.seed),
            steps=steps,
            checkpoints=checkpoints,
            resume=config.resume,
            chunk=config.chunk,
            show_progress=config.progress,
        )
    return state.evaluated


def _train(
    task: Task, config: Any, folder: Path, checkpoints: Checkpoints, mesh: Mesh | None
) -> Variables:
    """Trains, and returns the averaged variables of the best checkpoint."""
    update, pipeline = of_all_seeds(task.update, config.seeds), task.pipeline
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
        state = fit(
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
    best: TrainState = checkpoints.restore(state, checkpoints.best)
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
    first = of_seed(variables, 0, config.seeds)
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
    check_files(task, folder)
    return task, read_variables(config, task.update, task.pipeline.example, folder)


def check_files(task: Task, folder: Path) -> None:
    """Refuses data that are not those which a run was made with.

    Args:
        task: whose files tell of the data.
        folder: of the run.

    Raises:
        InputError: they differ from those in the folder.
    """
    for file, content in task.files().items():
        kept = folder / file
        if kept.is_file() and kept.read_text() != content:
            raise InputError(
                f"the data have changed since {kept} was written: rows or images came "
                "or went, so that the cut into parts is another one."
            )


def read_variables(
    config: Any, update: Update, example: Batch, folder: Path
) -> Variables:
    """Reads the best checkpoint of a run.

    Args:
        config: of the run.
        update: its training step.
        example: a batch, of which only shapes count.
        folder: of the run.

    Returns:
        The variables, of all seeds where there are several.
    """
    init = jax.jit(of_all_seeds(update, config.seeds).init)
    template = init(jax.random.key(config.seed), example)
    with Checkpoints(
        folder / "checkpoints",
        config=identity(config),
        metric=METRIC,
        read_only=True,
    ) as checkpoints:
        return checkpoints.restore(template, checkpoints.best).evaluated


def evaluate(config: Any, build: Build, folder: Path) -> dict[str, Any]:
    """Measures a finished run again, on its test data."""
    task, variables = restore(config, build, folder)
    return _evaluate(task, variables, config.seeds)


def sample(config: Any, build: Build, folder: Path, n: int, seed: int) -> Path:
    """Draws samples of a finished run; writes them as an array and as a picture.

    They are named by their number and their seed: those of the report stay.
    """
    task, variables = restore(config, build, folder)
    if task.sample is None or task.draw is None:
        raise InputError(f"{folder} holds a run that has nothing to sample from.")
    first = of_seed(variables, 0, config.seeds)
    samples = np.asarray(task.sample(first, jax.random.key(seed), n))
    name = f"samples_{n}_of_seed_{seed}"
    write_array(folder / f"{name}.npy", samples)
    return save(task.draw(samples), folder / f"{name}.png")


def spans(n: int, size: int) -> list[tuple[int, int]]:
    """The first and the number of each block of at most `size` rows, of `n`.

    >>> spans(5, 2)
    [(0, 2), (2, 2), (4, 1)]
    """
    return [(first, min(size, n - first)) for first in range(0, n, size)]


def _evaluate(task: Task, variables: Variables, seeds: int) -> dict[str, Any]:
    """The figures of all seeds, by `means_of_seeds`."""
    every = [task.evaluate(of_seed(variables, i, seeds)) for i in range(seeds)]
    return means_of_seeds([{k: as_number(v) for k, v in own.items()} for own in every])


def _json(value: Any) -> Any:
    """A number, or a list of them, in which what is undefined is null."""
    if isinstance(value, list):
        return [_json(each) for each in value]
    return value if np.isfinite(value) else None


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
    panels: dict[str, Any] = {}
    for label, points in series_of(read_jsonl(folder / "metrics.jsonl")).items():
        unit = task.unit if label == METRIC else task.loss_unit
        panels.setdefault(unit, {})[label] = points
    lines = {task.unit: task.baselines()}
    figures = {
        **task.figures(variables, key_figures),
        "curves": curve_panels(panels, lines=lines),
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
