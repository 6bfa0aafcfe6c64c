"""Images for the experiments, binary or grey."""

from collections.abc import Callable

import jax
import numpy as np

from genjax.base import Density
from genjax.data import (
    ArraySource,
    Splits,
    binarize,
    digits,
    load_prepared,
    split,
)
from genjax.errors import InputError
from genjax.typing import Array, Key, Variables


def binary_digits() -> Splits[ArraySource]:
    """The digits of scikit-learn, set to 1 from intensity 8 of 16 on.

    1257 for training, 180 for validation, 360 for testing, cut at random (seed 0).
    """
    return binary_splits(split(digits(), validation=180, test=360), 8)


def enlarged_digits() -> Splits[ArraySource]:
    """The digits of scikit-learn, 28 x 28 by repeated pixels, with 256 grey levels."""

    def one(source: ArraySource) -> ArraySource:
        image = np.kron(source.arrays["image"], np.ones((1, 3, 3), np.uint8))
        image = np.pad(image, ((0, 0), (2, 2), (2, 2)))
        image = np.minimum(16 * image, 255).astype(np.uint8)
        return ArraySource({**source.arrays, "image": image})

    return Splits(*map(one, split(digits(), validation=180, test=360)))


def prepared_images(name: str) -> Splits[ArraySource]:
    """MNIST or Fashion-MNIST as TFDS prepared it: 55,000, 5,000 and the 10,000 of test.

    Raises:
        InputError: the set is not prepared.
    """
    return Splits(
        load_prepared(name, "train[:55000]"),
        load_prepared(name, "train[55000:]"),
        load_prepared(name, "test"),
    )


def binary_splits(splits: Splits[ArraySource], threshold: int) -> Splits[ArraySource]:
    """Binarises the images of every split at a fixed threshold; other fields stay.

    >>> source = ArraySource({"image": np.array([[[7, 8]]])})
    >>> binary_splits(Splits(source, source, source), 8).train.arrays["image"].tolist()
    [[[0.0, 1.0]]]
    """

    def one(source: ArraySource) -> ArraySource:
        image = np.asarray(binarize(source.arrays["image"], threshold=threshold))
        return ArraySource({**source.arrays, "image": image})

    return Splits(*map(one, splits))


def completer(
    model: Density, observed: np.ndarray
) -> Callable[[Variables, Key, Array], Array]:
    """Returns `(variables, key, x) -> x` with what is not observed drawn, compiled.

    Raises:
        InputError: the model does not complete.
    """
    complete = model.complete
    if complete is None:
        raise InputError("this model does not complete partly observed examples.")
    return jax.jit(lambda variables, key, x: complete(variables, key, x, observed)[0])
