"""What a data set is: a length, and the rows at given indices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

import numpy as np

from genjax.checks import check_is
from genjax.errors import InputError


@runtime_checkable
class Source(Protocol):
    """A data set with random access."""

    def __len__(self) -> int:
        """Returns how many examples there are."""
        ...

    def gather(self, indices: np.ndarray) -> Mapping[str, Any]:
        """Returns the examples at these indices, stacked: `[len(indices), ...]`."""
        ...


@runtime_checkable
class Divisible(Source, Protocol):
    """A source of which rows can be selected, without reading them."""

    def select(self, rows: np.ndarray) -> Self:
        """Returns the source of these rows alone."""
        ...


T = TypeVar("T")
S = TypeVar("S", bound=Divisible)


@dataclass(frozen=True)
class ArraySource:
    """A data set in memory: arrays by name that share their first axis.

    Raises:
        InputError: there is no example, or the arrays differ in length.

    >>> import numpy as np
    >>> from genjax.data import ArraySource
    >>> source = ArraySource({"x": np.arange(4), "label": np.array([0, 1, 0, 1])})
    >>> len(source), source.gather(np.array([3, 0]))["x"].tolist()
    (4, [3, 0])
    """

    arrays: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        if not isinstance(self.arrays, Mapping):
            raise InputError(
                "ArraySource: arrays come with their names, such as "
                f'ArraySource({{"x": array}}), got {type(self.arrays).__name__}.'
            )
        for name, array in self.arrays.items():
            if not hasattr(array, "dtype"):
                raise InputError(
                    f"a source holds arrays; {name!r} is a {type(array).__name__}: "
                    "np.asarray makes one of it."
                )
            if array.dtype.kind in "OSU":
                raise InputError(
                    f"a source holds numbers; {name!r} is {array.dtype}: take the "
                    "places of its values in a list of them."
                )
        lengths = {name: len(array) for name, array in self.arrays.items()}
        if len(set(lengths.values())) != 1:
            raise InputError(f"the arrays of a source differ in length: {lengths}.")
        if len(self) == 0:
            raise InputError("a source is empty: it has no example.")

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def gather(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the examples at these indices."""
        return {name: array[indices] for name, array in self.arrays.items()}

    def select(self, rows: np.ndarray) -> "ArraySource":
        """Returns a source of these examples alone."""
        return ArraySource(self.gather(rows))


class Splits(NamedTuple, Generic[T]):
    """One data set cut into three disjoint parts."""

    train: T
    validation: T
    test: T


def split(source: S, *, validation: int, test: int, seed: int = 0) -> Splits[S]:
    """Cuts a source at random into training, validation and test examples.

    The order is that of `numpy.random.default_rng(seed).permutation`: the first rows
    are for training, the last for testing.

    Fields `[n, ...]` are cut along their first axis; images in files stay there.

    Args:
        source: the whole data set.
        validation: how many examples to validate on.
        test: how many examples to test on.
        seed: of the permutation.

    Raises:
        InputError: one of the three would be empty.

    >>> import numpy as np
    >>> from genjax.data import ArraySource, split
    >>> parts = split(ArraySource({"x": np.arange(10)}), validation=2, test=3)
    >>> [len(part) for part in parts]
    [5, 2, 3]
    """
    check_is("split", Divisible, source=source)
    train = len(source) - validation - test
    sizes = {"train": train, "validation": validation, "test": test}
    empty = [name for name, size in sizes.items() if size < 1]
    if empty:
        raise InputError(
            f"split: {len(source)} examples leave the split {empty[0]!r} empty "
            f"(sizes: {sizes})."
        )
    order = np.random.default_rng(seed).permutation(len(source))
    parts = np.split(order, [train, train + validation])
    return Splits(*map(source.select, parts))
