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
    (ms,) = alternating_ms(lambda: function(*arguments), runs=runs)
    return ms


def alternating_ms(*calls: Callable[[], Any], runs: int = 15) -> list[float]:
    """Returns the median time of each call, in milliseconds, all taken in turn.

    What disturbs the machine for a while then disturbs all of them.

    >>> len(alternating_ms(lambda: None, lambda: None, runs=3))
    2
    """
    for call in calls:
        jax.block_until_ready(call())
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(runs):
        for call, own in zip(calls, times, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(call())
            own.append(1e3 * (time.perf_counter() - start))
    return [float(np.median(own)) for own in times]
