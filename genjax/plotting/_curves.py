"""Curves and bars, with bands over seeds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genjax.plotting._style import (
    INK,
    colour_of,
    new_figure,
    words,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bars(groups: Mapping[str, Sequence[float]], *, ylabel: str = "") -> "Figure":
    """Draws the mean of each group as a bar from 0, and its members as dots.

    Args:
        groups: name -> values; of what has no zero to start from, take `levels`.
        ylabel: left.

    >>> from genjax.plotting import bars
    >>> len(bars({"a": [1.0, 2.0], "b": [0.5]}).axes[0].patches)
    2
    """
    figure = new_figure(1.2 + 1.1 * len(groups), 3.2)
    axis = figure.subplots()
    for place, values in enumerate(groups.values()):
        axis.bar(place, np.mean(values), width=0.6, color=colour_of(place), alpha=0.6)
        spread = np.linspace(-0.15, 0.15, len(values))
        axis.plot(place + spread, values, ".", color=INK, markersize=4)
    axis.set(ylabel=ylabel, xticks=range(len(groups)))
    axis.set_xticklabels(list(map(words, groups)), fontsize=8)
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
    figure = new_figure(4.6, 0.8 + 0.3 * len(groups))
    axis = figure.subplots()
    for place, values in enumerate(groups.values()):
        axis.plot([min(values), max(values)], [place] * 2, color=INK, linewidth=1.2)
        axis.plot(np.mean(values), place, "o", color=colour_of(0), markersize=6)
    axis.set(xlabel=xlabel, yticks=range(len(groups)))
    axis.set_yticklabels(list(map(words, groups)), fontsize=8)
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25, linewidth=0.5)
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
    figure = new_figure(5.5, 0.8 + 2.4 * len(panels))
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
        values, colour = np.asarray(y, float).reshape(len(x), -1), colour_of(place)
        label = words(name)
        axis.plot(x, values.mean(axis=1), color=colour, label=label, linewidth=1.4)
        if values.shape[1] > 1:
            low, high = values.min(axis=1), values.max(axis=1)
            axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    for place, (name, level) in enumerate(lines.items(), len(series)):
        axis.axhline(
            level,
            color=colour_of(place),
            linestyle="--",
            linewidth=1,
            label=words(name),
        )
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25, linewidth=0.5)
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
