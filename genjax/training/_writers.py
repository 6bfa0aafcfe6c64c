"""Where metrics go: a line of JSON a report, and TensorBoard."""

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from genjax.errors import RunError, extra

MetricWriter: TypeAlias = Callable[[int, Mapping[str, Any]], None]
"""Takes a step and its metrics: a number each, or a list over seeds."""


@contextmanager
def jsonl_writer(path: str | Path, *, start: int = 0) -> Iterator[MetricWriter]:
    r"""Appends `{"step": ..., name: value, ...}` to a file, a line per report.

    Args:
        path: the file.
        start: lines beyond this step are dropped first: what a killed run has reported
            after its last checkpoint is reported again.

    Raises:
        RunError: the file cannot be written.

    >>> import numpy as np
    >>> from genjax.training import jsonl_writer
    >>> from pathlib import Path
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with jsonl_writer(f"{folder}/metrics.jsonl") as write:
    ...         write(10, {"loss": np.float32(0.5)})
    ...     Path(f"{folder}/metrics.jsonl").read_text()
    '{"step": 10, "loss": 0.5}\n'
    """
    path = Path(path)

    def write(step: int, metrics: Mapping[str, Any]) -> None:
        row = {"step": step, **{k: _json(v) for k, v in metrics.items()}}
        with _unwritable(path), path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    with _unwritable(path):
        kept = [line for row, line in _rows(path) if row["step"] <= start]
        write_whole(path, "".join(line + "\n" for line in kept))
    yield write


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Writes a file so that it is the old one or the new one, whatever happens.

    Args:
        path: the file.
        content: all that it holds.

    >>> from genjax.training import write_whole
    >>> from pathlib import Path
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(f"{folder}/a.txt", "whole")
    ...     Path(f"{folder}/a.txt").read_text()
    'whole'
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    data = content.encode() if isinstance(content, str) else content
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _json(value: object) -> object:
    """A number, or a list of numbers, in which what is not finite is null."""
    array = np.asarray(value)
    numbers = array.astype(object)
    numbers[~np.isfinite(array)] = None
    return numbers.tolist()


@contextmanager
def _unwritable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write metrics to {path}: {error.strerror}.") from error


def read_jsonl(path: str | Path) -> list[dict[str, Any]]:
    """Reads what `jsonl_writer` wrote; lines that are damaged are left out.

    What was not finite is not a number.

    >>> from genjax.training import jsonl_writer, read_jsonl
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with jsonl_writer(f"{folder}/metrics.jsonl") as write:
    ...         write(1, {"loss": 0.5})
    ...     [row["loss"] for row in read_jsonl(f"{folder}/metrics.jsonl")]
    [0.5]
    """

    def number(value: object) -> object:
        if isinstance(value, list):
            return [number(each) for each in value]
        return math.nan if value is None else value

    return [{k: number(v) for k, v in row.items()} for row, _ in _rows(Path(path))]


def _rows(path: Path) -> list[tuple[dict[str, Any], str]]:
    """The rows of a file, each with its line."""
    rows = []
    if path.exists():
        for line in path.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                row = json.loads(line)
                if isinstance(row, dict) and isinstance(row.get("step"), int):
                    rows.append((row, line))
    return rows


@contextmanager
def tensorboard_writer(folder: str | Path, *, start: int = 0) -> Iterator[MetricWriter]:
    """Writes scalars for TensorBoard; lists become one curve per seed.

    Args:
        folder: of the event files.
        start: events beyond this step are hidden by TensorBoard.

    Raises:
        RunError: the events cannot be written.

    >>> from genjax.training import tensorboard_writer
    >>> from pathlib import Path
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with tensorboard_writer(folder) as write:
    ...         write(1, {"loss": 0.5})
    ...     len(list(Path(folder).iterdir()))
    1
    """
    with extra("tensorboard"):
        from tensorboardX import summary
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto import event_pb2

    folder, proto = Path(folder), cast("Any", event_pb2)
    # Its SummaryWriter writes from a thread, and waits for ever where that has died.
    with _unwritable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        events = EventsWriter(str(folder / "events"))

    def put(step: int, **content: object) -> None:
        with _unwritable(folder):
            event = proto.Event(step=step, wall_time=time.time(), **content)
            events.write_event(event)
            events.flush()

    def write(step: int, metrics: Mapping[str, Any]) -> None:
        for name, value in metrics.items():
            numbers = np.atleast_1d(np.asarray(value)).tolist()
            for seed, number in enumerate(numbers):
                tag = name if len(numbers) == 1 else f"{name}/seed_{seed}"
                put(step, summary=summary.scalar(tag, number))

    put(start + 1, session_log=proto.SessionLog(status=proto.SessionLog.START))
    try:
        yield write
    finally:
        with suppress(OSError):  # what could not be written was said already
            events.close()
