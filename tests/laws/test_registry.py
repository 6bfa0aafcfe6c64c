"""Every public method is held to the laws of its contract."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import genjax
from tests.laws.registry import OF_SAMPLES

CONTRACTS = (
    "Bijector",
    "Density",
    "Elementwise",
    "Game",
    "Head",
    "Objective",
    "Penalty",
    "Update",
)
APPLIED = {"autoregressive", "data_parallel", "pmap", "scan_steps"}
"""The engine of all autoregressive models; transforms that laws apply to updates."""

FOLDER = Path(__file__).parent
ROOT = Path(genjax.__file__).parent
PACKAGES = sorted(
    ".".join(path.relative_to(ROOT).parent.parts)
    for path in ROOT.glob("*/**/__init__.py")
)


def registered():
    """The names that the registry and its instances use."""
    return {
        node.id
        for name in ("registry.py", "instances.py", "heads.py")
        for node in ast.walk(ast.parse((FOLDER / name).read_text()))
        if isinstance(node, ast.Name)
    } | APPLIED


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_method_is_registered(package):
    module = importlib.import_module(f"genjax.{package}")
    methods = {
        name
        for name in module.__all__
        if inspect.isfunction(getattr(module, name))
        and re.search(
            rf"\b({'|'.join(CONTRACTS)})\b",
            str(getattr(module, name).__annotations__.get("return")),
        )
    }
    assert methods - registered() == set()


def test_every_metric_of_samples_is_registered():
    of_samples = {
        node.name
        for path in Path(genjax.__file__).parent.glob("metrics/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and "in_full_precision" in map(ast.unparse, node.decorator_list)
    }
    assert of_samples == set(OF_SAMPLES)
