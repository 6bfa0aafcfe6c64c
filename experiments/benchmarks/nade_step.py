"""NADE's gradient step, B = 100, D = 784, H = 500, and samples of 100 images.

Segments stand against the plain scan, and MADE, with two layers of 500, beside NADE.

For one core: taskset -c 0 uv run python -m experiments.benchmarks.nade_step
"""

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.timing import median_ms
from genjax.autoregressive import made, nade, scan_terms, segmented
from genjax.typing import Array


def sampling(x: Array) -> Table:
    """Milliseconds of 100 samples, by the models' caches."""
    models = {
        "nade": nade(hidden=500, activation=jax.nn.relu),
        "made": made(hidden=(500, 500)),
    }
    table = Table("model", "100 samples, ms")
    for name, model in models.items():
        variables = model.init(jax.random.key(1), x)
        sample = jax.jit(
            lambda variables, key, m=model: m.sample(variables, key, 100)[0]
        )
        table.add_row(name, f"{median_ms(sample, variables, jax.random.key(2)):.1f}")
    return table


def main() -> None:
    """Prints tables of times and temporary memory."""
    x = jax.random.bernoulli(jax.random.key(0), 0.3, (100, 784)).astype(jnp.float32)
    table = Table("activation", "gradient", "ms", "temporary MB")
    for name, activation in (("sigmoid", jax.nn.sigmoid), ("relu", jax.nn.relu)):
        for variant, terms in (("segments", segmented()), ("plain scan", scan_terms)):
            model = nade(hidden=500, activation=activation, terms=terms)
            variables = model.init(jax.random.key(1), x)
            gradient = jax.grad(lambda p, m=model: -m.log_prob(p, x).mean())
            compiled = jax.jit(gradient).lower(variables).compile()
            memory = compiled.memory_analysis()
            megabytes = memory.temp_size_in_bytes / 1e6 if memory else float("nan")
            row = (f"{median_ms(compiled, variables):.1f}", f"{megabytes:.1f}")
            table.add_row(name, variant, *row)
    Console().print(table, sampling(x))


if __name__ == "__main__":
    main()
