import jax
import pytest

from genjax.training import (
    data_parallel,
)
from tests.laws.compare import every_third
from tests.laws.registry import UPDATES


@pytest.mark.parametrize("case", every_third(UPDATES))
def test_every_step_compiles_for_tpu(case, tpu_mesh):
    update = case.method
    shared = data_parallel(update, tpu_mesh)
    shapes = jax.eval_shape(update.init, jax.random.key(0), case.batch(16))
    compiled = shared.step.lower(shapes, case.batch(16)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes >= 0
    assert "all-reduce" in compiled.as_text()
