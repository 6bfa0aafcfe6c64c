"""NADE's loss and gradient beside a PyTorch loop over the dimensions, in one process.

B = 100, D = 784, H = 500, float32; the loop updates the pre-activation by a row a
dimension, as one writes it there, and its gradient is autograd's. PyTorch is no
dependency of the project; its calls are made with one thread, which suits it best here.

For one core: taskset -c 0 uv run --with torch==2.13.0 python -m
experiments.benchmarks.nade_pytorch
"""

import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.benchmarks.timing import alternating_ms
from genjax.autoregressive import nade
from genjax.errors import InputError
from genjax.typing import Variables


def torch_step(
    variables: Variables, x: np.ndarray, activation: str
) -> Callable[[], float]:
    """A step of the loop, with the parameters of `nade`."""
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise InputError(
            "PyTorch is missing: uv run --with torch==2.13.0 python -m "
            "experiments.benchmarks.nade_pytorch"
        ) from error
    torch.set_num_threads(1)

    def leaf(array: Any) -> Any:
        return torch.tensor(np.asarray(array), requires_grad=True)

    params = variables["params"]
    network = params["network"]
    rows, reads = leaf(network["W"][:, 0]), leaf(network["V"][..., 0])
    first, bias = leaf(network["c"]), leaf(params["bias"][:, 0])
    bend = {"sigmoid": torch.sigmoid, "relu": torch.relu}[activation]
    data = torch.tensor(x)

    def step() -> float:
        a = first.expand(len(data), -1)
        logits = []
        for d in range(data.shape[1]):
            logits.append(bend(a) @ reads[d] + bias[d])
            a = a + data[:, d : d + 1] * rows[d]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            torch.stack(logits, dim=1), data, reduction="sum"
        ) / len(data)
        for parameter in (rows, reads, first, bias):
            parameter.grad = None
        loss.backward()
        return float(loss.detach())

    return step


def main() -> None:
    """Prints a table of medians, taken in turn."""
    x = jax.random.bernoulli(jax.random.key(0), 0.3, (100, 784)).astype(jnp.float32)
    table = Table("activation", "genjax, ms", "PyTorch, ms", "ratio", "loss")
    for name, activation in (("sigmoid", jax.nn.sigmoid), ("relu", jax.nn.relu)):
        model = nade(hidden=500, activation=activation)
        variables = model.init(jax.random.key(1), x)
        ours = jax.jit(jax.value_and_grad(lambda p, m=model: -m.log_prob(p, x).mean()))
        reference = torch_step(variables, np.asarray(x), name)
        losses = f"{float(ours(variables)[0]):.3f}, {reference():.3f}"
        milliseconds = alternating_ms(
            lambda f=ours, v=variables: f(v), reference, runs=11
        )
        own, other = milliseconds
        table.add_row(name, f"{own:.1f}", f"{other:.1f}", f"{other / own:.1f}", losses)
    Console().print(table)


if __name__ == "__main__":
    main()
