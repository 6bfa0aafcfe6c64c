import numpy as np

from genjax.plotting import density_map, save, scatter_panels

RANDOM = np.random.default_rng(0)


def test_a_density_and_its_points_are_drawn(tmp_path):
    figure = density_map(
        np.zeros((1, 4, 4)), extent=(0.0, 1.0, 0.0, 1.0), points=np.zeros((3, 2))
    )
    assert save(figure, tmp_path / "map.png").stat().st_size > 500


def test_every_set_of_points_has_a_panel():
    points = {"one": RANDOM.random((9, 2)), "other": RANDOM.random((7, 2))}
    axes = scatter_panels(points, extent=(0.0, 1.0, 0.0, 1.0)).axes
    assert [axis.get_title() for axis in axes] == ["one", "other"]
    assert [len(axis.collections[0].get_offsets()) for axis in axes] == [9, 7]
