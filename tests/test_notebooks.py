"""Each notebook stands twice, as a script and with its cells; both say the same."""

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def cells_of_script(path):
    parts = re.split(r"^# %%(.*)$", path.read_text(), flags=re.MULTILINE)[1:]
    for kind, body in zip(parts[::2], parts[1::2], strict=True):
        text = body.strip("\n")
        if "markdown" in kind:
            text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
        yield "markdown" if "markdown" in kind else "code", text


def cells_of_notebook(path):
    for cell in json.loads(path.read_text())["cells"]:
        yield cell["cell_type"], "".join(cell["source"])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_script_is_the_notebook(script):
    notebook = script.with_suffix(".ipynb")
    assert list(cells_of_script(script)) == list(cells_of_notebook(notebook))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_notebooks_are_short_guarded_and_keep_their_promise(script):
    code = [text for kind, text in cells_of_script(script) if kind == "code"]
    lines = [line for text in code for line in text.splitlines() if line.strip()]
    assert len(lines) <= 120
    assert "find_spec" in code[0]
    assert any(line.lstrip().startswith("assert ") for line in lines)
    assert "colab-badge.svg" in script.read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_notebooks_carry_their_pictures(script):
    cells = json.loads(script.with_suffix(".ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
