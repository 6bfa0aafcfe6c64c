"""How all figures look, and how they are written."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genjax.errors import RunError, extra

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

    >>> import tempfile
    >>> from genjax.plotting import curves, save
    >>> figure = curves({"loss": ([1, 2], [0.5, 0.25])})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(figure, f"{folder}/loss.png").name
    'loss.png'
    """
    try:
        figure.savefig(path, **SAVED)
    except OSError as error:
        raise RunError(f"cannot write the figure {path}: {error.strerror}.") from error
    return Path(path)


def words(name: str) -> str:
    """A name of code as a reader would write it."""
    return plain(name.replace("_", " "))


def plain(text: str) -> str:
    """A text without formulas."""
    return text.replace("$", r"\$")


def colour_of(place: int) -> str:
    return PALETTE[place % len(PALETTE)]


def new_figure(width: float, height: float) -> "Figure":
    with extra("plots"):
        from matplotlib.figure import Figure

    class Shown(Figure):
        """A figure that notebooks show, without pyplot."""

        def _repr_png_(self) -> bytes:
            picture = BytesIO()
            self.savefig(picture, format="png", **SAVED)
            return picture.getvalue()

    return Shown(figsize=(width, height))
