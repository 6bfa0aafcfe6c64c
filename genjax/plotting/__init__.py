"""Figures: grids of images, densities in the plane, curves with bands over seeds.

Each function returns a `matplotlib.figure.Figure` and touches no global state; call
`save` or the figure's own `savefig`.
"""

from genjax.plotting._curves import bars, curve_panels, curves, levels
from genjax.plotting._images import boxes_on_images, image_grid
from genjax.plotting._planes import (
    class_scatter,
    density_map,
    field_maps,
    nested_squares,
    pair_panels,
    scatter_panels,
    trajectories,
)
from genjax.plotting._style import PALETTE, save

__all__ = [
    "PALETTE",
    "bars",
    "boxes_on_images",
    "class_scatter",
    "curve_panels",
    "curves",
    "density_map",
    "field_maps",
    "image_grid",
    "levels",
    "nested_squares",
    "pair_panels",
    "save",
    "scatter_panels",
    "trajectories",
]
