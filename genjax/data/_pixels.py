"""One image file as an array, by one rule for every kind of file."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genjax.errors import InputError, extra
from genjax.placement import Placement, fitting_sides

if TYPE_CHECKING:
    from PIL import Image


ORIENTATION = 0x0112
"""The EXIF tag of how a camera was held."""
SIDEWAYS = (5, 6, 7, 8)
"""Its values where height and width change places."""


def open_image(path: Path, mode: str) -> "Image.Image":
    """Reads an image as a viewer shows it, in 8 bits per channel.

    It is turned as its EXIF orientation says, what is transparent lies on white, and
    16 bits are scaled to 8.

    Args:
        path: the file.
        mode: Pillow's: `"L"` or `"RGB"`.

    Raises:
        InputError: there is no such file, it is no image that can be read, or its
            numbers have 32 bits, which have no stated white.

    >>> from genjax.data import open_image
    >>> from pathlib import Path
    >>> open_image(Path("absent.png"), "L")
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: there is no image at absent.png.
    """
    with extra("data"):
        from PIL import Image, ImageOps

    with _opened(path) as file:
        file.load()
        image = ImageOps.exif_transpose(file)
    _refuse_32_bits(path, image)
    if image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda value: value / 257).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert(mode)


class Fitted(NamedTuple):
    """A picture that was brought to a size.

    Fields:
        image: `[h, w, 3]`, uint8.
        placement: where the file's pixels lie in it.
        size: height and width of the file's picture.
    """

    image: np.ndarray
    placement: Placement
    size: tuple[int, int]


def resize_to_fit(path: Path, size: tuple[int, int]) -> Fitted:
    """Reads an image into the upper left corner of a black one, its shape kept.

    Args:
        path: the file.
        size: height and width of the result.

    Returns:
        The image `[*size, 3]`, where the file's pixels lie in it, and their size.

    Raises:
        InputError: as `open_image`.

    >>> from genjax.data import resize_to_fit
    >>> from pathlib import Path
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (8, 4), "white").save(f"{folder}/one.png")
    ...     fitted = resize_to_fit(Path(folder) / "one.png", (4, 4))
    >>> fitted.image[:, 0, 0].tolist(), fitted.placement.scale.tolist()
    ([255, 255, 0, 0], [0.5, 0.5])
    """
    with extra("data"):
        from PIL import Image

    image = open_image(path, "RGB")
    sides = (image.height, image.width)
    height, width = fitting_sides(sides, size)
    resized = image.resize((width, height), Image.Resampling.BOX)
    canvas = np.zeros((*size, 3), np.uint8)
    canvas[:height, :width] = np.asarray(resized)
    return Fitted(canvas, placement_to_fit(sides, size), sides)


def placement_to_fit(sides: tuple[int, int], size: tuple[int, int]) -> Placement:
    """Where the pixels of a picture lie after `resize_to_fit`.

    Args:
        sides: height and width of the picture.
        size: height and width of the result.
    """
    height, width = fitting_sides(sides, size)
    scales = np.array([width / sides[1], height / sides[0]], np.float32)
    return Placement(scales, np.zeros(2, np.float32))


def image_sides(path: Path) -> tuple[int, int]:
    """Returns height and width of an image as a viewer shows it, without its pixels.

    Args:
        path: the file.

    Raises:
        InputError: as `open_image`.
    """
    with _opened(path) as image:
        _refuse_32_bits(path, image)
        # Pillow reads a whole PNG to look for a mark that few have.
        marked = image.format != "PNG" or b"eXIf" in path.read_bytes()
        orientation = image.getexif().get(ORIENTATION, 1) if marked else 1
        width, height = image.size
    return (width, height) if orientation in SIDEWAYS else (height, width)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator["Image.Image"]:
    """An image file, whatever is wrong with it told in a sentence."""
    with extra("data"):
        from PIL import Image

    if not path.is_file():
        raise InputError(f"there is no image at {path}.")
    try:
        with warnings.catch_warnings():
            # More pixels than Pillow allows without a word are too many.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                yield image
    except InputError:
        raise
    except Exception as error:  # decoders raise whatever damaged bytes lead them to
        raise InputError(
            f"{path} is not an image that can be read: {error}."
        ) from error


def _refuse_32_bits(path: Path, image: "Image.Image") -> None:
    if image.mode in ("I", "F"):
        raise InputError(
            f"{path}: its numbers have 32 bits (Pillow's mode {image.mode}), of which "
            "none is white; save it with 8 or 16 bits."
        )
