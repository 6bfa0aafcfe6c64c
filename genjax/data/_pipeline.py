"""From a source, or a sampler, to the batches of a step.

A pipeline has no state of its own: what a step sees is a function of its number.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import numpy as np

from genjax.checks import check_is
from genjax.data._indices import Share, indices_at
from genjax.data._source import ArraySource, Source
from genjax.errors import InputError, extra
from genjax.typing import Array, Batch, Key, Tree

Rows: TypeAlias = Callable[..., np.ndarray]
"""`(start, count, share=WHOLE) -> [count, rows]`, the indices of examples."""

WHOLE = Share()


@runtime_checkable
class Feed(Protocol):
    """What steps need from the host, whole or the share of one process."""

    def __call__(self, start: int, count: int, share: Share = WHOLE, /) -> Tree:
        """Returns the items `[count, ...]`."""
        ...


class Pipeline(NamedTuple):
    """How global batches reach a compiled step.

    Fields:
        example: the batch of step 0, for `init`.
        resident: a pytree that stays on the device, `()` when there is none.
        feed: `(start, count, share=Share()) -> items [count, ...]`, on the host: what
            the steps `start, ..., start + count - 1` need, or the share of it that
            belongs to one of several processes.
        read: `(resident, item) -> batch`, pure: runs inside the compiled step.
    """

    example: Batch
    resident: Tree
    feed: Feed
    read: Callable[[Tree, Tree], Batch]


def in_memory(source: Source, *, batch_size: int, seed: int) -> Pipeline:
    """Gathers batches on the host, from any source.

    The batch of a step has the fields of the source, each `[batch_size, ...]`.

    Args:
        source: the examples.
        batch_size: examples of a step, over all processes.
        seed: of the order.

    >>> import numpy as np
    >>> from genjax.data import ArraySource, in_memory
    >>> source = ArraySource({"x": np.arange(6)})
    >>> in_memory(source, batch_size=2, seed=0).feed(0, 3)["x"].shape
    (3, 2)
    """
    check_is("in_memory", Source, source=source)
    rows = _rows(len(source), batch_size, seed)

    def feed(start: int, count: int, share: Share = WHOLE) -> Tree:
        indices = rows(start, count, share)
        flat = source.gather(indices.reshape(-1))
        return {k: v.reshape(*indices.shape, *v.shape[1:]) for k, v in flat.items()}

    return Pipeline(source.gather(rows(0, 1)[0]), (), feed, lambda _, item: item)


def on_device(source: ArraySource, *, batch_size: int, seed: int) -> Pipeline:
    """Keeps the whole set on the device and gathers inside the compiled step.

    The fastest way for everything that fits: only indices cross to the device.

    The batch of a step has the fields of the source, each `[batch_size, ...]`.

    Args:
        source: the examples, in memory.
        batch_size: examples of a step, over all processes.
        seed: of the order.

    >>> import numpy as np
    >>> from genjax.data import ArraySource, on_device
    >>> pipeline = on_device(ArraySource({"x": np.arange(6)}), batch_size=2, seed=0)
    >>> pipeline.read(pipeline.resident, pipeline.feed(0, 1)[0])["x"].shape
    (2,)
    """
    check_is("on_device", ArraySource, source=source)
    rows = _rows(len(source), batch_size, seed)
    resident = jax.tree.map(jax.numpy.asarray, dict(source.arrays))

    def read(resident: Tree, indices: Array) -> Batch:
        return jax.tree.map(lambda leaf: leaf[indices], resident)

    return Pipeline(source.gather(rows(0, 1)[0]), resident, rows, read)


def generated(sample: Callable[[Key], Batch], *, seed: int) -> Pipeline:
    """Draws fresh examples inside the compiled step.

    Args:
        sample: `key -> batch`, pure.
        seed: of the examples; the batch of step `t` is drawn by `fold_in(key, t)`.

    >>> import jax
    >>> from genjax.data import generated
    >>> draw = lambda key: {"x": jax.random.normal(key, (4, 2))}
    >>> pipeline = generated(draw, seed=0)
    >>> pipeline.read(pipeline.resident, pipeline.feed(0, 1)[0])["x"].shape
    (4, 2)
    """
    key = jax.random.key(seed)

    def read(key: Key, step: Array) -> Batch:
        return sample(jax.random.fold_in(key, step))

    def feed(start: int, count: int, share: Share = WHOLE) -> np.ndarray:
        del share  # the number of a step is that of every process
        return np.arange(start, start + count, dtype=np.int32)

    return Pipeline(sample(jax.random.fold_in(key, 0)), key, feed, read)


def mapped(pipeline: Pipeline, function: Callable[[Batch], Batch]) -> Pipeline:
    """Prepares every batch inside the compiled step: bytes stay bytes until then.

        batch' = function(batch)

    What draws, such as augmentation, takes a key: `training.with_preprocessing`.

    Args:
        pipeline: of the batches.
        function: pure `batch -> batch`: casts, scales, renames.

    >>> import numpy as np
    >>> from genjax.data import ArraySource, mapped, on_device, scale_pixels
    >>> source = ArraySource({"image": np.full((6, 2), 255, np.uint8)})
    >>> pipeline = mapped(
    ...     on_device(source, batch_size=2, seed=0),
    ...     lambda batch: {"x": scale_pixels(batch["image"], low=-1.0)},
    ... )
    >>> pipeline.example["x"].tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    check_is("mapped", Pipeline, pipeline=pipeline)

    def read(resident: Tree, item: Tree) -> Batch:
        return function(pipeline.read(resident, item))

    return pipeline._replace(example=function(pipeline.example), read=read)


