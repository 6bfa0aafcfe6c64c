"""One program over many devices and hosts.

Losses are written over the global batch and the data is sharded: `data_parallel` is all
that a training step needs, on one host or many. `pmap` is there for those who ask for
it; it averages per-device gradients, which equals the global gradient for every loss
that is a mean over examples.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from genjax.base import TrainState, Update
from genjax.data.pipeline import Pipeline
from genjax.errors import InputError
from genjax.steps import PMAP_AXIS
from genjax.typing import Array, Batch, Key

DATA_AXIS = "data"
"""The mesh axis over which batches are sharded."""


def initialize(
    coordinator: str | None = None,
    *,
    processes: int | None = None,
    process: int | None = None,
    timeout: int = 300,
) -> None:
    """Joins this process to a run over several hosts, by JAX's distributed runtime.

    Call it before anything else touches a device. On Cloud TPU and under Slurm every
    argument is found by itself.

    Args:
        coordinator: `host:port` of process 0.
        processes: how many processes there are.
        process: the index of this one.
        timeout: seconds to wait for the others.

    Raises:
        InputError: `process` is not among the processes.
    """
    if processes is not None and process is not None and not 0 <= process < processes:
        raise InputError(
            f"initialize: process must be between 0 and processes - 1 = "
            f"{processes - 1}, got {process}."
        )
    jax.distributed.initialize(
        coordinator, processes, process, initialization_timeout=timeout
    )


def device_mesh(devices: int | None = None) -> Mesh:
    """Returns a mesh of one axis, `"data"`, over the devices of all hosts.

    Args:
        devices: how many devices to use; all when None.

    Raises:
        InputError: fewer devices are there than asked for.

    >>> device_mesh(1).axis_names
    ('data',)
    """
    found = jax.devices()
    count = len(found) if devices is None else devices
    if not 1 <= count <= len(found):
        raise InputError(
            f"device_mesh: {count} devices were asked for, but there are {len(found)} "
            f"({found[0].platform})."
        )
    return jax.make_mesh(
        (count,), (DATA_AXIS,), axis_types=(AxisType.Auto,), devices=found[:count]
    )


def shard_batch(batch: Batch, mesh: Mesh, *, axis: int = 0) -> Batch:
    """Makes a global batch of the rows that each host holds.

    Args:
        batch: this host's rows, a pytree of NumPy arrays.
        mesh: from `device_mesh`.
        axis: which axis counts the rows; 1 for stacked batches `[n, b, ...]`.

    Returns:
        Arrays sharded over the mesh, equal shares of the rows of every host.

    Raises:
        InputError: the rows cannot be shared out equally.

    >>> shard_batch({"x": np.zeros((4, 2))}, device_mesh(1))["x"].shape
    (4, 2)
    """
    sharding = NamedSharding(mesh, PartitionSpec(*[None] * axis, DATA_AXIS))

    def place(leaf: Any) -> Array:
        leaf = np.asarray(leaf)
        _check_divides(leaf.shape[axis] * jax.process_count(), mesh.size)
        return jax.make_array_from_process_local_data(sharding, leaf)

    return jax.tree.map(place, batch)


def shard_pipeline(pipeline: Pipeline, mesh: Mesh) -> Pipeline:
    """Feeds a pipeline's batches to all devices of a mesh, each host its own rows.

    Args:
        pipeline: this host's pipeline.
        mesh: from `device_mesh`.
    """
    replicated = NamedSharding(mesh, PartitionSpec())

    def place(leaf: Any) -> Array:
        # What has no axis of rows, such as the numbers of the steps, goes to all.
        if np.ndim(leaf) > 1:
            return shard_batch(leaf, mesh, axis=1)
        return jax.device_put(leaf, replicated)

    def feed(start: int, count: int) -> Any:
        return jax.tree.map(place, pipeline.feed(start, count))

    resident = jax.device_put(pipeline.resident, replicated)
    example = shard_batch(jax.tree.map(np.asarray, pipeline.example), mesh)
    return pipeline._replace(example=example, resident=resident, feed=feed)


def data_parallel(update: Update, mesh: Mesh, *, fully_sharded: bool = False) -> Update:
    """Runs an update over a mesh, with its batch sharded; right for every loss.

    The step is jitted and its state donated. XLA inserts the collectives, so that batch
    statistics and cross-device negatives are those of the global batch.

    Args:
        update: any update.
        mesh: from `device_mesh`.
        fully_sharded: also shard every large leaf of the state along its longest axis
            that the devices divide; otherwise the state is replicated.

    Raises:
        InputError: the devices do not divide the batch.
    """

    def sharding_of(leaf: Any) -> NamedSharding:
        spec = _longest_axis(leaf.shape, mesh.size) if fully_sharded else []
        return NamedSharding(mesh, PartitionSpec(*spec))

    def spread(state: TrainState) -> TrainState:
        shardings = jax.tree.map(sharding_of, state)
        return jax.lax.with_sharding_constraint(state, shardings)

    def init(key: Key, batch: Batch) -> TrainState:
        shapes = jax.eval_shape(update.init, key, batch)
        place = jax.jit(update.init, out_shardings=jax.tree.map(sharding_of, shapes))
        return place(key, batch)

    @partial(jax.jit, donate_argnums=0)
    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, Array]]:
        rows = NamedSharding(mesh, PartitionSpec(DATA_AXIS))
        for leaf in jax.tree.leaves(batch):
            _check_divides(leaf.shape[0], mesh.size)
        batch = jax.lax.with_sharding_constraint(batch, rows)
        state, metrics = update.step(spread(state), batch)
        whole = NamedSharding(mesh, PartitionSpec())
        return spread(state), jax.lax.with_sharding_constraint(metrics, whole)

    return Update(init, step)


def pmap(update: Update, devices: int | None = None) -> Update:
    """Runs an update by `jax.pmap`: state replicated, batch split over the devices.

    Gradients, changed collections and metrics are means over the devices: equal to one
    device wherever the loss is a mean over examples, and per-device for batch
    statistics and negatives (`data_parallel` is global there). Each device draws its
    own keys.

    Args:
        update: an update made by `genjax.steps.descend`, as all of the library are.
        devices: how many local devices; all when None.

    Returns:
        An update over global batches whose state has a leading axis of devices.

    Raises:
        InputError: the devices do not divide the batch.
    """
    count = jax.local_device_count() if devices is None else devices
    mapped = jax.pmap(
        update.step, PMAP_AXIS, devices=jax.local_devices()[:count], donate_argnums=0
    )

    def split(leaf: Array) -> Array:
        _check_divides(leaf.shape[0], count)
        return leaf.reshape(count, leaf.shape[0] // count, *leaf.shape[1:])

    def init(key: Key, batch: Batch) -> TrainState:
        return jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)),
            update.init(key, batch),
        )

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, Array]]:
        state, metrics = mapped(state, jax.tree.map(split, batch))
        return state, jax.tree.map(lambda leaf: leaf[0], metrics)

    return Update(init, step)


def _check_divides(rows: int, devices: int) -> None:
    if rows % devices:
        raise InputError(
            f"a batch of {rows} rows cannot be shared by {devices} devices: choose a "
            f"batch size that is a multiple of {devices}."
        )


def _longest_axis(shape: tuple[int, ...], devices: int) -> list[str | None]:
    axes = [i for i, size in enumerate(shape) if size % devices == 0 and size > devices]
    if not axes:
        return []
    longest = max(axes, key=lambda i: shape[i])
    return [DATA_AXIS if i == longest else None for i in range(len(shape))]
