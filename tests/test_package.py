import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import genjax

ROOT = Path(__file__).parent.parent


def test_the_installed_package_is_this_one():
    """Another distribution owns the name `genjax` and the same folder."""
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("genjax")
    assert Path(genjax.__file__).parent == ROOT / "genjax"
    assert importlib.metadata.version("genjax-functional") == genjax.__version__


def test_only_nn_imports_flax():
    for path in (ROOT / "genjax").rglob("*.py"):
        if path.parent.name != "nn":
            assert not re.search(r"^\s*(import|from) flax", path.read_text(), re.M), (
                path
            )


def test_floors_are_kept():
    """Families import no other family, and nothing imports from above."""
    families = {
        "flows",
        "autoregressive",
        "gan",
        "vae",
        "detection",
        "smooth",
        "receptive_field",
    }
    allowed = {
        "nn": {"nn"},
        "densities": {"densities"},
        **{family: {"nn", "densities", family} for family in families},
        "mutual_information": {"nn", "mutual_information"},
        "self_supervised": {"nn", "mutual_information", "self_supervised"},
        "metrics": {"metrics"},
        "data": {"data", "densities"},
        "training": {"training", "data"},
    }
    for path in (ROOT / "genjax").glob("*/*.py"):
        package = path.parent.name
        below = allowed[package] | {"base", "checks", "errors", "steps", "typing"}
        code = re.sub(r">>>.*|\.\.\. .*", "", path.read_text())
        for imported in re.findall(r"^\s*from genjax\.(\w+)", code, re.M):
            assert imported in below, f"{path.name} imports {imported}"


def test_import_is_light_and_silent():
    code = (
        "import time, sys; t = time.time(); import jax; a = time.time() - t;"
        "t = time.time(); import genjax; b = time.time() - t;"
        "heavy = {'orbax', 'grain', 'sklearn', 'tensorflow_datasets', 'matplotlib'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "assert b < max(1.0, a), (a, b)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_public_names_exist_and_are_listed():
    for name in genjax.__all__:
        assert hasattr(genjax, name)
        member = getattr(genjax, name)
        for inner in getattr(member, "__all__", []):
            assert getattr(member, inner).__doc__, f"{name}.{inner} has no docstring"
