"""Pictures of pictures."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genjax.errors import InputError, extra
from genjax.plotting._style import (
    INK,
    colour_of,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    figure = new_figure(0.6 * columns, 0.6 * rows)
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
    figure = new_figure(2.6 * columns, 2.6 * rows * images.shape[1] / images.shape[2])
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(wspace=0.03, hspace=0.12 if titles else 0.03)
    names = sorted({_class_of(text) for own in boxes for _, text in own})
    for axis in axes.flat:
        axis.set_axis_off()
    for image, own, axis in zip(images, boxes, axes.flat, strict=False):
        shown = image[..., 0] if image.shape[2:] == (1,) else image
        axis.imshow(shown, cmap=colours, extent=(0, image.shape[1], image.shape[0], 0))
        for (left, top, right, bottom), text in own:
            colour = colour_of(names.index(_class_of(text)))
            size = (right - left, bottom - top)
            box = {"fill": False, "edgecolor": colour, "linewidth": 1.5}
            axis.add_patch(Rectangle((left, top), *size, **box))
            plate = {"facecolor": colour, "edgecolor": "none", "pad": 0.6}
            ink = _ink_on(colour)
            # At the upper border inside of the box, so that titles stay free.
            side = "top" if top < 0.08 * image.shape[0] else "bottom"
            style = {"color": ink, "fontsize": 7, "va": side, "bbox": plate}
            axis.text(left, top, plain(text), clip_on=True, **style)
    for axis, own in zip(axes.flat, points, strict=False):
        axis.plot(*np.asarray(own).T, ".", color=colour_of(1), markersize=3)
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
