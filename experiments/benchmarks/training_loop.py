"""What `fit` adds to its compiled steps, and what an ensemble of seeds saves.

uv run python -m experiments.benchmarks.training_loop
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any

import jax
import numpy as np
import optax
from rich.console import Console

from experiments.benchmarks.timing import median_ms
from genjax.autoregressive import nade
from genjax.base import Update
from genjax.data import ArraySource, on_device
from genjax.densities import negative_log_likelihood
from genjax.training import ensemble, fit, gradient_descent, jsonl_writer
from genjax.training._fit import compile_chunk


def one_millisecond() -> tuple[Update, ArraySource]:
    """A NADE whose step takes about a millisecond."""
    objective = negative_log_likelihood(nade(hidden=32))
    source = ArraySource({"x": np.ones((1000, 100), np.float32)})
    return gradient_descent(objective, optax.adam(1e-3)), source


class Clock:
    """A metric writer that notes when it is called."""

    def __init__(self) -> None:
        self.stamps: list[float] = []

    def write(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Notes the time."""
        del step, metrics
        self.stamps.append(time.perf_counter())


def loop_overhead(*, steps: int = 3000, chunk: int = 200) -> tuple[float, float]:
    """Returns the milliseconds a step in compiled chunks alone, and within `fit`."""
    update, source = one_millisecond()
    pipeline = on_device(source, batch_size=100, seed=0)
    key = jax.random.key(0)

    run, feed = compile_chunk(update, pipeline), pipeline.feed(0, chunk)
    state = update.init(key, pipeline.example)

    def compiled() -> Any:
        nonlocal state
        state, metrics = run(state, pipeline.resident, feed)
        return metrics

    alone, within = [], []
    for _ in range(3):
        ms = median_ms(compiled, runs=steps // chunk)
        alone.append(ms / chunk)
        with TemporaryDirectory() as folder, ExitStack() as stack:
            clock = Clock()
            writer = stack.enter_context(jsonl_writer(f"{folder}/metrics.jsonl"))
            writers = [writer, clock.write]
            fit(update, pipeline, key=key, steps=steps, chunk=chunk, writers=writers)
            within.append(1e3 * float(np.median(np.diff(clock.stamps[1:]))) / chunk)
    return float(np.median(alone)), float(np.median(within))


def seeds_ratios(*, runs: int, seeds: int = 8, steps: int = 200) -> list[float]:
    """Returns the time of an ensemble over that of its runs, compilation included."""
    source = ArraySource({"x": np.ones((64, 16), np.float32)})
    pipeline = on_device(source, batch_size=16, seed=0)

    def seconds(update: Update) -> float:
        start = time.perf_counter()
        fit(update, pipeline, key=jax.random.key(0), steps=steps, show_progress=False)
        return time.perf_counter() - start

    def small() -> Update:
        objective = negative_log_likelihood(nade(hidden=16))
        return gradient_descent(objective, optax.adam(1e-3))

    return [
        seconds(ensemble(small(), seeds)) / (seeds * seconds(small()))
        for _ in range(runs)
    ]


def main() -> None:
    """Prints both figures."""
    alone, within = loop_overhead()
    console = Console()
    console.print(f"a step alone {alone:.3f} ms, within fit {within:.3f} ms")
    console.print(f"the loop adds {100 * (within / alone - 1):.1f} %")
    console.print(
        f"8 seeds as one program / 8 runs: {np.median(seeds_ratios(runs=5)):.2f}"
    )


if __name__ == "__main__":
    main()
