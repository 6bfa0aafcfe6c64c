"""The command line: list, run, sample, evaluate, prepare data."""

import argparse
import dataclasses
import os
import signal
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments.catalogue import experiments, load, read_card
from experiments.config import RESUMED, RUN_FIELDS, RunConfig
from genjax.errors import GenjaxError, InputError

ERROR = 2


def main(arguments: list[str]) -> int:
    """Runs a command and returns the exit status."""
    # What stopped a run is told once, with how to go on.
    warnings.filterwarnings("ignore", "fit: SIG", RuntimeWarning)
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except GenjaxError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"error: {error}", markup=False
        )
        return 128 + getattr(error, "signal", ERROR - 128)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        return _list()
    command, rest = arguments[0], arguments[1:]
    if command in ("sample", "evaluate"):
        return _finished(command, rest)
    if command == "data":
        return _prepare(rest)
    return _run(command, rest)


def _list() -> int:
    table = Table("experiment", "what", "paper", "time", "expected")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.overflow = "fold"
    for name in experiments():
        card = read_card(name)
        fields = [card.fields.get(f, "") for f in ("Paper", "Time", "Expected")]
        table.add_row(name, card.title, *fields)
    console = Console()
    console.print(table)
    console.print(
        "python -m experiments FAMILY/NAME [--field value ...]   runs one; --help "
        "explains its fields\n"
        "python -m experiments sample RUN_FOLDER -n 64           draws from a run\n"
        "python -m experiments evaluate RUN_FOLDER               measures it again\n"
        "python -m experiments data prepare NAME --from DIR      prepares a data set",
        highlight=False,
        markup=False,
    )
    return 0


def _run(name: str, rest: list[str]) -> int:
    import tyro

    module = load(name)
    _use_compilation_cache()
    default = _default(module, rest)
    prog = f"python -m experiments {name}"
    config = tyro.cli(
        module.Config, args=rest, default=default, prog=prog, description=module.__doc__
    )
    _join_processes(config)
    result = module.main(config)
    return 1 if config.check and not result["passed"] else 0


def _join_processes(config: RunConfig) -> None:
    """Joins the other processes, as the command line or JAX's environment has it."""
    is_named = config.processes > 1
    if not is_named and (config.coordinator or config.process):
        raise InputError(
            "--coordinator and --process are of several processes: name --processes, "
            "how many there are."
        )
    coordinator = config.coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS")
    if is_named and not coordinator:
        raise InputError(
            f"--processes {config.processes}: name --coordinator, the host:port of "
            "process 0."
        )
    if is_named or coordinator or _is_of_slurm():
        from genjax.training import initialize

        if not config.workdir:
            raise InputError("several processes share one --workdir: name it.")
        initialize(
            coordinator,
            processes=config.processes if is_named else None,
            process=config.process if is_named else None,
        )


def _is_of_slurm() -> bool:
    """Whether Slurm has started several processes of one step."""
    is_step = {"SLURM_STEP_NODELIST", "SLURM_PROCID"} <= os.environ.keys()
    return is_step and os.environ.get("SLURM_NTASKS", "1") != "1"


def _default(module: ModuleType, rest: list[str]) -> Any:
    """The fields that are not named: those of the run that is resumed, if any."""
    default = module.Config(**(module.SMOKE if "--smoke" in rest else {}))
    if "--resume" not in rest or "--workdir" not in rest[:-1]:
        return default
    folder = Path(rest[rest.index("--workdir") + 1])
    if not (folder / "config.json").is_file():
        return default
    owner, config = _read_run(folder)
    if owner is not module:
        return default
    how = {n: getattr(default, n) for n in RUN_FIELDS if n not in RESUMED}
    return dataclasses.replace(config, **how)


def _finished(command: str, rest: list[str]) -> int:
    parser = argparse.ArgumentParser(prog=f"python -m experiments {command}")
    parser.add_argument("folder", type=Path, help="the folder of a finished run")
    if command == "sample":
        parser.add_argument("-n", type=int, default=64, help="how many samples")
        parser.add_argument("--seed", type=int, default=0, help="of the samples")
    options = parser.parse_args(rest)
    from experiments import runner

    module, config = _read_run(options.folder)
    console = Console()
    if command == "evaluate":
        metrics = runner.evaluate(config, module.build, options.folder)
        console.print_json(data=metrics)
        return 0
    if options.n < 1:
        raise InputError(f"sample: -n must be at least 1, got {options.n}.")
    picture = runner.sample(
        config, module.build, options.folder, options.n, options.seed
    )
    console.print(f"wrote {picture} and samples.npy beside it", soft_wrap=True)
    return 0


def _read_run(folder: Path) -> tuple[ModuleType, Any]:
    from experiments.runner import read_config

    fields = read_config(folder)
    module = load(fields.pop("experiment"))
    known = {field.name for field in dataclasses.fields(module.Config)}
    if set(fields) != known:
        differing = sorted(set(fields) ^ known)
        raise InputError(f"{folder} is of another version: {differing} differ.")
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return module, module.Config(**tuples)


def _prepare(rest: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments data")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("prepare", help="turn archives into a prepared set")
    command.add_argument("name", help="the TFDS name of the set")
    command.add_argument(
        "--from", dest="archives", required=True, help="the folder of the archives"
    )
    command.add_argument("--data-dir", help="where prepared sets are kept")
    options = parser.parse_args(rest)
    from genjax.data import prepare

    folder = prepare(options.name, options.archives, data_dir=options.data_dir)
    Console().print(f"{options.name} is prepared in {folder}", soft_wrap=True)
    return 0


def _use_compilation_cache() -> None:
    import jax

    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return  # chosen already, by JAX_COMPILATION_CACHE_DIR
    try:
        cache = Path.home() / ".cache" / "genjax" / "programs"
    except RuntimeError:  # nobody's home: every run compiles for itself
        return
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    jax.config.update("jax_compilation_cache_max_size", 2**30)


def _leave(status: int) -> None:
    """Ends this process; where one of several has failed, it waits for no other.

    A missed check and a signal are those of all of them.
    """
    import jax

    from genjax.training._meeting import end_at_once

    if status == ERROR and jax.distributed.is_initialized():
        end_at_once(status)
    sys.exit(status)


def _tell_unless_loop_is_closed(ignored: Any) -> None:
    """Shows an error that nobody can catch, but for those of abandoned writes."""
    if "loop is closed" not in str(ignored.exc_value):
        sys.__unraisablehook__(ignored)


if __name__ == "__main__":
    sys.unraisablehook = _tell_unless_loop_is_closed
    _leave(main(sys.argv[1:]))
