"""The kernels whose cost decides: contrastive losses, suppression, sorting.

Command: uv run python -m experiments.benchmarks.kernels
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.timing import median_ms
from genjax.detection import fuse_boxes, matrix_nms, nms, soft_nms_gaussian
from genjax.self_supervised import (
    normalize,
    ntxent,
    ntxent_dense,
    symmetric_infonce,
    symmetric_infonce_dense,
)
from genjax.smooth import soft_rank, soft_sort


def cases() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Returns the functions to time, with their arguments."""
    keys = jax.random.split(jax.random.key(0))
    q, k = (normalize(jax.random.normal(key, (4096, 128))) for key in keys)
    line = jax.random.normal(keys[0], (4096,))
    found: dict[str, Any] = {
        f"{loss.__name__}, {len(a)} pairs": (
            jax.value_and_grad(partial(loss, tau=0.1), (0, 1)),
            (a, b),
        )
        for loss, a, b in (
            (symmetric_infonce, q, k),
            (symmetric_infonce_dense, q, k),
            (ntxent, q[:2048], k[:2048]),
            (ntxent_dense, q[:2048], k[:2048]),
        )
    }
    for sort in (soft_sort, soft_rank):
        found[f"{sort.__name__}, gradient, n = 4096"] = (
            jax.grad(lambda x, sort=sort: jnp.sum(sort(x, tau=1.0) ** 2)),
            (line,),
        )
    for n in (1000, 8400):
        found[f"nms, {n} boxes"] = (partial(nms, iou_threshold=0.5), boxes(n))
    found["nms, the best 300 of 8400 boxes"] = (_best_300, boxes(8400))
    batch = [jnp.stack([x] * 16) for x in boxes(1000)]
    label = jax.random.randint(keys[1], (16, 1000), 0, 80)
    found["nms, 16 x 1000 boxes of 80 classes"] = (
        jax.vmap(lambda *x: nms(*x[:3], iou_threshold=0.5, label=x[3])),
        (*batch, label),
    )
    for suppress in (soft_nms_gaussian, matrix_nms):
        found[f"{suppress.__name__}, 1000 boxes"] = (suppress, boxes(1000))
    one = jnp.zeros(1000, jnp.int32)
    found["fuse_boxes, 1000 boxes"] = (fuse_boxes, (*boxes(1000), one))
    return found


def _best_300(xyxy: Any, score: Any, valid: Any) -> Any:
    best, index = jax.lax.top_k(score, 300)
    return nms(xyxy[index], best, valid[index], iou_threshold=0.5)


def boxes(n: int) -> tuple[Any, ...]:
    """Random boxes in 640 x 640 pixels, their scores and validity."""
    rng = np.random.default_rng(0)
    centre, size = rng.uniform(0, 640, (n, 2)), rng.uniform(10, 100, (n, 2))
    xyxy = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    score = rng.uniform(size=n)
    return (
        jnp.asarray(xyxy, "float32"),
        jnp.asarray(score, "float32"),
        jnp.ones(n, bool),
    )


def main() -> None:
    """Prints median times and temporary memory."""
    table = Table("kernel", "ms", "temporary MiB")
    for name, (function, arguments) in cases().items():
        compiled = jax.jit(function).lower(*arguments).compile()
        memory: Any = compiled.memory_analysis()
        mebibytes = memory.temp_size_in_bytes / 2**20
        table.add_row(
            name, f"{median_ms(compiled, *arguments):.2f}", f"{mebibytes:.1f}"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
