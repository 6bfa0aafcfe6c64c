"""Every Python block of the README and the guide runs as it stands, alone."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import genjax

ROOT = Path(__file__).parent.parent
NAMES = ("README.md", "docs/guide.md", "genjax/README.md", "experiments/README.md")
PAGES = [ROOT / name for name in NAMES]
BLOCKS = [
    (f"{page.parent.name}, block {place}", block)
    for page in PAGES
    for place, block in enumerate(
        re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    )
]


@pytest.mark.parametrize("block", BLOCKS, ids=[name for name, _ in BLOCKS])
def test_a_block_runs_as_it_stands(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block[1], block[0], "exec"), {"__name__": "readme"})


def test_the_names_of_the_methods_are_there():
    inner = pkgutil.walk_packages(genjax.__path__, "genjax.")
    public = [module.name for module in inner if "._" not in module.name]
    packages = [importlib.import_module(name) for name in public]
    known = {name for package in packages for name in dir(package)}
    known |= {package.__name__.split(".")[1] for package in packages}
    table = (ROOT / "genjax/README.md").read_text().split("## Methods")[1]
    table = table.split("##")[0]
    lacking = {
        name
        for name in re.findall(r"`(?:[a-z_]+\.)?([A-Za-z_0-9]+)`", table)
        if name not in known
    }
    assert lacking == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_are_there(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    for link in links:
        if not link.startswith("http"):
            assert (page.parent / link).is_file(), link
