"""RealNVP's first call, by depth: a scan compiles in the same time at any depth.

uv run python -m experiments.benchmarks.flow_depth
"""

import time

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.timing import median_ms
from genjax import nn
from genjax.densities import standard_normal
from genjax.flows import affine, chain, coupling, density, repeat, reverse


def first_call_seconds(depth: int) -> tuple[float, float]:
    """Returns the seconds to trace and compile a gradient step, and its milliseconds.

    The layers are those of `flows/realnvp_moons`, on batches of 512.
    """
    network = nn.MLP(features=2, hidden=(64, 64), activation=jax.nn.silu)
    layer = chain(coupling(affine(), network, split=1), reverse())
    model = density(repeat(layer, depth, unroll=1), standard_normal((2,)))
    x = jnp.zeros((512, 2))
    params = jax.jit(model.init)(jax.random.key(0), x)
    times = []
    for _ in range(3):
        jax.clear_caches()
        start = time.perf_counter()
        step = jax.jit(jax.grad(lambda p: -model.log_prob(p, x).mean()))
        compiled = step.lower(params).compile()
        times.append(time.perf_counter() - start)
    return float(np.median(times)), median_ms(compiled, params)


def main() -> None:
    """Prints a row a depth."""
    table = Table("layers", "first call, s", "step, ms")
    for depth in (4, 16, 64):
        seconds, ms = first_call_seconds(depth)
        table.add_row(str(depth), f"{seconds:.2f}", f"{ms:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
