"""Deep flows beside flowjax: first call, step and sampling, in one process.

uv run --group benchmarks python -m experiments.benchmarks.flows
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.timing import median_ms
from genjax import nn
from genjax.densities import standard_normal
from genjax.flows import (
    Elementwise,
    affine,
    chain,
    coupling,
    density,
    masked_autoregressive,
    permutation,
    rational_quadratic_spline,
    repeat,
)
from genjax.typing import Array, Key, Params

DIM, ROWS, WIDTH, BINS = 64, 512, 256, 8


class Side(NamedTuple):
    """One library's model: parameters, mean log-density, and samples."""

    params: Params
    mean_log_prob: Callable[[Params, Array], Array]
    sample: Callable[[Params, Key], Array]


def ours(kind: str, depth: int) -> Side:
    """A flow of `depth` layers with two hidden layers of 256."""
    spline = rational_quadratic_spline(bins=BINS)
    order = np.random.default_rng(0).permutation(DIM).tolist()

    def of_coupling(transform: Elementwise) -> Any:
        features = transform.size * DIM // 2
        network = nn.MLP(features=features, hidden=(WIDTH, WIDTH))
        return coupling(transform, network, split=DIM // 2)

    network = nn.MaskedMLP(features=2, hidden=(WIDTH, WIDTH))
    layer = {
        "affine coupling": lambda: of_coupling(affine()),
        "spline coupling": lambda: of_coupling(spline),
        "affine autoregressive": lambda: masked_autoregressive(affine(), network),
    }[kind]()
    flow = repeat(chain(layer, permutation(order)), depth)
    model = density(flow, standard_normal((DIM,)))
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((ROWS, DIM)))
    return Side(
        params,
        lambda params, x: model.log_prob(params, x).mean(),
        lambda params, key: model.sample(params, key, ROWS)[0],
    )


def theirs(kind: str, depth: int) -> Side:
    """The same flow in flowjax."""
    import equinox
    from flowjax.bijections import Affine, RationalQuadraticSpline
    from flowjax.distributions import Normal
    from flowjax.flows import coupling_flow, masked_autoregressive_flow
    from paramax import NonTrainable

    make = masked_autoregressive_flow if "auto" in kind else coupling_flow
    transformer = (
        RationalQuadraticSpline(knots=BINS, interval=4)
        if "spline" in kind
        else Affine()
    )
    model = make(
        jax.random.key(0),
        base_dist=Normal(jnp.zeros(DIM)),
        transformer=transformer,
        flow_layers=depth,
        nn_width=WIDTH,
        nn_depth=2,
    )
    params, static = equinox.partition(
        model,
        equinox.is_inexact_array,
        is_leaf=lambda leaf: isinstance(leaf, NonTrainable),
    )
    return Side(
        params,
        lambda params, x: equinox.combine(params, static).log_prob(x).mean(),
        lambda params, key: equinox.combine(params, static).sample(key, (ROWS,)),
    )


def training(side: Side) -> tuple[float, float, int]:
    """Seconds of the first call, milliseconds of a gradient, lines of the program."""
    x = jax.random.normal(jax.random.key(1), (ROWS, DIM))
    times = []
    for _ in range(3):
        jax.clear_caches()
        start = time.perf_counter()
        lowered = jax.jit(jax.grad(side.mean_log_prob)).lower(side.params, x)
        compiled = lowered.compile()
        times.append(time.perf_counter() - start)
    lines = lowered.as_text().count("\n")
    return float(np.median(times)), median_ms(compiled, side.params, x), lines


def main() -> None:
    """Prints a row a model, a library."""
    titles = ("first call, s", "gradient, ms", "lines", "512 samples, ms")
    table = Table("model", "layers", "library", *titles)
    for kind, depth in (
        ("affine coupling", 2),
        ("affine coupling", 8),
        ("affine coupling", 64),
        ("spline coupling", 8),
        ("spline coupling", 64),
        ("affine autoregressive", 5),
    ):
        for library, make in (("genjax", ours), ("flowjax", theirs)):
            side = make(kind, depth)
            seconds, ms, lines = training(side)
            sample = jax.jit(side.sample)
            sampling = median_ms(sample, side.params, jax.random.key(2), runs=7)
            figures = (f"{seconds:.2f}", f"{ms:.1f}", str(lines), f"{sampling:.1f}")
            table.add_row(kind, str(depth), library, *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
