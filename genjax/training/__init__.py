"""From an objective to a finished run; knows `Update` and no family of models."""

from genjax.training.checkpoint import Checkpoints
from genjax.training.ema import averaged, with_ema
from genjax.training.fit import Fitted, fit
from genjax.training.gradient_descent import gradient_descent
from genjax.training.objectives import accumulate, with_preprocessing
from genjax.training.parallel import (
    data_parallel,
    device_mesh,
    initialize,
    pmap,
    shard_batch,
    shard_pipeline,
)
from genjax.training.transforms import ensemble, scan_steps, skip_nonfinite, sweep
from genjax.training.writers import jsonl_writer, tensorboard_writer

__all__ = [
    "Checkpoints",
    "Fitted",
    "accumulate",
    "averaged",
    "data_parallel",
    "device_mesh",
    "ensemble",
    "fit",
    "gradient_descent",
    "initialize",
    "jsonl_writer",
    "pmap",
    "scan_steps",
    "shard_batch",
    "shard_pipeline",
    "skip_nonfinite",
    "sweep",
    "tensorboard_writer",
    "with_ema",
    "with_preprocessing",
]
