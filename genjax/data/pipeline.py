"""From a source, or a sampler, to the batches of a step.

A pipeline has no state of its own: what a step sees is a function of its number.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from genjax.data.indices import indices_at
from genjax.data.source import ArraySource, Source
from genjax.errors import InputError
from genjax.typing import Batch, Key


class Pipeline(NamedTuple):
    """How batches reach a compiled step.

    Fields:
        example: the batch of step 0, for `init`.
        resident: a pytree that stays on the device, `()` when there is none.
        feed: `(start, count) -> items [count, ...]`, on the host: what the steps
            `start, ..., start + count - 1` need.
        read: `(resident, item) -> batch`, pure: runs inside the compiled step.
    """

    example: Batch
    resident: Any
    feed: Callable[[int, int], Any]
    read: Callable[[Any, Any], Batch]


def in_memory(
    source: Source, *, batch_size: int, seed: int, host: int = 0, hosts: int = 1
) -> Pipeline:
    """Gathers batches on the host, from any source.

    Args:
        source: the examples.
        batch_size: examples a step, over all hosts.
        seed: of the order.
        host: this host.
        hosts: how many hosts there are.

    >>> source = ArraySource({"x": np.arange(6)})
    >>> in_memory(source, batch_size=2, seed=0).feed(0, 3)["x"].shape
    (3, 2)
    """
    rows = _rows(len(source), batch_size, seed, host, hosts)

    def feed(start: int, count: int) -> Any:
        indices = rows(start, count)
        flat = source.gather(indices.reshape(-1))
        return {k: v.reshape(*indices.shape, *v.shape[1:]) for k, v in flat.items()}

    return Pipeline(source.gather(rows(0, 1)[0]), (), feed, lambda _, item: item)


def on_device(
    source: ArraySource, *, batch_size: int, seed: int, host: int = 0, hosts: int = 1
) -> Pipeline:
    """Keeps the whole set on the device and gathers inside the compiled step.

    The fastest way for everything that fits: only indices cross to the device.

    Args:
        source: the examples, in memory.
        batch_size: examples a step, over all hosts.
        seed: of the order.
        host: this host.
        hosts: how many hosts there are.

    >>> pipeline = on_device(ArraySource({"x": np.arange(6)}), batch_size=2, seed=0)
    >>> pipeline.read(pipeline.resident, pipeline.feed(0, 1)[0])["x"].shape
    (2,)
    """
    rows = _rows(len(source), batch_size, seed, host, hosts)
    resident = jax.tree.map(jax.numpy.asarray, dict(source.arrays))

    def read(resident: Any, indices: Any) -> Batch:
        return jax.tree.map(lambda leaf: leaf[indices], resident)

    return Pipeline(source.gather(rows(0, 1)[0]), resident, rows, read)


def generated(sample: Callable[[Key], Batch], *, seed: int) -> Pipeline:
    """Draws fresh examples inside the compiled step.

    Args:
        sample: `key -> batch`, pure.
        seed: of the examples; the batch of step `t` is drawn by `fold_in(key, t)`.

    >>> draw = lambda key: {"x": jax.random.normal(key, (4, 2))}
    >>> pipeline = generated(draw, seed=0)
    >>> pipeline.read(pipeline.resident, pipeline.feed(0, 1)[0])["x"].shape
    (4, 2)
    """
    key = jax.random.key(seed)

    def read(key: Any, step: Any) -> Batch:
        return sample(jax.random.fold_in(key, step))

    def feed(start: int, count: int) -> np.ndarray:
        return np.arange(start, start + count, dtype=np.int32)

    return Pipeline(sample(jax.random.fold_in(key, 0)), key, feed, read)


def streamed(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    steps: int,
    host: int = 0,
    hosts: int = 1,
    threads: int = 2,
    workers: int = 0,
) -> Pipeline:
    """Reads ahead with grain, for sources that are slow or larger than memory.

    Grain runs over the numbers of the steps, so that it has nothing to remember: a
    pipeline started at any step gives what an uninterrupted one would have given.

    Args:
        source: the examples.
        batch_size: examples a step, over all hosts.
        seed: of the order.
        steps: how many steps there are at most.
        host: this host.
        hosts: how many hosts there are.
        threads: reading threads a process.
        workers: worker processes; 0 reads in this process.

    >>> source = ArraySource({"x": np.arange(6)})
    >>> streamed(source, batch_size=2, seed=0, steps=3).feed(1, 2)["x"].shape
    (2, 2)
    """
    import grain

    rows = _rows(len(source), batch_size, seed, host, hosts)
    batches = grain.MapDataset.range(steps).map(partial(_gather_step, source, rows))
    position, iterator = -1, iter(())

    def feed(start: int, count: int) -> Any:
        nonlocal position, iterator
        if start != position:
            options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=64)
            ahead = batches[start:].to_iter_dataset(options)
            if workers:
                ahead = ahead.mp_prefetch(
                    grain.MultiprocessingOptions(num_workers=workers)
                )
            iterator = iter(ahead)
        if start + count > steps:
            raise InputError(
                f"streamed: steps = {steps}, but step {start + count} was asked for."
            )
        items = [next(iterator) for _ in range(count)]
        position = start + count
        return jax.tree.map(lambda *leaves: np.stack(leaves), *items)

    return Pipeline(source.gather(rows(0, 1)[0]), (), feed, lambda _, item: item)


def _gather_step(source: Source, rows: Callable[..., np.ndarray], step: int) -> Batch:
    return dict(source.gather(rows(step, 1)[0]))


def _rows(
    size: int, batch_size: int, seed: int, host: int, hosts: int
) -> Callable[[int, int], np.ndarray]:
    """Returns `(start, count) -> [count, rows of this host]`."""
    at = partial(
        indices_at, size=size, batch_size=batch_size, seed=seed, host=host, hosts=hosts
    )
    at(0)
    return partial(_stack_rows, at)


def _stack_rows(at: Callable[[int], np.ndarray], start: int, count: int) -> np.ndarray:
    return np.stack([at(start + i) for i in range(count)]).astype(np.int32)
