"""What a run leaves behind for its reader."""

import importlib.metadata
import math
import platform
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from rich.console import Console
from rich.table import Table

from experiments.catalogue import read_card
from genjax.errors import RunError
from genjax.training import write_whole

Expectation = Mapping[str, float]


def meets(value: float, expectation: Expectation) -> bool:
    """Tells whether a value is what was expected.

    >>> meets(1.0, {"at_most": 1.5}), meets(1.0, {"value": 1.2, "tolerance": 0.1})
    (True, False)
    """
    if "at_most" in expectation:
        return value <= expectation["at_most"]
    if "at_least" in expectation:
        return value >= expectation["at_least"]
    return abs(value - expectation["value"]) <= expectation["tolerance"]


def passed(metrics: Mapping[str, Any], expected: Mapping[str, Expectation]) -> bool:
    """Tells whether every expectation is met."""
    return all(meets(metrics[name], want) for name, want in expected.items())


def versions() -> dict[str, str]:
    """Returns the versions that a result depends on."""
    packages = ("genjax-functional", "jax", "flax", "optax", "numpy")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}


def write_file(path: Path, content: str | bytes) -> None:
    """Writes a file: the old one stays where the new one cannot be written whole.

    Its folder is made where it is not.

    Raises:
        RunError: it cannot be written.
    """
    try:
        path.parent.mkdir(exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}.") from error


def make_folder(path: Path) -> None:
    """Makes a folder that is not there yet, and those above it.

    Raises:
        RunError: it cannot be made.
    """
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise RunError(f"cannot make {path}: {error.strerror}.") from error


def write_array(path: Path, array: ArrayLike) -> None:
    """Writes an array as a file in NumPy's format.

    Raises:
        RunError: it cannot be written.
    """
    file = BytesIO()
    np.save(file, np.asarray(array))
    write_file(path, file.getvalue())


def _phrase(expectation: Expectation) -> str:
    if "value" in expectation:
        return f"{expectation['value']:g} +- {expectation['tolerance']:g}"
    ((bound, value),) = expectation.items()
    return f"{bound.replace('_', ' ')} {value:g}"


def _rows(result: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    rows = []
    for name, value in result["metrics"].items():
        if isinstance(value, list):
            continue
        want = result["expected"].get(name)
        verdict = "" if want is None else ("yes" if meets(value, want) else "NO")
        of_seeds = result["metrics"].get(f"{name}_of_seeds", ())
        spread = f" +- {number(float(np.std(of_seeds, ddof=1)))}" if of_seeds else ""
        row = (name, number(value) + spread, _phrase(want) if want else "", verdict)
        rows.append(row)
    return rows


def number(value: float) -> str:
    """A count as it is; else four decimals, or two digits of what they would hide.

    >>> number(3), number(0.25), number(2e-7), number(float("nan"))
    ('3', '0.2500', '2.0e-07', 'undefined')
    """
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "undefined"
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"


def print_result(console: Console, result: Mapping[str, Any]) -> None:
    """Prints the metrics beside what was expected."""
    table = Table("metric", "value", "expected", "met", title=result["experiment"])
    for row in _rows(result):
        table.add_row(*row)
    console.print(table)
    console.print(f"{result['seconds']} s on {result['device']}")


def write_report(
    folder: Path, result: Mapping[str, Any], figures: Sequence[str]
) -> None:
    """Writes `report.md`, with the figures embedded."""
    card = read_card(result["experiment"])
    table = "\n".join("| " + " | ".join(row) + " |" for row in _rows(result))
    pictures = "\n".join(f"## {name}\n\n![{name}]({name}.png)\n" for name in figures)
    made_with = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
    fields = "\n".join(f"- {k}: {v}" for k, v in card.fields.items())
    n = result["config"].get("seeds", 1)
    seeds = f"Means of {n} seeds, +- their standard deviation.\n\n" if n > 1 else ""
    write_file(
        folder / "report.md",
        f"# {card.name}\n\n{card.title}\n\n    {result['command']}\n\n"
        f"The recipe card:\n\n{fields}\n\n{seeds}"
        f"| metric | value | expected | met |\n|---|---|---|---|\n{table}\n\n"
        f"{result['seconds']} s on {result['device']}; {made_with}.\n\n{pictures}",
    )
