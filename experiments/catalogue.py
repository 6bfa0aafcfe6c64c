"""Which experiments there are, read from their recipe cards without importing them."""

import ast
import difflib
import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from genjax.errors import InputError

ROOT = Path(__file__).parent
FIELDS = ("Paper", "Command", "Hardware", "Time", "Expected")


class Card(NamedTuple):
    """The recipe card of an experiment: its docstring, taken apart.

    Fields:
        name: `family/name`.
        title: the first line.
        text: the paragraphs before the fields.
        fields: paper, command, hardware, time and expected figures.
    """

    name: str
    title: str
    text: str
    fields: dict[str, str]

    @property
    def time(self) -> str:
        """The first duration that the card tells, `50 s` or `2 min`."""
        found = re.search(r"(\d+) (second|minute)", self.fields.get("Time", ""))
        units = {"second": "s", "minute": "min"}
        return f"{found[1]} {units[found[2]]}" if found else ""


def read_card(name: str) -> Card:
    """Reads the card of `family/name`.

    >>> read_card("autoregressive/nade_digits").title
    'NADE on binary handwritten digits, with baselines.'
    """
    tree = ast.parse((ROOT / f"{name}.py").read_text())
    title, *lines = (ast.get_docstring(tree) or "").splitlines() or [""]
    fields: dict[str, str] = {}
    text, current = [], None
    for line in lines:
        head, colon, rest = line.partition(":")
        if colon and head in FIELDS:
            current, fields[head] = head, rest.strip()
        elif current and line.strip():
            fields[current] += " " + line.strip()
        elif not fields:
            text.append(line)
    return Card(name, title, "\n".join(text).strip(), fields)


def experiments() -> list[str]:
    """Returns the names of all experiments, `family/name`."""
    paths = [p for p in ROOT.glob("*/[!_]*.py") if p.parent.name != "benchmarks"]
    return sorted(f"{path.parent.name}/{path.stem}" for path in paths)


def families() -> dict[str, list[str]]:
    """Returns the experiments of every family."""
    found: dict[str, list[str]] = {}
    for name in experiments():
        found.setdefault(name.split("/")[0], []).append(name)
    return found


def resolve(name: str) -> str:
    """Returns the `family/name` of an experiment; a tail that is unique will do.

    Args:
        name: `family/name`, or `name`.

    Raises:
        InputError: there is none of that name, or there are several; the sentence gives
            them, or the nearest names.

    >>> resolve("realnvp_moons")
    'flows/realnvp_moons'
    """
    known = experiments()
    if name in known:
        return name
    ends = [full for full in known if full.split("/")[1] == name]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise InputError(f"{name!r} is one of {', '.join(ends)}: name which.")
    tails = {full.split("/")[1]: full for full in known}
    near = difflib.get_close_matches(name, [*known, *tails], n=3, cutoff=0.4)
    close = dict.fromkeys(tails.get(n, n) for n in near)
    hint = (
        f"did you mean {' or '.join(close)}?"
        if close
        else "`python -m experiments` lists them."
    )
    raise InputError(f"there is no experiment {name!r}; {hint}")


def load(name: str) -> ModuleType:
    """Imports an experiment.

    Args:
        name: as `resolve` takes it.

    Raises:
        InputError: there is none of that name, or there are several.
    """
    return importlib.import_module(f"experiments.{resolve(name).replace('/', '.')}")
