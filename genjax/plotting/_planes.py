"""What lies in the plane: densities, points, paths, fields."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genjax.errors import extra
from genjax.plotting._style import (
    INK,
    PALETTE,
    colour_of,
    new_figure,
    plain,
    words,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def density_map(
    log_prob: Any,
    *,
    extent: tuple[float, float, float, float],
    points: Any = None,
    titles: Sequence[str] = (),
    labels: tuple[str, str] = ("x1", "x2"),
) -> "Figure":
    """Shows densities in the plane side by side, on one scale, which a bar tells.

    Args:
        log_prob: log-densities on a grid, `[k, rows, columns]`, rows from the bottom.
        extent: the grid's left, right, bottom and top.
        points: points to show in a panel of their own, `[n, 2]`.
        titles: of the panels.
        labels: of the axes.

    >>> import numpy as np
    >>> from genjax.plotting import density_map
    >>> extent = (-1.0, 1.0, -1.0, 1.0)
    >>> len(density_map(np.zeros((2, 4, 4)), extent=extent).axes)  # and a bar
    3
    """
    density = np.exp(np.asarray(log_prob))
    panels = len(density) + (points is not None)
    figure = new_figure(3.0 * panels, 3.0)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    highest = density.max(initial=0.0)
    for panel, axis in zip(density, axes, strict=False):
        axis.imshow(
            panel, origin="lower", extent=extent, cmap="viridis", vmin=0, vmax=highest
        )
    if points is not None:
        x, y = np.asarray(points).T
        axes[-1].scatter(x, y, s=1.5, color=INK, linewidths=0)
        axes[-1].set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
    for axis, title in zip(axes, titles, strict=False):
        axis.set_title(title, fontsize=9, color=INK)
    for axis in axes:
        _label_plane(axis, labels, is_first=axis is axes[0])
    if len(density):
        bar = figure.colorbar(axes[0].images[0], ax=list(axes), fraction=0.03, pad=0.02)
        bar.set_label("density", fontsize=8)
        bar.ax.tick_params(labelsize=7)
    return figure


def _label_plane(axis: Any, labels: Sequence[str], *, is_first: bool) -> None:
    """Names the axes of a panel; the first of a row tells the vertical one for all."""
    axis.locator_params(nbins=4)
    axis.tick_params(labelsize=7, labelleft=is_first)
    axis.set_xlabel(plain(labels[0]), fontsize=8)
    axis.set_ylabel(plain(labels[1]) if is_first else "", fontsize=8)


def scatter_panels(
    points: Mapping[str, Any],
    *,
    extent: tuple[float, float, float, float],
    columns: int = 5,
    labels: tuple[str, str] = ("x1", "x2"),
) -> "Figure":
    """Shows sets of points in the plane side by side, each under its name.

    Args:
        points: title -> `[n, 2]`.
        extent: left, right, bottom and top of every panel.
        columns: panels per row.
        labels: of the axes.

    >>> import numpy as np
    >>> from genjax.plotting import scatter_panels
    >>> len(scatter_panels({"a": np.zeros((3, 2))}, extent=(-1.0, 1.0, -1.0, 1.0)).axes)
    1
    """
    columns = min(columns, len(points))
    rows = -(-len(points) // columns)
    figure = new_figure(2.2 * columns, 2.6 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(hspace=0.35)
    for axis in axes.flat[len(points) :]:
        axis.remove()
    for place, ((title, xy), axis) in enumerate(
        zip(points.items(), axes.flat, strict=False)
    ):
        x, y = np.asarray(xy).T
        axis.scatter(x, y, s=1.5, color=INK, linewidths=0)
        axis.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
        axis.set_title(title, fontsize=8, color=INK)
        _label_plane(axis, labels, is_first=place % columns == 0)
    return figure


def pair_panels(
    tables: Mapping[str, Any], *, names: Sequence[str], most: int = 4
) -> "Figure":
    """Shows neighbouring columns of tables against each other, a row per table.

    Args:
        tables: title -> `[n, columns]`.
        names: of the columns, with their units.
        most: pairs of columns.

    >>> import numpy as np
    >>> from genjax.plotting import pair_panels
    >>> rows = np.random.default_rng(0).normal(size=(9, 3))
    >>> len(pair_panels({"data": rows, "samples": rows}, names=("a", "b", "c")).axes)
    4
    """
    tables = {title: np.asarray(table) for title, table in tables.items()}
    pairs = [(i, i + 1) for i in range(len(names) - 1)][:most]
    figure = new_figure(2.6 * len(pairs), 2.5 * len(tables))
    axes = figure.subplots(len(tables), len(pairs), squeeze=False)
    figure.subplots_adjust(wspace=0.45, hspace=0.35)
    first = next(iter(tables.values()))
    low, high = np.percentile(first, [0.5, 99.5], axis=0)
    margin = 0.1 * (high - low) + 1e-12
    for (title, table), row in zip(tables.items(), axes, strict=True):
        for (i, j), axis in zip(pairs, row, strict=True):
            axis.scatter(table[:, i], table[:, j], s=2, color=INK, linewidths=0)
            limits = zip(low - margin, high + margin, strict=True)
            xlim, ylim = [tuple(map(float, each)) for each in limits][i : j + 1]
            axis.set(xlim=xlim, ylim=ylim)
            axis.set_title(title, fontsize=8, color=INK)
            _label_plane(axis, (names[i], names[j]), is_first=True)
    return figure


def class_scatter(
    points: Any,
    classes: Any,
    *,
    title: str = "",
    names: Sequence[str] = (),
    labels: tuple[str, ...] = ("first direction", "second direction"),
) -> "Figure":
    """Shows points in the plane, one colour per class.

    Args:
        points: `[n, 2]`.
        classes: `[n]`, integers from 0 on.
        title: above.
        names: of the classes; their numbers when empty.
        labels: of the axes.

    >>> import numpy as np
    >>> from genjax.plotting import class_scatter
    >>> len(class_scatter(np.zeros((3, 2)), np.array([0, 1, 1])).axes)
    1
    """
    points, classes = np.asarray(points), np.asarray(classes)
    figure = new_figure(4.2, 3.6)
    axis = figure.subplots()
    for label in np.unique(classes).tolist():
        x, y = points[classes == label].T
        name = plain(names[label]) if names else str(label)
        axis.scatter(x, y, s=6, color=colour_of(label), linewidths=0, label=name)
    _label_plane(axis, labels, is_first=True)
    axis.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.set_title(title, fontsize=9, color=INK)
    return figure


def nested_squares(sides: Mapping[str, int | float]) -> "Figure":
    """Draws squares about one centre, such as receptive fields, at their sizes.

    Args:
        sides: name -> side.

    >>> from genjax.plotting import nested_squares
    >>> len(nested_squares({"a": 3, "b": 5}).axes[0].patches)
    2
    """
    with extra("plots"):
        from matplotlib.patches import Rectangle

    figure = new_figure(4.4, 4.4)
    axis = figure.subplots()
    for place, (name, side) in enumerate(sides.items()):
        corner, text = (-side / 2, -side / 2), f"{name}: {side:g}"
        colour = colour_of(place)
        square = Rectangle(corner, side, side, fill=False, edgecolor=colour, label=text)
        axis.add_patch(square)
    reach = 0.55 * max(sides.values())
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axis.set(xlabel="pixels", ylabel="pixels")
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def field_maps(
    maps: Mapping[str, Any], *, boxes: Mapping[str, Any] | None = None, columns: int = 4
) -> "Figure":
    """Shows how much each pixel moves a unit, each map on its own scale.

    Args:
        maps: title -> `[h, w]`, such as `receptive_field.effective` gives them.
        boxes: title -> `(left, top, right, bottom)`: what the unit sees at all.
        columns: panels per row.

    >>> import numpy as np
    >>> from genjax.plotting import field_maps
    >>> figure = field_maps({"a": np.eye(5)}, boxes={"a": (1, 1, 4, 4)})
    >>> len(figure.axes[0].patches)
    1
    """
    with extra("plots"):
        from matplotlib.patches import Rectangle

    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    figure = new_figure(2.4 * columns, 2.6 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[len(maps) :]:
        axis.remove()
    pairs = zip(maps.items(), axes.flat, strict=False)
    for place, ((title, field), axis) in enumerate(pairs):
        height, width = np.shape(field)
        axis.imshow(field, cmap="magma", extent=(0, width, height, 0))
        if title in (boxes or {}):
            left, top, right, bottom = (boxes or {})[title]
            style = {"fill": False, "edgecolor": PALETTE[0], "linewidth": 1.2}
            size = (right - left, bottom - top)
            axis.add_patch(Rectangle((left, top), *size, **style))
        axis.set_title(words(title), fontsize=8, color=INK)
        labels = ("column, pixels", "row, pixels")
        _label_plane(axis, labels, is_first=place % columns == 0)
    return figure


def trajectories(
    paths: Mapping[str, Any],
    *,
    columns: int = 6,
    reach: float | None = None,
    labels: tuple[str, str] = ("x", "y"),
) -> "Figure":
    """Draws paths in the plane side by side, from a dot on, on one scale.

    Args:
        paths: title -> `[steps, 2]`.
        columns: panels per row.
        reach: how far from 0 is shown; twice the farthest beginning when None, so that
            a path which leaves for good does not hide the others.
        labels: of the axes.

    >>> import numpy as np
    >>> from genjax.plotting import trajectories
    >>> len(trajectories({"circle": np.zeros((3, 2))}).axes)
    1
    """
    columns = min(columns, len(paths))
    rows = -(-len(paths) // columns)
    figure = new_figure(2.6 * columns, 2.8 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat[len(paths) :]:
        axis.remove()
    if reach is None:
        starts = [np.abs(np.asarray(path)[0]).max() for path in paths.values()]
        reach = 2 * max(*starts, 1e-6)
    for place, ((title, path), axis) in enumerate(
        zip(paths.items(), axes.flat, strict=False)
    ):
        x, y = np.asarray(path).T
        axis.plot(x, y, color=PALETTE[0], linewidth=0.8, marker=".", markersize=2)
        axis.plot(x[:1], y[:1], "o", color=PALETTE[1], markersize=4)
        axis.axhline(0, color=INK, linewidth=0.3)
        axis.axvline(0, color=INK, linewidth=0.3)
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axis.set_title(words(title), fontsize=9, color=INK)
        _label_plane(axis, labels, is_first=place % columns == 0)
    return figure
