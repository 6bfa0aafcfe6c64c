import numpy as np
import pytest

from genjax.errors import RunError
from genjax.plotting import curves, image_grid, pair_panels, save


def test_notebooks_show_a_figure():
    picture = curves({"a": ([1, 2], [3.0, 4.0])})._repr_png_()
    assert picture.startswith(b"\x89PNG")


def test_a_dollar_is_no_formula(tmp_path):
    rows = np.random.default_rng(0).random((9, 2))
    figure = pair_panels({"a": rows}, names=("cost_$_per_$", "b"))
    assert save(figure, tmp_path / "a.png").stat().st_size > 500


def test_a_picture_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(RunError, match="cannot write the figure"):
        save(image_grid(np.zeros((1, 2, 2))), tmp_path / "nowhere" / "x.png")
