"""Settings of all tests: strict JAX, eight simulated devices, checked shapes."""

import functools
import importlib
import os
from pathlib import Path

import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")

import jax
from jax._src.interpreters import mlir
from jaxtyping import install_import_hook

from tests.cpu_seconds import CpuSeconds
from tests.typechecks import checked

if jax.config.jax_platforms == "cpu":
    jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# Networks too: tolerances are those of float32, on a GPU as well.
jax.config.update("jax_default_matmul_precision", "highest")
# Most of a test's time is compilation, and values do not depend on how well it is done;
# tests that assert memory or speed ask for the fixture `optimized_programs`.
jax.config.update("jax_disable_most_optimizations", True)
# Programs this small are compiled fastest as one module each, without kernels by MLIR
# (a choice that JAX 0.11 no longer has). Whoever sets XLA's flags is left alone.
OLD = ["--xla_cpu_use_fusion_emitters=false"] if jax.__version_info__ < (0, 11) else []
FLAGS = ["--xla_cpu_parallel_codegen_split_count=1", *OLD]
os.environ.setdefault("XLA_FLAGS", " ".join(FLAGS))
# A lowered program keeps the MLIR context that it is written in, several megabytes when
# each has its own: one context for all halves the memory of a worker.
mlir.make_ir_context = functools.cache(mlir.make_ir_context)

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".pytest_cache" / "compiled"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)

# NumPy arrays are at home in `data`, and in the analyses of `programs`.
FOLDERS = {path.parent.name for path in ROOT.glob("genjax/*/__init__.py")}
PACKAGES = FOLDERS - {"data", "programs"}
HOOKED = ["genjax.steps", *[f"genjax.{package}" for package in sorted(PACKAGES)]]

with install_import_hook(HOOKED, f"{checked.__module__}.{checked.__name__}"):
    for name in HOOKED:
        importlib.import_module(name)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(CpuSeconds())


@pytest.fixture(autouse=True, scope="module")
def few_compiled_programs():
    """Forgets programs before they use up the memory of a process, or its maps.

    Each compiled program holds some; Linux allows 65,530 maps, and kills what needs
    more.
    """
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_text().count("\n") > 10_000:
        jax.clear_caches()
        mlir.make_ir_context.cache_clear()


@pytest.fixture
def optimized_programs():
    """Compiles with all optimisations, as users do: for asserted memory and speed."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that is not part of the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("GENJAX_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no shared data: set GENJAX_SHARED_DATA to its folder")
    return folder


@pytest.fixture(scope="module")
def tpu_mesh():
    """A mesh over a TPU v5e 2 x 4 that is not there, to compile for."""
    pytest.importorskip("libtpu", reason="no libtpu: sync the group tpu-aot")
    from jax.experimental import topologies
    from jax.experimental.compilation_cache import compilation_cache
    from jax.sharding import AxisType, Mesh

    # An executable for a machine that is not there cannot be read back from the cache.
    compilation_cache.reset_cache()
    jax.config.update("jax_enable_compilation_cache", False)
    topology = topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x4")
    yield Mesh(topology.devices, ("data",), axis_types=(AxisType.Auto,))
    compilation_cache.reset_cache()
    jax.config.update("jax_enable_compilation_cache", True)
