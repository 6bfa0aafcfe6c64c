"""NADE's gradient step: segments against the plain scan, B = 100, D = 784, H = 500.

For one core: taskset -c 0 uv run python -m experiments.benchmarks.nade_step
"""

from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.timing import median_ms
from genjax.autoregressive import nade
from genjax.typing import Array


def plain_scan(activation: Any, params: Any, x: Array) -> Array:
    """The definition of NADE, differentiated by JAX."""

    def step(a: Array, inputs: Any) -> tuple[Array, Array]:
        x_d, w, v, b = inputs
        logit = activation(a) @ v + b
        return a + x_d[:, None] * w[None], x_d * logit - jax.nn.softplus(logit)

    start = jnp.tile(params["c"][None], (x.shape[0], 1))
    columns = (x.T, params["W"], params["V"], params["b"])
    return jax.lax.scan(step, start, columns)[1].sum(axis=0)


def main() -> None:
    """Prints a table of times and temporary memory."""
    x = jax.random.bernoulli(jax.random.key(0), 0.3, (100, 784)).astype(jnp.float32)
    table = Table("activation", "gradient", "ms", "temporary MB")
    for name, activation in (("sigmoid", jax.nn.sigmoid), ("relu", jax.nn.relu)):
        model = nade(hidden=500, activation=activation)
        params = model.init(jax.random.key(1), x)
        variants = {
            "segments": model.log_prob,
            "plain scan": lambda p, x, a=activation: plain_scan(a, p, x),
        }
        for variant, log_prob in variants.items():
            gradient = jax.grad(lambda p, f=log_prob: -f(p, x).mean())
            compiled = jax.jit(gradient).lower(params).compile()
            memory = compiled.memory_analysis()
            megabytes = memory.temp_size_in_bytes / 1e6 if memory else float("nan")
            row = (f"{median_ms(compiled, params):.1f}", f"{megabytes:.1f}")
            table.add_row(name, variant, *row)
    Console().print(table)


if __name__ == "__main__":
    main()
