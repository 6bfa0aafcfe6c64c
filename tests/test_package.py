import importlib
import importlib.metadata
import inspect
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
            code = re.sub(r">>>.*|\.\.\. .*", "", path.read_text())
            assert not re.search(r"^\s*(import|from) flax", code, re.M), path


def test_floors_are_kept():
    """Families import no other family, and nothing imports from above."""
    leaves = {
        "arrays",
        "base",
        "checks",
        "errors",
        "programs",
        "steps",
        "typing",
        "variables",
    }
    families = {
        "flows": {"programs"},
        "flow_matching": set(),
        "autoregressive": set(),
        "gan": {"augment"},
        "vae": set(),
        "detection": set(),
        "smooth": set(),
        "receptive_field": set(),
    }
    allowed = {
        "programs": set(),
        "nn": set(),
        "augment": set(),
        "densities": {"nn"},
        **{family: {"nn", "densities", *more} for family, more in families.items()},
        "mutual_information": {"nn"},
        "self_supervised": {"nn", "mutual_information"},
        "metrics": set(),
        "data": {"densities"},
        "training": {"data"},
    }
    for path in (ROOT / "genjax").glob("*/*.py"):
        package = path.parent.name
        below = allowed[package] | leaves | {package}
        code = re.sub(r">>>.*|\.\.\. .*", "", path.read_text())
        for imported in re.findall(r"^\s*from genjax\.(\w+)", code, re.M):
            assert imported in below, f"{path} imports {imported}"


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
            public = getattr(member, inner)
            if inspect.isfunction(public) or inspect.isclass(public):
                assert public.__doc__, f"{name}.{inner} has no docstring"


def test_every_public_function_has_an_example():
    lacking = [
        f"{name}.{inner}"
        for name in genjax.__all__
        for inner in getattr(getattr(genjax, name), "__all__", [])
        if inspect.isfunction(function := getattr(getattr(genjax, name), inner))
        and ">>>" not in (function.__doc__ or "")
    ]
    assert lacking == []


def test_no_public_name_hides_its_module():
    for path in (ROOT / "genjax").glob("*/*.py"):
        package = importlib.import_module(f"genjax.{path.parent.name}")
        is_private = path.stem.startswith("_")
        assert is_private or path.stem not in package.__all__, path
