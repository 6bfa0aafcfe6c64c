"""Which examples a step sees: a pure function of the seed and the step."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from genjax.errors import InputError


class Share(NamedTuple):
    """Which of several processes this is: each has equal, disjoint rows of a batch.

    Fields:
        process: its index.
        processes: how many there are.

    >>> from genjax.data import Share
    >>> Share(1, 2).rows(6)
    slice(3, 6, None)
    """

    process: int = 0
    processes: int = 1

    def rows(self, size: int) -> slice:
        """Returns the rows of a batch of `size` that belong to this process.

        Raises:
            InputError: the processes do not divide the batch, or there is no such one.
        """
        if not 0 <= self.process < self.processes:
            raise InputError(
                f"process must be between 0 and {self.processes - 1}, got "
                f"{self.process}."
            )
        if size % self.processes:
            raise InputError(
                f"{self.processes} processes cannot share a batch of {size} equally."
            )
        each = size // self.processes
        return slice(self.process * each, (self.process + 1) * each)


def indices_at(step: int, *, size: int, batch_size: int, seed: int) -> np.ndarray:
    """Returns the indices of the examples that a step sees, over all processes.

    Every epoch is a permutation of its own, cut into whole batches; the rest of an
    epoch is left out. There is no state: a run that is resumed at a step goes on
    exactly where it was.

    Args:
        step: which training step, from 0.
        size: how many examples there are.
        batch_size: examples of a step.
        seed: of the permutations.

    Returns:
        `[batch_size]` indices below `size`.

    Raises:
        InputError: the batch is larger than the data.

    >>> import numpy as np
    >>> from genjax.data import indices_at
    >>> epoch = [indices_at(t, size=6, batch_size=2, seed=0) for t in range(3)]
    >>> sorted(np.concatenate(epoch).tolist())
    [0, 1, 2, 3, 4, 5]
    """
    if not 1 <= batch_size <= size:
        raise InputError(
            f"the batch size must be between 1 and the {size} examples there are, "
            f"got {batch_size}."
        )
    epoch, position = divmod(step, size // batch_size)
    start = position * batch_size
    return _permutation(seed, epoch, size)[start : start + batch_size]


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    # The raw words of Philox are the same in every version of NumPy, which its
    # `permutation` does not promise.
    words = np.random.Philox(key=[seed, epoch]).random_raw(size)
    return np.argsort(words, kind="stable")
