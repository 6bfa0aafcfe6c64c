"""Folders of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from genjax.data._pixels import open_image
from genjax.data._source import ArraySource
from genjax.errors import InputError, extra

if TYPE_CHECKING:
    from PIL import Image

FITS = ("crop", "pad", "stretch")
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def image_folder(
    folder: str | Path,
    *,
    grey: bool = False,
    classes: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    fit: Literal["crop", "pad", "stretch"] = "crop",
) -> ArraySource:
    """Reads every image below a folder; subfolders are classes.

    Images are as a viewer shows them: turned as their EXIF orientation says, on white
    where they are transparent, 16 bits scaled to 8. Names that begin with a dot are
    left out.

    Args:
        folder: images, or one subfolder per class.
        grey: read one channel instead of three.
        classes: the subfolders in the order of their labels, so that several splits
            agree; those that are there, empty ones too, by name when empty.
        size: height and width to bring all images to; they must agree when None.
        fit: how: the middle is cut out, white is added around, or the shape changes.

    Returns:
        `image` `[n, h, w, c]` as uint8, and `label` `[n]`: the index of the subfolder,
        0 where there are none.

    Raises:
        InputError: there is no such folder or no image, one cannot be read, lies beside
            the subfolders or in one that is not among `classes`, or their sizes differ.

    >>> from genjax.data import image_folder
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (6, 4)).save(f"{folder}/one.png")
    ...     image_folder(folder).arrays["image"].shape
    (1, 4, 6, 3)
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"there is no folder of images at {root}.")
    found = [p for p in root.rglob("*") if p.suffix.lower() in ENDINGS]
    paths = sorted(p for p in found if not _is_hidden(p.relative_to(root)))
    if not paths:
        raise InputError(f"{root} holds no image ({', '.join(ENDINGS)}).")
    labels = _labels(root, paths, classes)
    if fit not in FITS:
        raise InputError(f"image_folder: fit is {', '.join(FITS)}, got {fit!r}.")
    images = []
    for path in paths:
        image = open_image(path, "L" if grey else "RGB")
        pixels = np.asarray(image if size is None else _resized(image, size, fit))
        images.append(pixels[..., None] if grey else pixels)
        if images[0].shape != images[-1].shape:
            raise InputError(
                f"the images of {root} differ in size: {paths[0].name} is "
                f"{_size(images[0])}, {path.name} is {_size(images[-1])}; name a size "
                "to bring them to."
            )
    return ArraySource({"image": np.stack(images), "label": labels})


def _resized(image: "Image.Image", size: tuple[int, int], fit: str) -> "Image.Image":
    with extra("data"):
        from PIL import Image, ImageOps

    sides, sampling = (size[1], size[0]), Image.Resampling.BICUBIC
    if fit == "crop":
        return ImageOps.fit(image, sides, method=sampling)
    if fit == "pad":
        white = 255 if image.mode == "L" else (255, 255, 255)
        return ImageOps.pad(image, sides, method=sampling, color=white)
    return image.resize(sides, sampling)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _labels(root: Path, paths: Sequence[Path], classes: Sequence[str]) -> np.ndarray:
    folders = [p.name for p in root.iterdir() if p.is_dir() and p.name[0] != "."]
    inside = {p.relative_to(root).parts[0] for p in paths if p.parent != root}
    if not inside and not classes:
        return np.zeros(len(paths), np.int32)
    names = list(classes) or sorted(folders)
    unknown = sorted(inside - set(names))
    if unknown:
        raise InputError(
            f"{root}: the subfolder {unknown[0]!r} is not among the classes {names}."
        )
    beside = [p.name for p in paths if p.parent == root]
    if beside:
        raise InputError(
            f"{root}: {beside[0]} lies beside the subfolders {names}, so that it has "
            "no class."
        )
    labels = [names.index(p.relative_to(root).parts[0]) for p in paths]
    return np.array(labels, np.int32)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
