import numpy as np
import pytest

from genjax.errors import InputError, RunError
from genjax.plotting import curves, density_map, image_grid, pair_panels, save

RANDOM = np.random.default_rng(0)


def test_pictures_are_written(tmp_path):
    figures = {
        "grid": image_grid(RANDOM.random((5, 4, 4)), columns=3, row_labels=("a", "b")),
        "colour": image_grid(RANDOM.random((2, 4, 4, 3))),
        "map": density_map(
            np.zeros((1, 4, 4)), extent=(0, 1, 0, 1), points=np.zeros((3, 2))
        ),
        "curves": curves({"a": ([1, 2], [3.0, 4.0])}, lines={"level": 3.5}),
    }
    for name, figure in figures.items():
        assert save(figure, tmp_path / f"{name}.png").stat().st_size > 500


def test_notebooks_show_a_figure():
    picture = curves({"a": ([1, 2], [3.0, 4.0])})._repr_png_()
    assert picture.startswith(b"\x89PNG")


def test_a_step_is_whole_and_a_name_is_words():
    axis = curves({"my_loss": ([1, 2], [3.0, 4.0])}).axes[0]
    assert all(tick == round(tick) for tick in axis.get_xticks())
    assert axis.get_legend().get_texts()[0].get_text() == "my loss"


def test_a_dollar_is_no_formula(tmp_path):
    rows = RANDOM.random((9, 2))
    figure = pair_panels({"a": rows}, names=("cost_$_per_$", "b"))
    assert save(figure, tmp_path / "a.png").exists()


def test_bands_cover_the_seeds():
    figure = curves({"loss": ([0, 1], [[1, 3], [2, 6]])})
    line, band = figure.axes[0].lines[0], figure.axes[0].collections[0]
    np.testing.assert_array_equal(line.get_ydata(), [2, 4])
    assert band.get_paths()[0].get_extents().y1 == 6


def test_bad_input_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match=r"\(4,\)"):
        image_grid(np.zeros(4))
    with pytest.raises(RunError, match="cannot write the figure"):
        save(image_grid(np.zeros((1, 2, 2))), tmp_path / "nowhere" / "x.png")
