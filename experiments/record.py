"""The folder of a run, and its record: what was run there."""

import dataclasses
import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments.catalogue import load
from experiments.config import RunConfig
from experiments.report import write_file
from genjax.errors import InputError, RunError

RECORD = "config.json"
# What a run that was killed before its record was written may have left.
BEFORE_RECORD = ("checkpoints", "scenes")


def open_folder(name: str, config: RunConfig) -> Path:
    """Returns the folder of a run, which it makes where it is not there.

    Args:
        name: `family/name` of the experiment.
        config: of the run.

    Raises:
        InputError: there is no run to resume, another one is there, or other files.
        RunError: the folder cannot be made.
    """
    folder = folder_of(name, config)
    has_run = (folder / RECORD).exists()
    if config.resume and not has_run:
        raise InputError(
            f"--resume: there is no run in {folder}; name it by --workdir."
        )
    if has_run and not config.resume:
        raise InputError(
            f"{folder} already holds a run: add --resume to go on, or name another."
        )
    owner = read_record(folder)["experiment"] if has_run else name
    if owner != name:
        raise InputError(f"{folder} holds a run of {owner}, not of {name}.")
    if not has_run and folder.is_dir():
        other = sorted(
            path.name
            for path in folder.iterdir()
            if path.name not in BEFORE_RECORD and not path.name.startswith(".")
        )
        if other:
            raise InputError(
                f"--workdir {folder} holds other files ({', '.join(other[:3])}): name "
                "a folder that is empty, or none."
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot write to {folder}: {error.strerror}.") from error
    return folder


def folder_of(name: str, config: RunConfig) -> Path:
    """Returns the path of a run's folder: a fresh one under `runs` where none is named.

    Args:
        name: `family/name` of the experiment.
        config: of the run.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return Path(config.workdir or f"runs/{name}/{stamp}").absolute()


def write_record(folder: Path, name: str, config: RunConfig) -> None:
    """Writes what the run is; a resumed run keeps its record, but for its length.

    Args:
        folder: of the run.
        name: `family/name` of the experiment.
        config: of the run.

    Raises:
        RunError: it cannot be written.
    """
    fields = {"experiment": name, **dataclasses.asdict(config)}
    path = folder / RECORD
    if path.exists():
        recorded = read_record(folder)
        if recorded.get("steps") == fields.get("steps"):
            return
        fields = recorded | {"steps": fields["steps"]}
    write_file(path, json.dumps(fields, indent=2) + "\n")


def read_record(folder: Path) -> dict[str, Any]:
    """Reads the experiment and the fields of a run.

    Args:
        folder: of the run.

    Raises:
        InputError: the folder holds no run, or its record is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        raise InputError(f"{folder} is not the folder of a run: it has no {RECORD}.")
    try:
        fields = json.loads(path.read_text())
        name = fields.pop("experiment")
        if not isinstance(name, str):
            raise TypeError(f"the experiment is {name!r}")
        return {"experiment": name, **fields}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not the record of a run: {type(error).__name__} ({error})."
        ) from error


def read_run(folder: Path) -> tuple[ModuleType, Any]:
    """Returns the experiment of a run, imported, and its configuration.

    Args:
        folder: of the run.

    Raises:
        InputError: the folder holds no run of this version, or its record is damaged.
    """
    fields = read_record(folder)
    module = load(fields.pop("experiment"))
    known = {field.name for field in dataclasses.fields(module.Config)}
    if set(fields) != known:
        differing = sorted(set(fields) ^ known)
        raise InputError(f"{folder} is of another version: {differing} differ.")
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return module, module.Config(**tuples)
