"""Folders of images: read at once, or as they are needed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class ImageFiles:
    """Images in files, which are read when they are asked for; see `image_files`.

    Fields:
        paths: of the images.
        labels: `[n]`, int32: places among the classes.
        classes: the names of the subfolders; none where there are none.
        size: height and width that all images are brought to.
        fit: how.
        grey: whether they have one channel instead of three.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    classes: tuple[str, ...]
    size: tuple[int, int] | None
    fit: str
    grey: bool

    def __len__(self) -> int:
        return len(self.paths)

    def gather(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Reads the images at these indices: `image` `[n, h, w, c]`, and `label`."""
        paths = [self.paths[i] for i in indices]
        images = [self._read(path) for path in paths]
        for path, image in zip(paths, images, strict=True):
            if image.shape != images[0].shape:
                raise InputError(
                    f"the images of a folder differ in size: {paths[0].name} is "
                    f"{_size(images[0])}, {path.name} is {_size(image)}; name a size "
                    "to bring them to."
                )
        return {"image": np.stack(images), "label": self.labels[indices]}

    def select(self, rows: np.ndarray) -> "ImageFiles":
        """Returns the source of these images alone; nothing is read."""
        paths = tuple(self.paths[i] for i in rows)
        return replace(self, paths=paths, labels=self.labels[rows])

    def _read(self, path: Path) -> np.ndarray:
        image = open_image(path, "L" if self.grey else "RGB")
        pixels = np.asarray(
            image if self.size is None else _resized(image, self.size, self.fit)
        )
        return pixels[..., None] if self.grey else pixels


def image_files(
    folder: str | Path,
    *,
    size: tuple[int, int] | None,
    fit: Literal["crop", "pad", "stretch"] = "crop",
    grey: bool = False,
    classes: Sequence[str] | None = (),
) -> ImageFiles:
    """Finds every image below a folder; subfolders are classes.

    For sets larger than memory: `streamed` reads the images of each batch ahead, and
    `split` cuts the set without reading any. `image_folder` reads all at once.

    Images are as a viewer shows them: turned as their EXIF orientation says, on white
    where they are transparent, 16 bits scaled to 8. Names that begin with a dot are
    left out.

    Args:
        folder: images, or one subfolder per class.
        size: height and width to bring all images to; they must agree when None.
        fit: how: the middle is cut out, white is added around, or the shape changes.
        grey: read one channel instead of three.
        classes: the subfolders in the order of their labels, so that several splits
            agree; those that are there, empty ones too, by name when empty; None for
            no classes, wherever images lie.

    Returns:
        A source of `image` `[n, h, w, c]` as uint8, and `label` `[n]`: the index of the
        subfolder, 0 where there are none.

    Raises:
        InputError: there is no such folder or no image, or one lies beside the
            subfolders or in one that is not among `classes`; while reading: it cannot
            be read, or their sizes differ.

    >>> from genjax.data import image_files
    >>> import tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (6, 4)).save(f"{folder}/one.png")
    ...     image_files(folder, size=(8, 8)).gather(np.array([0, 0]))["image"].shape
    (2, 8, 8, 3)
    """
    root = Path(folder)
    if not root.is_dir():
        what = "it is a file" if root.is_file() else "there is nothing"
        raise InputError(f"there is no folder of images at {root}: {what}.")
    paths = sorted(
        Path(place, name)
        for place, _, names in os.walk(root, followlinks=True)
        for name in names
        if Path(name).suffix.lower() in ENDINGS
    )
    paths = [path for path in paths if not _is_hidden(path.relative_to(root))]
    if not paths:
        raise InputError(f"{root} holds no image ({', '.join(ENDINGS)}).")
    if fit not in FITS:
        raise InputError(f"image_files: fit is {', '.join(FITS)}, got {fit!r}.")
    names = () if classes is None else _names(root, paths, classes)
    places = [names.index(p.relative_to(root).parts[0]) if names else 0 for p in paths]
    labels = np.array(places, np.int32)
    return ImageFiles(tuple(paths), labels, names, size, fit, grey)


def image_folder(
    folder: str | Path,
    *,
    grey: bool = False,
    classes: Sequence[str] = (),
    size: tuple[int, int] | None = None,
    fit: Literal["crop", "pad", "stretch"] = "crop",
) -> ArraySource:
    """Reads every image below a folder at once, by the rules of `image_files`.

    Args:
        folder: images, or one subfolder per class.
        grey: as in `image_files`.
        classes: as in `image_files`.
        size: as in `image_files`.
        fit: as in `image_files`.

    Returns:
        `image` `[n, h, w, c]` as uint8, and `label` `[n]`: the index of the subfolder,
        0 where there are none.

    Raises:
        InputError: as `image_files`.

    >>> from genjax.data import image_folder
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (6, 4)).save(f"{folder}/one.png")
    ...     image_folder(folder).arrays["image"].shape
    (1, 4, 6, 3)
    """
    files = image_files(folder, size=size, fit=fit, grey=grey, classes=classes)
    return ArraySource(files.gather(np.arange(len(files))))


def _resized(image: "Image.Image", size: tuple[int, int], fit: str) -> "Image.Image":
    with extra("data"):
        from PIL import Image, ImageOps

    sides, sampling = (size[1], size[0]), Image.Resampling.BICUBIC
    if fit == "crop":
        return ImageOps.fit(image, sides, method=sampling)
    if fit == "pad":
        scale = min(sides[0] / image.width, sides[1] / image.height)
        # Something is left of the narrowest.
        inner = [max(1, round(scale * side)) for side in image.size]
        page = Image.new(image.mode, sides, "white")
        corner = [(side - own) // 2 for side, own in zip(sides, inner, strict=True)]
        page.paste(image.resize((inner[0], inner[1]), sampling), (corner[0], corner[1]))
        return page
    return image.resize(sides, sampling)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _names(
    root: Path, paths: Sequence[Path], classes: Sequence[str]
) -> tuple[str, ...]:
    """The classes of a folder; none where its images lie in no subfolder."""
    folders = [p.name for p in root.iterdir() if p.is_dir() and p.name[0] != "."]
    inside = {p.relative_to(root).parts[0] for p in paths if p.parent != root}
    if not inside and not classes:
        return ()
    names = tuple(classes) or tuple(sorted(folders))
    unknown = sorted(inside - set(names))
    if unknown:
        raise InputError(
            f"{root}: the subfolder {unknown[0]!r} is not among the classes "
            f"{list(names)}."
        )
    beside = [p.name for p in paths if p.parent == root]
    if beside:
        raise InputError(
            f"{root}: {beside[0]} lies beside the subfolders {list(names)}, so that it "
            "has no class."
        )
    return names


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
