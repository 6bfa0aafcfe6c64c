"""One program over many devices and hosts.

Losses are written over the global batch and the data is sharded: `data_parallel` is all
that a training step needs, on one host or many. `pmap` is there for those who ask for
it; it averages per-device gradients, which equals the global gradient for every loss
that is a mean over examples.
"""

import atexit
import os
from functools import partial

import jax
import jax.extend
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from genjax.base import TrainState, Update
from genjax.checks import check_is
from genjax.data import Pipeline, Share
from genjax.errors import InputError
from genjax.programs import device_varying
from genjax.steps import PMAP_AXIS
from genjax.training._meeting import Links, meet, say_end, watch
from genjax.typing import Array, Batch, Key, Metrics, Tree

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
    argument is found by itself. Where all three are named, a process that dies or
    raises what nothing catches ends the others too, at once, each with a sentence and
    the exit status 2; otherwise, and where a whole machine is gone, they end after two
    minutes.

    Args:
        coordinator: `host:port` of process 0.
        processes: how many processes there are.
        process: the index of this one.
        timeout: seconds to wait for the others.

    Raises:
        InputError: `process` is not among the processes, `coordinator` is no
            `host:port`, or an argument is missing that the environment does not give.
        RunError: not all processes came in time.

    >>> from genjax.training import initialize
    >>> initialize("localhost:1", processes=2, process=2)
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: initialize: process must be between 0 and
    processes - 1 = 1, got 2.
    """
    if processes is not None and process is not None and not 0 <= process < processes:
        raise InputError(
            f"initialize: process must be between 0 and processes - 1 = "
            f"{processes - 1}, got {process}."
        )
    links: Links = {}
    if coordinator is not None and processes is not None and process is not None:
        # JAX's runtime ends the interpreter where a process does not come.
        links = meet(coordinator, processes=processes, process=process, timeout=timeout)
        watch(links)
    # Its handler would take SIGTERM away from `fit`, which stops all hosts at one step.
    jax.config.update("jax_enable_preemption_service", val=False)
    try:
        jax.distributed.initialize(
            coordinator, processes, process, initialization_timeout=timeout
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"initialize: JAX cannot join the processes: {str(error).splitlines()[0]} "
            "Name coordinator, processes and process, before anything touches a device."
        ) from error
    if links:
        atexit.register(say_end, links, os.getpid())


def device_mesh(devices: int | None = None) -> Mesh:
    """Returns a mesh of one axis, `"data"`, over the devices of all hosts.

    Its devices are `[n]`, a batch `[b, ...]` goes to them in equal parts.

    Args:
        devices: how many devices to use; all when None.

    Raises:
        InputError: fewer devices are there than asked for.

    >>> from genjax.training import device_mesh
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


def shard_batch(batch: Tree, mesh: Mesh, *, axis: int = 0) -> Tree:
    """Makes a global batch of the rows that each host holds.

    Args:
        batch: this host's rows, a pytree of NumPy arrays.
        mesh: from `device_mesh`.
        axis: which axis counts the rows; 1 for stacked batches `[n, b, ...]`.

    Returns:
        Arrays sharded over the mesh, equal shares of the rows of every host.

    Raises:
        InputError: the rows cannot be shared out equally.

    >>> import numpy as np
    >>> from genjax.training import device_mesh, shard_batch
    >>> shard_batch({"x": np.zeros((4, 2))}, device_mesh(1))["x"].shape
    (4, 2)
    """
    sharding = NamedSharding(mesh, PartitionSpec(*[None] * axis, DATA_AXIS))

    def place(leaf: Array | np.ndarray) -> Array:
        rows = np.asarray(leaf)
        _check_divides(rows.shape[axis] * jax.process_count(), mesh.size)
        return jax.make_array_from_process_local_data(sharding, rows)

    return jax.tree.map(place, batch)


def shard_pipeline(pipeline: Pipeline, mesh: Mesh) -> Pipeline:
    """Feeds a pipeline's batches to all devices of a mesh, each process its own rows.

    A pipeline describes the global batch; here it is cut by process, so that every row
    is read once.

    Batches are global, pytrees `[b, ...]`.

    Args:
        pipeline: of global batches.
        mesh: from `device_mesh`.

    Raises:
        InputError: the processes or the devices do not divide the batch.

    >>> import numpy as np
    >>> from genjax.training import device_mesh, shard_pipeline
    >>> from genjax.data import ArraySource, in_memory
    >>> source = ArraySource({"x": np.ones((8, 2), np.float32)})
    >>> pipeline = in_memory(source, batch_size=4, seed=0)
    >>> shard_pipeline(pipeline, device_mesh(1)).example["x"].shape
    (4, 2)
    """
    check_is("shard_pipeline", Pipeline, pipeline=pipeline)
    replicated = NamedSharding(mesh, PartitionSpec())

    def place(leaf: Array | np.ndarray) -> Array:
        # What has no axis of rows, such as the numbers of the steps, goes to all.
        if np.ndim(leaf) > 1:
            return shard_batch(leaf, mesh, axis=1)
        return jax.device_put(leaf, replicated)

    share = Share(jax.process_index(), jax.process_count())

    def feed(start: int, count: int, share: Share = share) -> Tree:
        return jax.tree.map(place, pipeline.feed(start, count, share))

    def own_rows(leaf: Tree) -> np.ndarray:
        return np.asarray(leaf)[share.rows(len(leaf))]

    resident = jax.device_put(pipeline.resident, replicated)
    example = shard_batch(jax.tree.map(own_rows, pipeline.example), mesh)
    return pipeline._replace(example=example, resident=resident, feed=feed)


