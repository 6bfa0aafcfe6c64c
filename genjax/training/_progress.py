"""The progress bar of a run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def progress_bar(
    steps: int, *, start: int = 0, show: bool = True
) -> Iterator[Callable[[int, Mapping[str, Any]], None]]:
    """Shows the steps done, the throughput, the time left and the latest metrics.

    Args:
        steps: how many there are.
        start: how many are done.
        show: draw it; otherwise nothing appears.

    >>> from genjax.training._progress import progress_bar
    >>> with progress_bar(10, show=False) as advance:
    ...     advance(5, {"loss": 0.5})
    """
    if not show:
        yield lambda step, metrics: None
        return
    from rich.console import Group
    from rich.live import Live
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    progress = Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    task = progress.add_task("", total=steps, completed=start, rate="")
    shown = Text()  # the metrics have a line of their own, whatever they are called
    with Live(Group(progress, shown), refresh_per_second=4):

        def advance(step: int, metrics: Mapping[str, Any]) -> None:
            elapsed = progress.tasks[0].elapsed or 0
            rate = f"{(step - start) / elapsed:.0f} steps/s" if elapsed else ""
            progress.update(task, completed=step, rate=rate)
            shown.plain = "  ".join(f"{k} {np.mean(v):.4g}" for k, v in metrics.items())

        yield advance
