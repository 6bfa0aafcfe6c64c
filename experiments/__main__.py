"""The command line: list, run, sample, evaluate, prepare data."""

import argparse
import dataclasses
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console

from experiments.catalogue import families, load, resolve
from experiments.config import RESUMED, RUN_FIELDS, RunConfig
from experiments.listing import card_of, cards_of, help_of, listing
from experiments.seeds import of_seed
from genjax.errors import GenjaxError, InputError

ERROR = 2
TABLES = (".csv", ".tsv", ".parquet")
ENCODED = (*TABLES, ".npz")


def main(arguments: list[str]) -> int:
    """Runs a command and returns the exit status."""
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # whoever reads has read enough
        sys.stdout = None
        return 0
    except GenjaxError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"error: {error}", markup=False
        )
        return 128 + getattr(error, "signal", ERROR - 128)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        return _tell(listing())
    command, rest = arguments[0], arguments[1:]
    if command == "--version":
        from genjax import __version__

        return _tell(f"genjax {__version__}")
    if command in families() and rest in ([], ["-h"], ["--help"]):
        return _tell(cards_of(command))
    if command == "show":
        return _show(rest)
    if command in ("sample", "evaluate", "score", "complete", "encode"):
        return _finished(command, rest)
    if command == "export":
        return _export(rest)
    if command == "detect":
        return _detect(rest)
    if command == "data":
        return _data(rest)
    return _run(resolve(command), rest)


def _tell(text: str) -> int:
    print(text.rstrip("\n"), flush=True)
    return 0


