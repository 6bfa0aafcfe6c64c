"""Folders of images."""

from pathlib import Path

import numpy as np

from genjax.data._source import ArraySource
from genjax.errors import InputError, extra

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")


def image_folder(folder: str | Path, *, grey: bool = False) -> ArraySource:
    """Reads every image below a folder; subfolders are classes.

    Args:
        folder: images, or one subfolder per class, in the order of their names.
        grey: read one channel instead of three.

    Returns:
        `image` `[n, h, w, c]` as uint8, and `label` `[n]`: the index of the subfolder,
        0 where there are none.

    Raises:
        InputError: there is no such folder or no image, one cannot be read, or their
            sizes differ.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (6, 4)).save(f"{folder}/one.png")
    ...     image_folder(folder).arrays["image"].shape
    (1, 4, 6, 3)
    """
    with extra("data"):
        from PIL import Image, UnidentifiedImageError

    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"there is no folder of images at {root}.")
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in ENDINGS)
    if not paths:
        raise InputError(f"{root} holds no image ({', '.join(ENDINGS)}).")
    classes = sorted({p.relative_to(root).parts[0] for p in paths if p.parent != root})
    images = []
    for path in paths:
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("L" if grey else "RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise InputError(f"{path} is not an image that can be read.") from error
        images.append(pixels[..., None] if grey else pixels)
        if images[0].shape != images[-1].shape:
            raise InputError(
                f"the images of {root} differ in size: {paths[0].name} is "
                f"{_size(images[0])}, {path.name} is {_size(images[-1])}; "
                "resize them first."
            )
    labels = [
        classes.index(p.relative_to(root).parts[0]) if p.parent != root else 0
        for p in paths
    ]
    return ArraySource({"image": np.stack(images), "label": np.array(labels, np.int32)})


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
