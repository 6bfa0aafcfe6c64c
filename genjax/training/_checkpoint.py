"""Checkpoints that are whole, verified, and refused by another configuration.

Orbax writes them asynchronously and atomically; here each gets a digest per leaf, which
is verified when it is read, and the configuration of its run.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from genjax.base import TrainState
from genjax.checks import check_same_leaves, leaf_name
from genjax.errors import InputError, RunError
from genjax.training._digest import snapshot
from genjax.training._lock import locked, quieten
from genjax.typing import Array, Tree, Variables

Metric: TypeAlias = float | np.generic | np.ndarray | Array


class Checkpoints:
    """The checkpoints of one run: a folder with a step in each subfolder.

    Args:
        directory: where they are; made when it is not there.
        config: what identifies the run, as JSON. A folder that holds checkpoints of
            another configuration is refused.
        metric: the metric by which a checkpoint is the best: the lowest.
        keep_latest: how many of the latest are kept.
        keep_best: how many of the best are kept.
        read_only: touch nothing: for finished runs, and those of others.

    Raises:
        InputError: the folder holds another configuration's checkpoints, or a damaged
            one; the sentence names the fields, or the leaf.
        RunError: the folder cannot be written, or another process writes to it.

    >>> import jax
    >>> from genjax.base import TrainState
    >>> from genjax.training import Checkpoints
    >>> import tempfile, jax.numpy as jnp
    >>> state = TrainState(jnp.zeros((), int), jax.random.key(0), {"params": {}}, ())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Checkpoints(folder, config={"seed": 0}) as checkpoints:
    ...         checkpoints.save(10, state)
    ...         checkpoints.wait()
    ...         checkpoints.latest
    10
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        config: Mapping[str, Any],
        metric: str = "loss",
        keep_latest: int = 2,
        keep_best: int = 1,
        read_only: bool = False,
    ) -> None:
        self.directory = Path(directory).absolute()
        self.config = json.loads(json.dumps(dict(config), default=_plain))
        self.metric = metric
        self._started: Any = None
        self._lock: IO[str] | None = None
        if not read_only:
            self._refuse_unwritable()
            self._lock = locked(self.directory) if jax.process_index() == 0 else None
        elif not self.directory.is_dir():
            raise InputError(f"there is no folder of checkpoints at {self.directory}.")
        quieten()
        try:
            self._begin(keep_latest, keep_best, cleanup=not read_only)
        except BaseException:
            self._unlock()
            raise

    def _begin(self, keep_latest: int, keep_best: int, *, cleanup: bool) -> None:
        try:
            self._checkpointer = self._open(keep_latest, keep_best, cleanup=cleanup)
            latest = self.latest
        except ValueError as error:
            raise InputError(
                f"a checkpoint in {self.directory} is damaged: {_first_line(error)}."
            ) from error
        except OSError as error:
            raise RunError(
                f"the checkpoints in {self.directory} cannot be opened: "
                f"{_first_line(error)}."
            ) from error
        if latest is not None:
            self._refuse_other_config(self._record(latest)["config"])

    def _refuse_unwritable(self) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.directory).close()
        except OSError as error:
            raise RunError(_unwritable(self.directory, error)) from error

    def _open(self, keep_latest: int, keep_best: int, *, cleanup: bool) -> Any:
        from orbax.checkpoint import v1

        ocp: Any = v1  # its own policies do not match its own annotations
        saving = ocp.training.save_decision_policies
        preservation = ocp.training.preservation_policies
        return ocp.training.Checkpointer(
            self.directory,
            save_decision_policy=saving.FixedIntervalPolicy(1),
            preservation_policy=preservation.AnyPreservationPolicy(
                [
                    preservation.LatestN(keep_latest),
                    preservation.BestN(
                        get_metric_fn=lambda metrics: metrics[self.metric],
                        reverse=True,
                        n=keep_best,
                        keep_checkpoints_without_metrics=False,
                    ),
                ]
            ),
            cleanup_tmp_directories=cleanup,
        )

    @property
    def latest(self) -> int | None:
        """The step of the latest complete checkpoint, None when there is none."""
        found = self._checkpointer.latest
        return None if found is None else found.step

    @property
    def best(self) -> int | None:
        """The step with the lowest metric; the latest where none has a finite one.

        Raises:
            InputError: a checkpoint is damaged, or not where it was written.
        """
        records = {c.step: self._record(c.step) for c in self._checkpointer.checkpoints}
        scored = {
            step: record["metrics"][self.metric]
            for step, record in records.items()
            if record["metrics"] and np.isfinite(record["metrics"][self.metric])
        }
        if not scored:
            return self.latest
        return min(scored, key=lambda step: (scored[step], step))

    def save(
        self,
        step: int,
        state: TrainState,
        metrics: Mapping[str, Metric] | None = None,
    ) -> None:
        """Starts to save a state; returns as soon as the state may be donated.

        Args:
            step: how many steps the state has made.
            state: the whole state.
            metrics: what it scored, `metric` among it, to count among the best; of
                arrays their means.

        Raises:
            InputError: `metrics` lacks `metric`.
            RunError: this or an earlier save could not be written.
        """
        scores = self._scores(metrics)
        self.wait()
        if step == self.latest:
            return
        copy, digests = snapshot(state)
        flat = jax.tree_util.tree_flatten_with_path(digests)[0]
        names = {leaf_name(path): np.asarray(leaf).tolist() for path, leaf in flat}
        record = {
            "step": step,
            "metrics": scores,
            "config": self.config,
            "digests": names,
        }
        try:
            self._started = self._checkpointer.save_checkpointables_async(
                step,
                {"state": _nonempty(copy)},
                force=True,
                metrics=scores,
                custom_metadata={**record, "seal": _seal(record)},
            )
        except Exception as error:
            raise RunError(_unwritable(self.directory, error)) from error
        if self._started is None:
            raise RunError(f"the checkpoint of step {step} was not accepted.")

    def _scores(self, metrics: Mapping[str, Metric] | None) -> dict[str, float] | None:
        if metrics is None:
            return None
        if self.metric not in metrics:
            raise InputError(
                f"the best checkpoint is chosen by {self.metric!r}, which is not among "
                f"the metrics {sorted(metrics)}; name one of them as Checkpoints(..., "
                "metric=...)."
            )
        # Not a number is never the best.
        return {
            name: float(
                np.nan_to_num(np.mean(np.asarray(value)), nan=np.inf, neginf=-np.inf)
            )
            for name, value in metrics.items()
        }

    def wait(self) -> None:
        """Waits until the save that was started last is complete.

        Raises:
            RunError: it could not be written.
        """
        started, self._started = self._started, None
        if started is None:
            return
        errors: list[Exception] = []
        # The answer holds a thread and three descriptors until it is asked for.
        for finish in (started.result, self._checkpointer.wait):
            try:
                finish()
            except Exception as error:
                errors.append(error)
        if errors:
            raise RunError(_unwritable(self.directory, errors[0])) from errors[0]

    def restore(self, template: TrainState, step: int | None = None) -> TrainState:
        """Reads a checkpoint and verifies every leaf.

        Args:
            template: a state of the same structure; its shardings are those of the
                result, on however many devices the checkpoint was written.
            step: which; the latest when None.

        Raises:
            InputError: there is no such checkpoint, its structure is another one, or it
                is damaged.
        """
        step = self.latest if step is None else step
        if step is None:
            raise InputError(f"there is no complete checkpoint in {self.directory}.")
        record = self._record(step)
        self._refuse_other_config(record["config"])
        template = jax.tree.map(jnp.asarray, template)
        wanted = jax.tree.map(_abstract, _nonempty(template))
        self._refuse_other_leaves(step, record, wanted)
        try:
            state = self._load(step, wanted)
        except Exception as error:
            raise InputError(self._damaged(step, self._reason(step, wanted))) from error
        state = _with_empty(state, template)
        self._verify(step, state, record["digests"])
        return state

    def restore_variables(
        self, template: Variables, step: int | None = None
    ) -> Variables:
        """Reads the variables of a checkpoint, whatever optimiser has trained them.

        They are those to evaluate: the average where one was kept.

        Args:
            template: variables of the same model: `density.init(key, x)`.
            step: which; the best when None.

        Raises:
            InputError: there is no such checkpoint, it is of another model, or it is
                damaged.
        """
        step = self.best if step is None else step
        if step is None:
            raise InputError(f"there is no complete checkpoint in {self.directory}.")
        record = self._record(step)
        saved = self._saved(step, record)
        has_average = any(path[0].key == "average" for path, _ in saved[0])
        part = "average" if has_average else "variables"
        template = jax.tree.map(jnp.asarray, template)
        flat, structure = jax.tree_util.tree_flatten_with_path(_nonempty(template))
        own = {f"{part}/{leaf_name(path)}": leaf for path, leaf in flat}
        check_same_leaves(
            f"the checkpoint of step {step} in {self.directory}",
            {leaf_name(path): x for path, x in saved[0] if path[0].key == part},
            own,
        )
        wanted = [
            _abstract(own[leaf_name(path)]) if path[0].key == part else ...
            for path, _ in saved[0]
        ]
        try:
            state = self._load(step, saved[1].unflatten(wanted))
        except Exception as error:
            raise InputError(self._damaged(step, _first_line(error))) from error
        found = {
            leaf_name(path): leaf
            for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]
        }
        variables = structure.unflatten([found[name] for name in own])
        variables = _with_empty(variables, template)
        self._verify(step, {part: variables}, record["digests"])
        return variables

    def _saved(
        self, step: int, record: Mapping[str, Any]
    ) -> tuple[list[tuple[Any, Any]], Any]:
        """The leaves of a checkpoint with their paths, as its index tells them."""
        try:
            found = self._checkpointer.checkpointables_metadata(step).metadata["state"]
            saved = jax.tree_util.tree_flatten_with_path(found)
        except Exception as error:
            why = f"its index is not readable ({_first_line(error)})"
            raise InputError(self._damaged(step, why)) from error
        lost = record["digests"].keys() - {leaf_name(path) for path, _ in saved[0]}
        if lost:
            why = f"the leaf {min(lost)} is not in its index"
            raise InputError(self._damaged(step, why))
        return saved

    def _refuse_other_leaves(
        self, step: int, record: Mapping[str, Any], wanted: Tree
    ) -> None:
        user = f"the checkpoint of step {step} in {self.directory}"
        saved = {leaf_name(path): leaf for path, leaf in self._saved(step, record)[0]}
        own = {
            leaf_name(path): _written(leaf)
            for path, leaf in jax.tree_util.tree_flatten_with_path(wanted)[0]
        }
        check_same_leaves(user, saved, own)

    def _load(self, step: int, wanted: Tree) -> Any:
        found = self._checkpointer.load_checkpointables(step, {"state": wanted})
        return found["state"]

    def _reason(self, step: int, wanted: Tree) -> str:
        """Reads the leaves one by one, since Orbax does not say which is damaged."""
        leaves, structure = jax.tree_util.tree_flatten_with_path(wanted)
        for place, (path, _) in enumerate(leaves):
            alone = [leaf if i == place else ... for i, (_, leaf) in enumerate(leaves)]
            try:
                self._load(step, structure.unflatten(alone))
            except Exception as error:
                why = _first_line(error)[:80]
                return f"the leaf {leaf_name(path)} is not readable ({why})"
        return "its index files are not readable, or its structure is another one"

    def _verify(self, step: int, state: Tree, saved: Mapping[str, Any]) -> None:
        _, digests = snapshot(state)
        for path, leaf in jax.tree_util.tree_flatten_with_path(digests)[0]:
            name = leaf_name(path)
            if saved.get(name) != np.asarray(leaf).tolist():
                raise InputError(
                    self._damaged(step, f"the leaf {name} is not what was saved")
                )

    def _damaged(self, step: int, why: str) -> str:
        others = [c.step for c in self._checkpointer.checkpoints if c.step != step]
        rest = f"; other checkpoints are there: {others}" if others else ""
        return (
            f"the checkpoint of step {step} in {self.directory} cannot be used: "
            f"{why}{rest}."
        )

    def _record(self, step: int) -> dict[str, Any]:
        """What a checkpoint says of itself, once it is known to be what was saved."""
        try:
            found = self._checkpointer.checkpointables_metadata(step)
            record = dict(found.custom_metadata)
            seal = record.pop("seal")
            metrics = found.metrics
        except Exception as error:
            raise InputError(
                self._damaged(step, "its configuration is not readable")
            ) from error
        if seal != _seal(record) or metrics != record["metrics"]:
            why = "its metrics or its configuration are not what was saved"
            raise InputError(self._damaged(step, why))
        if record["step"] != step:
            why = f"it was saved as that of step {record['step']}"
            raise InputError(self._damaged(step, why))
        return record

    def _refuse_other_config(self, saved_config: Mapping[str, object]) -> None:
        differing = [
            f"{name} = {saved_config.get(name, 'absent')!r} there, "
            f"{self.config.get(name, 'absent')!r} here"
            for name in sorted(saved_config.keys() | self.config.keys())
            if _differ(
                saved_config.get(name, _MISSING), self.config.get(name, _MISSING)
            )
        ]
        if differing:
            raise InputError(
                f"the checkpoints in {self.directory} belong to another configuration: "
                f"{'; '.join(differing)}."
            )

    def close(self) -> None:
        """Waits for the started saves and releases the folder."""
        try:
            self.wait()
        finally:
            try:
                self._checkpointer.close()
            except Exception as error:
                raise RunError(_unwritable(self.directory, error)) from error
            finally:
                self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except RunError:
            if error is None:  # what ends the run was said already
                raise


_MISSING = object()


def _nonempty(tree: Tree) -> Tree:
    """The tree with a number in place of each empty leaf, which Orbax refuses."""

    def one(leaf: Array) -> Array:
        return leaf if leaf.size else jnp.zeros(1, jnp.uint8)

    return jax.tree.map(one, tree)


def _with_empty(tree: Tree, template: Tree) -> Tree:
    """The tree with the template's empty leaves, which were not written."""
    return jax.tree.map(lambda leaf, own: leaf if own.size else own, tree, template)


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def _written(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    """What stands in the files for a leaf: the words of a key."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.eval_shape(jax.random.key_data, leaf)
    return leaf


def _unwritable(directory: Path, error: Exception) -> str:
    return (
        f"cannot write checkpoints to {directory}: {_first_line(error)}. "
        "What was saved before is whole."
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")[:300]


def _seal(record: Mapping[str, object]) -> str:
    """A digest of all that a checkpoint says of itself."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _differ(value: object, other: object) -> bool:
    # Not a number is like itself here.
    return value != other and not (value != value and other != other)


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return np.asarray(value).tolist()
    raise InputError(
        f"the configuration of checkpoints is numbers, texts, lists and mappings of "
        f"them, got {type(value).__name__}."
    )
