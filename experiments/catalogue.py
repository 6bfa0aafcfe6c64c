"""Which experiments there are, read from their recipe cards without importing them."""

import ast
import difflib
import importlib
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from genjax.errors import InputError

ROOT = Path(__file__).parent
FIELDS = ("Paper", "Command", "Hardware", "Time", "Expected")


class Card(NamedTuple):
    """The recipe card of an experiment: its docstring's first line and fields."""

    name: str
    title: str
    fields: dict[str, str]


def read_card(name: str) -> Card:
    """Reads the card of `family/name`.

    >>> read_card("autoregressive/nade_digits").title
    'A NADE on binarized handwritten digits, beside its baselines.'
    """
    tree = ast.parse((ROOT / f"{name}.py").read_text())
    lines = (ast.get_docstring(tree) or "").splitlines() or [""]
    fields: dict[str, str] = {}
    current = None
    for line in lines[1:]:
        head, colon, rest = line.partition(":")
        if colon and head in FIELDS:
            current, fields[head] = head, rest.strip()
        elif current and line.strip():
            fields[current] += " " + line.strip()
        else:
            current = None
    return Card(name, lines[0], fields)


def experiments() -> list[str]:
    """Returns the names of all experiments, `family/name`."""
    paths = [p for p in ROOT.glob("*/[!_]*.py") if p.parent.name != "benchmarks"]
    return sorted(f"{path.parent.name}/{path.stem}" for path in paths)


def load(name: str) -> ModuleType:
    """Imports an experiment.

    Raises:
        InputError: there is none of that name; the sentence gives the nearest names.
    """
    known = experiments()
    if name not in known:
        tails = {n.split("/")[1]: n for n in known}
        near = difflib.get_close_matches(name, [*known, *tails], n=3, cutoff=0.4)
        close = dict.fromkeys(tails.get(n, n) for n in near)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {known}."
        raise InputError(f"there is no experiment {name!r}; {hint}")
    return importlib.import_module(f"experiments.{name.replace('/', '.')}")