def _show(rest: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments show")
    parser.add_argument("name", help="of an experiment, FAMILY/NAME or NAME")
    return _tell(card_of(resolve(parser.parse_args(rest).name)))


def _run(name: str, rest: list[str]) -> int:
    import tyro

    module = load(name)
    _use_compilation_cache()
    config = tyro.cli(
        module.Config,
        args=rest,
        default=_default(module, rest),
        prog=f"python -m experiments {name}",
        description=help_of(name),
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
    from experiments.record import RECORD, read_run

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--smoke", "--resume"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--workdir", type=Path)
    try:
        named, _ = parser.parse_known_args(rest)
    except SystemExit:  # what is wrong here is told with all fields in view
        return module.Config()
    default = module.Config(**(module.SMOKE if named.smoke else {}))
    if not named.resume or not named.workdir or not (named.workdir / RECORD).is_file():
        return default
    owner, config = read_run(named.workdir)
    if owner is not module:
        return default
    how = {n: getattr(default, n) for n in RUN_FIELDS if n not in RESUMED}
    return dataclasses.replace(config, **how)


def _finished(command: str, rest: list[str]) -> int:
    parser = argparse.ArgumentParser(prog=f"python -m experiments {command}")
    parser.add_argument("folder", type=Path, help="the folder of a finished run")
    if command == "sample":
        rows = ("-n", "--rows")
        parser.add_argument(*rows, dest="n", type=int, default=64, help="how many")
        parser.add_argument(
            "--out",
            type=Path,
            help="of a table: a file for rows, in its units; of a folder of pictures: "
            "a folder for pictures",
        )
    if command in ("score", "complete"):
        parser.add_argument("--data", required=True, help="a table of such rows")
        parser.add_argument(
            "--out", type=Path, required=True, help=".csv, .tsv or .parquet"
        )
        parser.add_argument("--key", help="which array of an .npz")
    if command == "encode":
        parser.add_argument("--data", type=Path, required=True, help="of pictures")
        endings = ", ".join(ENCODED)
        parser.add_argument("--out", type=Path, required=True, help=endings)
    if command in ("sample", "complete"):
        parser.add_argument("--seed", type=int, default=0, help="of the draws")
    options = parser.parse_args(rest)
    if command == "evaluate":
        return _evaluate(options.folder)
    if command == "sample":
        return _sample(options)
    if command == "encode":
        return _encode(options)
    return _of_rows(command, options)


def _evaluate(folder: Path) -> int:
    from experiments import runner
    from experiments.record import read_run

    module, config = read_run(folder)
    Console().print_json(data=runner.evaluate(config, module.build, folder))
    return 0


def _sample(options: argparse.Namespace) -> int:
    from experiments import image_runs, runner, table_runs
    from experiments.record import read_run
    from genjax.data import write_frame

    folder, n, seed = options.folder, options.n, options.seed
    if n < 1:
        raise InputError(f"sample: -n must be at least 1, got {n}.")
    module, config = read_run(folder)
    if table_runs.is_of_table(folder):
        out = options.out or folder / f"samples_{n}_of_seed_{seed}.csv"
        _refuse_file(out)
        write_frame(table_runs.sample_rows(folder, n, seed), out)
        return _tell(f"wrote {n} rows to {out}")
    if image_runs.is_of_images(config):
        out = options.out or folder / f"samples_{n}_of_seed_{seed}"
        _refuse_old(out)
        if out.suffix:
            raise InputError(f"--out {out}: pictures are written into a folder.")
        image_runs.sample_images(folder, n, seed, out)
        return _tell(f"wrote {n} pictures to {out}")
    if options.out:
        raise InputError(
            "--out is for a run on one's own table or pictures, which "
            f"{folder} does not hold."
        )
    picture = runner.sample(config, module.build, folder, n, seed)
    return _tell(f"wrote {picture}, and its array beside it")


def _encode(options: argparse.Namespace) -> int:
    from experiments.image_runs import encode_images

    _refuse_file(options.out, ENCODED)
    n = encode_images(options.folder, options.data, options.out)
    return _tell(f"wrote the features of {n} pictures to {options.out}")


def _of_rows(command: str, options: argparse.Namespace) -> int:
    """Scores the rows of a table, or fills their holes."""
    from experiments import table_runs
    from genjax.data import read_frame, write_frame

    _refuse_file(options.out)
    table = read_frame(options.data, key=options.key)
    if command == "score":
        result = table_runs.score_rows(options.folder, table)
    else:
        result = table_runs.complete_rows(options.folder, table, options.seed)
    write_frame(result, options.out)
    return _tell(f"wrote {result.num_rows} rows to {options.out}")


def _export(rest: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments export")
    parser.add_argument("folder", type=Path, help="the folder of a finished run")
    parser.add_argument("--out", type=Path, required=True, help="a .safetensors file")
    options = parser.parse_args(rest)
    from experiments import runner
    from experiments.record import read_record, read_run
    from genjax.training import save_variables

    _refuse_old(options.out)
    module, config = read_run(options.folder)
    _, variables = runner.restore(config, module.build, options.folder)
    first = of_seed(variables, 0, config.seeds)
    save_variables(options.out, first, config=read_record(options.folder))
    return _tell(f"wrote {options.out}")


def _detect(rest: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments detect")
    parser.add_argument("folder", type=Path, help="the folder of a finished run")
    parser.add_argument("pictures", type=Path, nargs="+", help="files")
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument("--score", type=float, default=0.5, help="the lowest one")
    options = parser.parse_args(rest)
    from experiments.detection._pictures import detect_pictures

    for line in detect_pictures(
        options.folder, options.pictures, options.out, options.score
    ):
        _tell(line)
    return _tell(f"wrote {options.out}")


def _refuse_old(out: Path) -> None:
    """Refuses what is there, before anything is computed."""
    if out.exists():
        raise InputError(f"--out: {out} is there already: name another one.")


def _refuse_file(out: Path, endings: Sequence[str] = TABLES) -> None:
    """Refuses a file of another kind, before anything is computed."""
    _refuse_old(out)
    if out.suffix not in endings:
        raise InputError(f"--out {out}: the endings are {', '.join(endings)}.")
    if not out.absolute().parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}.")


def _data(rest: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments data")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("prepare", help="turn archives into a prepared set")
    command.add_argument("name", help="the TFDS name of the set")
    command.add_argument(
        "--from", dest="archives", required=True, help="the folder of the archives"
    )
    command.add_argument("--data-dir", help="where prepared sets are kept")
    check = commands.add_parser("check", help="tell what images with boxes hold")
    check.add_argument("data", help="a VOC or YOLO folder, a COCO file, or a table")
    check.add_argument("--images", default="", help="of a file: the folder of images")
    options = parser.parse_args(rest)
    if "data" in options:
        from experiments.detection._formats import checked_set

        console = Console(soft_wrap=True, highlight=False)
        for part in checked_set(options.data, options.images):
            console.print(part, markup=False)
        return 0
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
    if status == ERROR and "jax" in sys.modules:
        import jax

        from genjax.training._meeting import end_at_once

        if jax.distributed.is_initialized():
            end_at_once(status)
    sys.exit(status)


def _tell_unless_loop_is_closed(ignored: Any) -> None:
    """Shows an error that nobody can catch, but for those of abandoned writes."""
    if "loop is closed" not in str(ignored.exc_value):
        sys.__unraisablehook__(ignored)


if __name__ == "__main__":
    sys.unraisablehook = _tell_unless_loop_is_closed
    _leave(main(sys.argv[1:]))
