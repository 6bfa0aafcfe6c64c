"""A NADE with 500 units on binarized MNIST, against the published likelihood.

Larochelle's fixed binarization: 50,000 training, 10,000 validation and 10,000 test
images. The model is the validated average of the parameters.

Paper: Larochelle and Murray, 2011 (88.33 nats); Uria et al., 2016, arXiv:1605.02226
Command: python -m experiments autoregressive/nade_binarized_mnist --data FILE --check
Hardware: 2 CPU cores
Time: 11 minutes
Expected: test NLL <= 88.33 nats
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from experiments.autoregressive._binary_images import nade_task
from experiments.config import RunConfig
from experiments.images import binary_splits, enlarged_digits
from experiments.runner import Task, run
from genjax.data import ArraySource, Splits, load_prepared
from genjax.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Config(RunConfig):
    """The settings of this experiment."""

    data: str = "tfds"
    """An .npz with train, valid and test, [n, 784] of 0 and 1; "tfds" for the prepared
    set binarized_mnist; "digits" for a trial on enlarged embedded digits."""
    hidden: int = 500
    """Hidden units."""
    steps: int = 7500
    """Training steps: 500 are an epoch at the default batch size."""
    batch_size: int = 100
    """Examples a step."""
    learning_rate: float = 1e-3
    """Of Adam, decayed to 0 by a cosine."""
    weight_decay: float = 0.0
    """Decoupled weight decay."""
    ema: float = 0.998
    """Decay of the averaged parameters that are evaluated."""
    chunk: int = 20
    """The most steps a compiled chunk; signals are heard between two of them."""
    evaluate_every: int = 500
    """Steps between validations."""
    components: tuple[int, ...] = (32,)
    """Sizes of the Bernoulli mixture; the best on validation is the baseline."""


SMOKE = {
    "data": "digits",
    "hidden": 8,
    "steps": 4,
    "batch_size": 16,
    "evaluate_every": 2,
    "components": (2,),
}
EXPECTED = {"test_nll": {"at_most": 88.33}}


def build(config: Config) -> Task:
    """Returns the task of a configuration."""
    return nade_task(config, _read(config.data), side=28)


def _read(data: str) -> Splits:
    if data == "digits":
        return binary_splits(enlarged_digits(), 128)
    if data == "tfds":
        names = ("train", "validation", "test")
        return Splits(*(load_prepared("binarized_mnist", name) for name in names))
    if not Path(data).is_file():
        raise InputError(f"--data: there is no file {data}.")
    names = ("train", "valid", "test")
    try:
        with np.load(data) as arrays:
            parts = [arrays[name].reshape(-1, 28, 28) for name in names]
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise InputError(
            f"--data: {data} must be an .npz with the arrays {', '.join(names)}, each "
            f"[n, 784]: {error}."
        ) from error
    for name, part in zip(names, parts, strict=True):
        if not np.isin(part, (0, 1)).all():
            raise InputError(f"--data: the array {name} has values beside 0 and 1.")
    return Splits(*(ArraySource({"image": part}) for part in parts))


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    return run("autoregressive/nade_binarized_mnist", config, build, EXPECTED)
