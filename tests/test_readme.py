"""Every Python block of the README runs as it stands, alone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
PAGES = [ROOT / "README.md", ROOT / "genjax/README.md", ROOT / "experiments/README.md"]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0])
def test_a_block_runs_as_it_stands(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_are_there(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    for link in links:
        if not link.startswith("http"):
            assert (page.parent / link).is_file(), link
