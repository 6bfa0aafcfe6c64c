"""Figures: grids of images, densities in the plane, curves with bands over seeds.

Each function returns a `matplotlib.figure.Figure` and touches no global state; call
`save` or the figure's own `savefig`.
"""

import re
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genjax.errors import InputError, RunError, extra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAVED: dict[str, Any] = {"dpi": 150, "bbox_inches": "tight", "facecolor": "white"}
INK = "#1b3a57"
PALETTE = (
    "#3f90da",
    "#bd1f01",
    "#ffa90e",
    "#832db6",
    "#94a4a2",
    "#a96b59",
    "#e76300",
    "#717581",
    "#b9ac70",
    "#92dadd",
)
"""Ten colours that the colour-blind tell apart (Petroff, 2021, arXiv:2107.02270)."""


def save(figure: "Figure", path: str | Path) -> Path:
    """Writes a figure as a picture and returns its path.

    Args:
        figure: what to write.
        path: where; the ending tells the format: `.png`, `.pdf` or `.svg`.

    Raises:
        RunError: the picture cannot be written.
    """
    try:
        figure.savefig(path, **SAVED)
    except OSError as error:
        raise RunError(f"cannot write the figure {path}: {error.strerror}.") from error
    return Path(path)


def image_grid(
    images: Any,
    *,
    columns: int = 8,
    title: str = "",
    row_labels: Sequence[str] = (),
    colours: str = "gray_r",
) -> "Figure":
    """Shows images side by side, from the upper left, row by row.

    Args:
        images: `[n, h, w]` or `[n, h, w, c]`; grey ones are scaled to their own range.
        columns: images per row.
        title: above the grid.
        row_labels: left of the rows.
        colours: a matplotlib colour map for grey images; ink on paper by default.

    Raises:
        InputError: the images have another rank.

    >>> import numpy as np
    >>> from genjax.plotting import image_grid
    >>> image_grid(np.zeros((4, 8, 8)), columns=2).get_size_inches().tolist()
    [1.2, 1.2]
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4):
        raise InputError(
            f"image_grid: images must be [n, h, w] or [n, h, w, c], got {images.shape}."
        )
    rows = -(-len(images) // columns)
    figure = _figure(0.6 * columns, 0.6 * rows)
    low, high = float(images.min()), max(float(images.max()), images.min() + 1e-6)
    axis = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axis.imshow(_mosaic(images, columns), cmap=colours, vmin=low, vmax=high)
    pitch = images.shape[1] + _gap(images)
    centres = [(images.shape[1] - 1) / 2 + pitch * row for row in range(rows)]
    axis.set(xticks=[], yticks=centres[: len(row_labels)])
    axis.set_yticklabels(list(row_labels)[:rows], fontsize=7)
    axis.tick_params(length=0)
    axis.set_frame_on(False)
    axis.set_title(title, fontsize=9, color=INK)
    return figure


def _gap(images: np.ndarray) -> int:
    return max(1, images.shape[1] // 12)


def _mosaic(images: np.ndarray, columns: int) -> np.ndarray:
    """One picture of all images, with blank pixels between them."""
    images = images[..., 0] if images.shape[3:] == (1,) else images
    _, height, width, *channels = images.shape
    gap, rows = _gap(images), -(-len(images) // columns)
    blank = 1.0 if channels else np.nan
    shape = rows * (height + gap) - gap, columns * (width + gap) - gap, *channels
    mosaic = np.full(shape, blank)
    for index, image in enumerate(images):
        top = index // columns * (height + gap)
        left = index % columns * (width + gap)
        mosaic[top : top + height, left : left + width] = image
    return mosaic


def boxes_on_images(
    images: Any,
    boxes: Sequence[Sequence[tuple[Any, str]]],
    *,
    columns: int = 4,
    colours: str = "gray",
    title: str = "",
    titles: Sequence[str] = (),
    points: Sequence[Any] = (),
) -> "Figure":
    """Draws labelled boxes on images.

    Args:
        images: `[n, h, w]` or `[n, h, w, c]`.
        boxes: for each image, pairs of `(left, top, right, bottom)` in pixels and what
            to write above, a class and perhaps a score; the class has its colour.
        columns: images per row.
        colours: a matplotlib colour map for grey images.
        title: above all.
        titles: above each.
        points: for each image, `[n, 2]`, x and y in pixels, drawn as dots.

    >>> import numpy as np
    >>> from genjax.plotting import boxes_on_images
    >>> figure = boxes_on_images(np.zeros((1, 8, 8)), [[((1, 1, 5, 5), "7")]])
    >>> len(figure.axes[0].patches)
    1
    """
    with extra("plots"):
        from matplotlib.patches import Rectangle

    images = np.asarray(images)
    rows = -(-len(images) // columns)
    figure = _figure(2.6 * columns, 2.6 * rows * images.shape[1] / images.shape[2])
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(wspace=0.03, hspace=0.12 if titles else 0.03)
    names = sorted({_class_of(text) for own in boxes for _, text in own})
    for axis in axes.flat:
        axis.set_axis_off()
    for image, own, axis in zip(images, boxes, axes.flat, strict=False):
        shown = image[..., 0] if image.shape[2:] == (1,) else image
        axis.imshow(shown, cmap=colours, extent=(0, image.shape[1], image.shape[0], 0))
        for (left, top, right, bottom), text in own:
            colour = _colour(names.index(_class_of(text)))
            size = (right - left, bottom - top)
            box = {"fill": False, "edgecolor": colour, "linewidth": 1.5}
            axis.add_patch(Rectangle((left, top), *size, **box))
            plate = {"facecolor": colour, "edgecolor": "none", "pad": 0.6}
            ink = _ink_on(colour)
            # At the upper border inside of the box, so that titles stay free.
            side = "top" if top < 0.08 * image.shape[0] else "bottom"
            style = {"color": ink, "fontsize": 7, "va": side, "bbox": plate}
            axis.text(left, top, _plain(text), clip_on=True, **style)
    for axis, own in zip(axes.flat, points, strict=False):
        axis.plot(*np.asarray(own).T, ".", color=_colour(1), markersize=3)
    for axis, text in zip(axes.flat, titles, strict=False):
        axis.set_title(text, fontsize=8, color=INK, pad=2)
    if title:
        figure.suptitle(title, fontsize=9, color=INK, y=0.92)
    return figure


def _ink_on(colour: str) -> str:
    """Black on what is light, white on what is dark."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 120 else "white"


