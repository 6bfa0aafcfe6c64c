"""Which examples a step sees: a pure function of the seed and the step."""

from functools import lru_cache

import numpy as np

from genjax.errors import InputError


def indices_at(
    step: int, *, size: int, batch_size: int, seed: int, host: int = 0, hosts: int = 1
) -> np.ndarray:
    """Returns the indices of the examples that a step sees.

    Every epoch is a permutation of its own, cut into whole batches; the rest of an
    epoch is left out. Hosts see disjoint, equal parts of each batch. There is no state:
    a run that is resumed at a step goes on exactly where it was.

    Args:
        step: which training step, from 0.
        size: how many examples there are.
        batch_size: examples a step, over all hosts.
        seed: of the permutations.
        host: this host.
        hosts: how many hosts there are.

    Returns:
        `[batch_size // hosts]` indices below `size`.

    Raises:
        InputError: the batch is larger than the data, or the hosts do not divide it.

    >>> epoch = [indices_at(t, size=6, batch_size=2, seed=0) for t in range(3)]
    >>> sorted(np.concatenate(epoch).tolist())
    [0, 1, 2, 3, 4, 5]
    """
    if not 1 <= batch_size <= size:
        raise InputError(
            f"the batch size must be between 1 and the {size} examples there are, "
            f"got {batch_size}."
        )
    if batch_size % hosts:
        raise InputError(f"{hosts} hosts cannot share a batch of {batch_size} equally.")
    if not 0 <= host < hosts:
        raise InputError(f"host must be between 0 and {hosts - 1}, got {host}.")
    epoch, position = divmod(step, size // batch_size)
    share = batch_size // hosts
    start = position * batch_size + host * share
    return _permutation(seed, epoch, size)[start : start + share]


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    # The raw words of Philox are the same in every version of NumPy, which its
    # `permutation` does not promise.
    words = np.random.Philox(key=[seed, epoch]).random_raw(size)
    return np.argsort(words, kind="stable")
