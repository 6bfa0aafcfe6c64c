"""Median times, ratios within one run."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def median_ms(function: Callable[..., Any], *arguments: Any, runs: int = 15) -> float:
    """Returns the median time of a call, in milliseconds, after one to warm up.

    >>> median_ms(lambda: None, runs=3) < 1000
    True
    """
    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))