def streamed(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    steps: int,
    threads: int = 2,
    workers: int = 0,
) -> Pipeline:
    """Reads ahead with grain, for sources that are slow or larger than memory.

    Grain runs over the numbers of the steps, so that it has nothing to remember: a
    pipeline started at any step gives what an uninterrupted one would have given.

    The batch of a step has the fields of the source, each `[batch_size, ...]`.

    Args:
        source: the examples.
        batch_size: examples of a step, over all processes.
        seed: of the order.
        steps: how many steps there are at most.
        threads: reading threads per process.
        workers: worker processes; 0 reads in this process.

    >>> import numpy as np
    >>> from genjax.data import ArraySource, streamed
    >>> source = ArraySource({"x": np.arange(6)})
    >>> streamed(source, batch_size=2, seed=0, steps=3).feed(1, 2)["x"].shape
    (2, 2)
    """
    check_is("streamed", Source, source=source)
    with extra("data"):
        import grain

    rows = _rows(len(source), batch_size, seed)
    numbers = grain.MapDataset.range(steps)
    position, iterator = (-1, WHOLE), iter(())

    def feed(start: int, count: int, share: Share = WHOLE) -> Tree:
        nonlocal position, iterator
        if (start, share) != position:
            batches = numbers.map(partial(_gather_step, source, rows, share))
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
        position = (-1, WHOLE)  # what fails here is read anew
        items = [next(iterator) for _ in range(count)]
        position = (start + count, share)
        return jax.tree.map(lambda *leaves: np.stack(leaves), *items)

    return Pipeline(source.gather(rows(0, 1)[0]), (), feed, lambda _, item: item)


def _gather_step(source: Source, rows: Rows, share: Share, step: int) -> Batch:
    return dict(source.gather(rows(step, 1, share)[0]))


def _rows(size: int, batch_size: int, seed: int) -> Rows:
    """Returns `(start, count, share) -> [count, rows of the share]`."""
    at = partial(indices_at, size=size, batch_size=batch_size, seed=seed)
    at(0)
    return partial(_stack_rows, at)


def _stack_rows(
    at: Callable[[int], np.ndarray], start: int, count: int, share: Share = WHOLE
) -> np.ndarray:
    each = [at(start + i) for i in range(count)]
    return np.stack([rows[share.rows(len(rows))] for rows in each]).astype(np.int32)
