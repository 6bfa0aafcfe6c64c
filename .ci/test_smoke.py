"""Every experiment once, at its smallest, and samples of what it has saved."""

import jax
import pytest

from experiments.__main__ import main
from experiments.catalogue import experiments


@pytest.mark.parametrize("name", experiments())
def test_an_experiment_runs_and_is_sampled(name, tmp_path):
    run = tmp_path / "run"
    assert main([name, "--smoke", "--no-progress", "--workdir", str(run)]) == 0
    if (run / "samples.png").exists() and (run / "checkpoints").exists():
        assert main(["sample", str(run), "-n", "4"]) == 0
    jax.clear_caches()
