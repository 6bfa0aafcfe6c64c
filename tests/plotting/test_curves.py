import numpy as np

from genjax.plotting import bars, curves, save


def test_curves_and_levels_are_written(tmp_path):
    figure = curves({"a": ([1, 2], [3.0, 4.0])}, lines={"level": 3.5})
    assert save(figure, tmp_path / "curves.png").stat().st_size > 500


def test_a_step_is_whole_and_a_name_is_words():
    axis = curves({"my_loss": ([1, 2], [3.0, 4.0])}).axes[0]
    assert all(tick == round(tick) for tick in axis.get_xticks())
    assert axis.get_legend().get_texts()[0].get_text() == "my loss"


def test_bands_cover_the_seeds():
    figure = curves({"loss": ([0, 1], [[1, 3], [2, 6]])})
    line, band = figure.axes[0].lines[0], figure.axes[0].collections[0]
    np.testing.assert_array_equal(line.get_ydata(), [2, 4])
    assert band.get_paths()[0].get_extents().y1 == 6


def test_bars_are_means_over_the_seeds():
    axis = bars({"a": [1.0, 3.0], "b": [5.0, 5.0]}, ylabel="AP").axes[0]
    assert [bar.get_height() for bar in axis.patches] == [2.0, 5.0]
    assert axis.get_ylabel() == "AP"