def _class_of(text: str) -> str:
    """A class without its score."""
    return re.sub(r" [0-9.]+$", "", text)


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
    >>> len(density_map(np.zeros((2, 4, 4)), extent=(-1, 1, -1, 1)).axes)  # a bar too
    3
    """
    density = np.exp(np.asarray(log_prob))
    panels = len(density) + (points is not None)
    figure = _figure(3.0 * panels, 3.0)
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
    axis.set_xlabel(_plain(labels[0]), fontsize=8)
    axis.set_ylabel(_plain(labels[1]) if is_first else "", fontsize=8)


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
    >>> len(scatter_panels({"a": np.zeros((3, 2))}, extent=(-1, 1, -1, 1)).axes)
    1
    """
    columns = min(columns, len(points))
    rows = -(-len(points) // columns)
    figure = _figure(2.2 * columns, 2.6 * rows)
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
    figure = _figure(2.6 * len(pairs), 2.5 * len(tables))
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
    figure = _figure(4.2, 3.6)
    axis = figure.subplots()
    for label in np.unique(classes):
        x, y = points[classes == label].T
        name = _plain(names[label]) if names else str(label)
        axis.scatter(x, y, s=6, color=_colour(label), linewidths=0, label=name)
    _label_plane(axis, labels, is_first=True)
    axis.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.set_title(title, fontsize=9, color=INK)
    return figure


def bars(groups: Mapping[str, Sequence[float]], *, ylabel: str = "") -> "Figure":
    """Draws the mean of each group as a bar from 0, and its members as dots.

    Args:
        groups: name -> values; of what has no zero to start from, take `levels`.
        ylabel: left.

    >>> from genjax.plotting import bars
    >>> len(bars({"a": [1.0, 2.0], "b": [0.5]}).axes[0].patches)
    2
    """
    figure = _figure(1.2 + 1.1 * len(groups), 3.2)
    axis = figure.subplots()
    for place, values in enumerate(groups.values()):
        axis.bar(place, np.mean(values), width=0.6, color=_colour(place), alpha=0.6)
        spread = np.linspace(-0.15, 0.15, len(values))
        axis.plot(place + spread, values, ".", color=INK, markersize=4)
    axis.set(ylabel=ylabel, xticks=range(len(groups)))
    axis.set_xticklabels(list(map(_words, groups)), fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def levels(groups: Mapping[str, Sequence[float]], *, xlabel: str = "") -> "Figure":
    """Draws the mean of each group as a dot on its line, over the range of its members.

    For log-likelihoods and the like, whose differences matter and whose 0 does not.

    Args:
        groups: name -> values.
        xlabel: below.

    >>> from genjax.plotting import levels
    >>> len(levels({"a": [1.0, 2.0], "b": [0.5]}).axes[0].get_yticks())
    2
    """
    figure = _figure(4.6, 0.8 + 0.3 * len(groups))
    axis = figure.subplots()
    for place, values in enumerate(groups.values()):
        axis.plot([min(values), max(values)], [place] * 2, color=INK, linewidth=1.2)
        axis.plot(np.mean(values), place, "o", color=_colour(0), markersize=6)
    axis.set(xlabel=xlabel, yticks=range(len(groups)))
    axis.set_yticklabels(list(map(_words, groups)), fontsize=8)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25, linewidth=0.5)
    return figure


def nested_squares(sides: Mapping[str, float]) -> "Figure":
    """Draws squares about one centre, such as receptive fields, at their sizes.

    Args:
        sides: name -> side.

    >>> from genjax.plotting import nested_squares
    >>> len(nested_squares({"a": 3, "b": 5}).axes[0].patches)
    2
    """
    with extra("plots"):
        from matplotlib.patches import Rectangle

    figure = _figure(4.4, 4.4)
    axis = figure.subplots()
    for place, (name, side) in enumerate(sides.items()):
        corner, text = (-side / 2, -side / 2), f"{name}: {side:g}"
        colour = _colour(place)
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
    figure = _figure(2.4 * columns, 2.6 * rows)
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
        axis.set_title(_words(title), fontsize=8, color=INK)
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
    figure = _figure(2.6 * columns, 2.8 * rows)
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
        axis.set_title(_words(title), fontsize=9, color=INK)
        _label_plane(axis, labels, is_first=place % columns == 0)
    return figure


def curves(
    series: Mapping[str, tuple[Any, Any]],
    *,
    xlabel: str = "step",
    ylabel: str = "",
    lines: Mapping[str, float] | None = None,
) -> "Figure":
    """Draws curves; where there are several seeds, their mean and their range.

    Args:
        series: name -> (x `[n]`, y `[n]` or `[n, seeds]`).
        xlabel: below.
        ylabel: left.
        lines: name -> a level to compare with, drawn dashed.

    >>> from genjax.plotting import curves
    >>> figure = curves({"loss": ([0, 1, 2], [[3, 4], [2, 3], [1, 2]])})
    >>> len(figure.axes[0].lines)
    1
    """
    return curve_panels({ylabel: series}, xlabel=xlabel, lines={ylabel: lines or {}})


def curve_panels(
    panels: Mapping[str, Mapping[str, tuple[Any, Any]]],
    *,
    xlabel: str = "step",
    lines: Mapping[str, Mapping[str, float]] | None = None,
) -> "Figure":
    """Draws curves of several units over one axis, a panel per unit.

    Args:
        panels: unit -> series, as `curves` takes them.
        xlabel: below.
        lines: unit -> levels, as `curves` takes them.

    >>> from genjax.plotting import curve_panels
    >>> series = {"validation": ([1, 2], [3.0, 2.0])}
    >>> len(curve_panels({"nats": series, "bits per dimension": series}).axes)
    2
    """
    figure = _figure(5.5, 0.8 + 2.4 * len(panels))
    axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    for axis, (unit, series) in zip(axes, panels.items(), strict=True):
        _draw_curves(axis, series, (lines or {}).get(unit, {}))
        axis.set_ylabel(unit)
    if xlabel == "step":
        axes[-1].xaxis.get_major_locator().set_params(integer=True)
    axes[-1].set_xlabel(xlabel)
    return figure


def _draw_curves(
    axis: Any, series: Mapping[str, tuple[Any, Any]], lines: Mapping[str, float]
) -> None:
    for place, (name, (x, y)) in enumerate(series.items()):
        values, colour = np.asarray(y, float).reshape(len(x), -1), _colour(place)
        label = _words(name)
        axis.plot(x, values.mean(axis=1), color=colour, label=label, linewidth=1.4)
        if values.shape[1] > 1:
            low, high = values.min(axis=1), values.max(axis=1)
            axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    for place, (name, level) in enumerate(lines.items(), len(series)):
        axis.axhline(
            level, color=_colour(place), linestyle="--", linewidth=1, label=_words(name)
        )
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25, linewidth=0.5)
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _words(name: str) -> str:
    """A name of code as a reader would write it."""
    return _plain(name.replace("_", " "))


def _plain(text: str) -> str:
    """A text without formulas."""
    return text.replace("$", r"\$")


def _colour(place: int) -> str:
    return PALETTE[place % len(PALETTE)]


def _figure(width: float, height: float) -> "Figure":
    with extra("plots"):
        from matplotlib.figure import Figure

    class Shown(Figure):
        """A figure that notebooks show, without pyplot."""

        def _repr_png_(self) -> bytes:
            picture = BytesIO()
            self.savefig(picture, format="png", **SAVED)
            return picture.getvalue()

    return Shown(figsize=(width, height))
