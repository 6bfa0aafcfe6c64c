"""From an objective to a finished run; knows `Update` and no family of models."""

from genjax.training._checkpoint import Checkpoints
from genjax.training._ema import with_ema
from genjax.training._fit import Stopped, fit
from genjax.training._freeze import freeze
from genjax.training._gradient_descent import gradient_descent
from genjax.training._objectives import (
    accumulate,
    scheduled,
    stochastic,
    weighted_sum,
    with_preprocessing,
)
from genjax.training._parallel import (
    data_parallel,
    device_mesh,
    initialize,
    pmap,
    shard_batch,
    shard_pipeline,
)
from genjax.training._transforms import (
    ensemble,
    loss_names,
    scan_steps,
    skip_nonfinite,
    sweep,
)
from genjax.training._variables import load_variables, read_config, save_variables
from genjax.training._writers import (
    MetricWriter,
    jsonl_writer,
    read_jsonl,
    tensorboard_writer,
    write_whole,
)

__all__ = [
    "Checkpoints",
    "MetricWriter",
    "Stopped",
    "accumulate",
    "data_parallel",
    "device_mesh",
    "ensemble",
    "fit",
    "freeze",
    "gradient_descent",
    "initialize",
    "jsonl_writer",
    "load_variables",
    "loss_names",
    "pmap",
    "read_config",
    "read_jsonl",
    "save_variables",
    "scan_steps",
    "scheduled",
    "shard_batch",
    "shard_pipeline",
    "skip_nonfinite",
    "stochastic",
    "sweep",
    "tensorboard_writer",
    "weighted_sum",
    "with_ema",
    "with_preprocessing",
    "write_whole",
]
