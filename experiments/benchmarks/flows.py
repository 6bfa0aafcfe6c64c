"""Deep flows beside flowjax: first call, step and sampling, in one process.

Then two choices inside the library: how an autoregressive layer is inverted, and what
share of a Glow step the 1x1 convolution has.

uv run --group benchmarks python -m experiments.benchmarks.flows
"""

import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.timing import alternating_ms, median_ms
from genjax import nn
from genjax.densities import standard_normal
from genjax.flows import (
    Elementwise,
    actnorm,
    affine,
    cached,
    chain,
    coupling,
    density,
    jacobi,
    masked_autoregressive,
    permutation,
    plu,
    rational_quadratic_spline,
    repeat,
    sequential,
)
from genjax.typing import Array, Key

DIM, ROWS, WIDTH, BINS = 64, 512, 256, 8


class Side(NamedTuple):
    """One library's model: parameters, mean log-density, and samples."""

    params: Any
    mean_log_prob: Callable[[Any, Array], Array]
    sample: Callable[[Any, Key], Array]


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


def reference(kind: str, depth: int) -> Side:
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


class Compiled(NamedTuple):
    """A side's gradient and its samples, as calls without arguments.

    Fields:
        seconds: of the gradient's first call, the median of three.
        lines: of its program.
    """

    gradient: Callable[[], Any]
    sample: Callable[[], Any]
    seconds: float
    lines: int


def compiled(side: Side) -> Compiled:
    """Compiles a side, three times."""
    x = jax.random.normal(jax.random.key(1), (ROWS, DIM))
    times = []
    for _ in range(3):
        jax.clear_caches()
        start = time.perf_counter()
        lowered = jax.jit(jax.grad(side.mean_log_prob)).lower(side.params, x)
        gradient = lowered.compile()
        times.append(time.perf_counter() - start)
    sample, key = jax.jit(side.sample), jax.random.key(2)
    return Compiled(
        lambda: gradient(side.params, x),
        lambda: sample(side.params, key),
        float(np.median(times)),
        lowered.as_text().count("\n"),
    )


def inverses() -> Table:
    """Three inverses of one autoregressive layer near the identity, as trained ones."""
    network = nn.MaskedMLP(
        features=2,
        hidden=(WIDTH, WIDTH),
        output_init=jax.nn.initializers.normal(0.01),
    )
    y = jax.random.normal(jax.random.key(1), (ROWS, DIM))
    table = Table("inverse of an autoregressive layer", "512 rows, ms")
    for name, inverse in (
        ("cached", cached),
        ("jacobi", jacobi()),
        ("sequential", sequential),
    ):
        layer = masked_autoregressive(affine(), network, inverse=inverse)
        params = layer.init(jax.random.key(0), y)
        table.add_row(name, f"{median_ms(jax.jit(layer.inverse), params, y):.1f}")
    return table


def glow_steps() -> Table:
    """The gradient of a Glow step at 14 x 14 x 12, with and without the convolution."""
    x = jax.random.normal(jax.random.key(1), (64, 14, 14, 12))
    couple = coupling(affine(), nn.ConvStack(12, (64, 64)), split=6)
    table = Table("a Glow step", "gradient of 64 images, ms")
    for name, layer in (
        ("whole", chain(actnorm(), plu(), couple)),
        ("without the 1x1 convolution", chain(actnorm(), couple)),
    ):
        model = density(layer, standard_normal(x.shape[1:]))
        params = model.init(jax.random.key(0), x)
        gradient = jax.jit(jax.grad(lambda p, m=model: m.log_prob(p, x).mean()))
        table.add_row(name, f"{median_ms(gradient, params):.1f}")
    return table


def main() -> None:
    """Prints a row per model and library, then tables of the library's own choices."""
    titles = ("first call, s", "gradient, ms", "lines", "512 samples, ms")
    table = Table("model", "layers", "library", *titles)
    kinds = ("affine coupling", "spline coupling", "affine autoregressive")
    for kind, depth in itertools.product(kinds, (2, 8, 16, 64)):
        sides = [compiled(make(kind, depth)) for make in (ours, reference)]
        gradients = alternating_ms(*[side.gradient for side in sides])
        samples = alternating_ms(*[side.sample for side in sides], runs=7)
        for library, side, gradient, sample in zip(
            ("genjax", "flowjax"), sides, gradients, samples, strict=True
        ):
            figures = (f"{side.seconds:.2f}", f"{gradient:.1f}", str(side.lines))
            table.add_row(kind, str(depth), library, *figures, f"{sample:.1f}")
    Console().print(table, inverses(), glow_steps())


if __name__ == "__main__":
    main()
