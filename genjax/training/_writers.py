"""Where metrics go: a line of JSON a report, and TensorBoard."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

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

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with jsonl_writer(f"{folder}/metrics.jsonl") as write:
    ...         write(10, {"loss": np.float32(0.5)})
    ...     Path(f"{folder}/metrics.jsonl").read_text()
    '{"step": 10, "loss": 0.5}\n'
    """
    path = Path(path)

    def put(text: str, *, mode: str) -> None:
        try:
            with path.open(mode) as file:
                file.write(text)
        except OSError as error:
            raise RunError(f"cannot write metrics to {path}: {error.strerror}.") from (
                error
            )

    def write(step: int, metrics: Mapping[str, Any]) -> None:
        numbers = {k: np.asarray(v).tolist() for k, v in metrics.items()}
        put(json.dumps({"step": step, **numbers}) + "\n", mode="a")

    kept = [row for row in read_jsonl(path) if row["step"] <= start]
    put("".join(json.dumps(row) + "\n" for row in kept), mode="w")
    yield write


def read_jsonl(path: str | Path) -> list[dict[str, Any]]:
    """Reads what `jsonl_writer` wrote; a last line that was cut off is left out.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with jsonl_writer(f"{folder}/metrics.jsonl") as write:
    ...         write(1, {"loss": 0.5})
    ...     [row["loss"] for row in read_jsonl(f"{folder}/metrics.jsonl")]
    [0.5]
    """
    path = Path(path)
    if not path.exists():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


@contextmanager
def tensorboard_writer(folder: str | Path, *, start: int = 0) -> Iterator[MetricWriter]:
    """Writes scalars for TensorBoard; lists become one curve per seed.

    Args:
        folder: of the event files.
        start: events beyond this step are hidden by TensorBoard.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with tensorboard_writer(folder) as write:
    ...         write(1, {"loss": 0.5})
    ...     len(list(Path(folder).iterdir()))
    1
    """
    with extra("tensorboard"):
        from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=start + 1)

    def write(step: int, metrics: Mapping[str, Any]) -> None:
        for name, value in metrics.items():
            values = np.atleast_1d(np.asarray(value))
            for seed, number in enumerate(values.tolist()):
                tag = name if len(values) == 1 else f"{name}/seed_{seed}"
                writer.add_scalar(tag, number, step)

    try:
        yield write
    finally:
        writer.close()