def data_parallel(update: Update, mesh: Mesh, *, fully_sharded: bool = False) -> Update:
    """Runs an update over a mesh, with its batch sharded; right for every loss.

    The step is jitted and its state donated. XLA inserts the collectives, so that batch
    statistics and cross-device negatives are those of the global batch.

    Batches are global, pytrees `[b, ...]`.

    Args:
        update: any update.
        mesh: from `device_mesh`.
        fully_sharded: also shard every large leaf of the state along its longest axis
            that the devices divide; otherwise the state is replicated.

    Raises:
        InputError: the devices do not divide the batch.

    >>> import jax
    >>> import optax
    >>> from genjax.densities import diagonal_normal, negative_log_likelihood
    >>> from genjax.training import data_parallel, device_mesh, gradient_descent
    >>> objective = negative_log_likelihood(diagonal_normal((2,)))
    >>> update = gradient_descent(objective, optax.sgd(0.1))
    >>> update = data_parallel(update, device_mesh(1))
    >>> batch = {"x": jax.numpy.ones((4, 2))}
    >>> state, metrics = update.step(update.init(jax.random.key(0), batch), batch)
    >>> int(state.step)
    1
    """
    check_is("data_parallel", Update, update=update)

    def sharding_of(leaf: Tree) -> NamedSharding:
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
    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        rows = NamedSharding(mesh, PartitionSpec(DATA_AXIS))
        for leaf in jax.tree.leaves(batch):
            _check_divides(leaf.shape[0], mesh.size)
        batch = jax.lax.with_sharding_constraint(batch, rows)
        state, metrics = update.step(spread(state), batch)
        whole = NamedSharding(mesh, PartitionSpec())
        return spread(state), jax.lax.with_sharding_constraint(metrics, whole)

    return Update(init, step)


def pmap(update: Update, devices: int | None = None) -> Update:
    """Runs an update device by device: state replicated, batch split over the devices.

    Each device draws its own keys and takes the gradient of its own rows; gradients,
    metrics and what depends on a device's rows are means over the devices. That equals
    one device wherever the loss is a mean over examples; batch statistics and negatives
    are those of each device (`data_parallel` is global there).

    It is `jax.shard_map` over local devices, which `jax.pmap` itself has become. When
    it is traced, the program is read to the end: an update whose state would come out
    different on different devices is refused.

    Batches are global, pytrees `[b, ...]`.

    Args:
        update: any update whose gradients are taken by `genjax.steps.gradient_of`, as
            those of the library are.
        devices: how many local devices; all when None.

    Returns:
        An update over global batches, with the state of `update`.

    Raises:
        InputError: fewer devices are there than asked for, they do not divide the
            batch, or the replicas would not stay equal.

    >>> import jax
    >>> import optax
    >>> from genjax.densities import diagonal_normal, negative_log_likelihood
    >>> from genjax.training import gradient_descent, pmap
    >>> objective = negative_log_likelihood(diagonal_normal((2,)))
    >>> update = pmap(gradient_descent(objective, optax.sgd(0.1)), 1)
    >>> batch = {"x": jax.numpy.ones((4, 2))}
    >>> state, metrics = update.step(update.init(jax.random.key(0), batch), batch)
    >>> int(state.step)
    1
    """
    check_is("pmap", Update, update=update)
    local = jax.local_devices()
    count = len(local) if devices is None else devices
    if not 1 <= count <= len(local):
        raise InputError(
            f"pmap: {count} devices were asked for, but there are {len(local)} here."
        )
    mesh = Mesh(np.array(local[:count]), (PMAP_AXIS,), axis_types=(AxisType.Auto,))

    def on_each(state: TrainState, rows: Batch) -> tuple[TrainState, Metrics]:
        program, shapes = jax.make_jaxpr(update.step, return_shape=True)(state, rows)
        leaves, own = jax.tree.leaves((state, rows)), len(jax.tree.leaves(state))
        inputs = [i >= own for i in range(len(leaves))]
        _refuse_varying(device_varying(program, inputs, axis=PMAP_AXIS), shapes)
        results = jax.extend.core.jaxpr_as_fun(program)(*leaves)
        return jax.tree.unflatten(jax.tree.structure(shapes), results)

    mapped = jax.shard_map(
        on_each,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec(PMAP_AXIS)),
        out_specs=PartitionSpec(),
        check_vma=False,
    )

    @partial(jax.jit, donate_argnums=0)
    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        for leaf in jax.tree.leaves(batch):
            _check_divides(leaf.shape[0], count)
        return mapped(state, batch)

    def init(key: Key, batch: Batch) -> TrainState:
        everywhere = NamedSharding(mesh, PartitionSpec())
        return jax.device_put(update.init(key, batch), everywhere)

    return Update(init, step)


def _refuse_varying(varying: list[bool], shapes: Tree) -> None:
    paths = jax.tree_util.tree_flatten_with_path(shapes)[0]
    names = [
        jax.tree_util.keystr(path[1:], simple=True, separator="/")
        for (path, _), differs in zip(paths, varying, strict=True)
        if differs
    ]
    if names:
        rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise InputError(
            f"pmap: {', '.join(names[:3])}{rest} would differ between the devices: the "
            "update never averages what it computes from their rows. Take gradients by "
            "genjax.steps.gradient_of, or use data_parallel."
        )


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
