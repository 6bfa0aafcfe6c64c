"""Several seeds of one experiment: trained side by side, and measured one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from genjax.base import Update
from genjax.training import ensemble
from genjax.typing import Variables


def of_all_seeds(update: Update, seeds: int) -> Update:
    """A training step of several seeds side by side, or of one as it is.

    Args:
        update: of one seed.
        seeds: how many there are.
    """
    return update if seeds == 1 else ensemble(update, seeds)


def of_seed(variables: Variables, seed: int, seeds: int) -> Variables:
    """The variables of one of several seeds.

    Args:
        variables: of all seeds.
        seed: its place among them.
        seeds: how many there are.
    """
    if seeds == 1:
        return variables
    return jax.tree.map(lambda leaf: leaf[seed], variables)


def means_of_seeds(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the seeds; with several, the list of each under `<name>_of_seeds`.

    >>> means_of_seeds([{"AP": 0.25}, {"AP": 0.75}])
    {'AP': 0.5, 'AP_of_seeds': [0.25, 0.75]}
    """
    if len(each) == 1:
        return dict(each[0])
    names = each[0]
    means = {name: _mean([m[name] for m in each]) for name in names}
    return means | {f"{name}_of_seeds": [m[name] for m in each] for name in names}


def as_number(value: Any) -> int | float:
    """A count where it is a whole number by its type, and a float otherwise.

    >>> as_number(np.int32(3)), as_number(np.float32(0.5))
    (3, 0.5)
    """
    number = np.asarray(value)
    return int(number) if np.issubdtype(number.dtype, np.integer) else float(number)


def _mean(values: Sequence[int | float]) -> int | float:
    """Of counts that agree, the count."""
    return values[0] if len({*values}) == 1 else float(np.mean(values))
