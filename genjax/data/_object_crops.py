"""Objects cut out of annotated pictures."""

import numpy as np

from genjax.data._annotated import AnnotatedFiles
from genjax.data._source import ArraySource
from genjax.errors import InputError, extra


def object_crops(source: ArraySource | AnnotatedFiles, *, size: int) -> ArraySource:
    """Cuts every object out of its picture: to classify them, or to paste them.

    What is ignored and what has no pixel inside the picture is left out. Crops are
    brought to a square, whatever their shape was, by means of pixels where that is
    smaller and bilinearly where it is larger.

    Args:
        source: as `read_voc`, `read_coco` and their like return it: `image` `[n, h, w,
            3]`, uint8, `xyxy` `[n, m, 4]` in its pixels, `label`, `valid`, `ignore`.
        size: the side of the crops, in pixels.

    Returns:
        `image` `[k, size, size, 3]`, uint8, and `label` `[k]`, picture by picture.

    Raises:
        InputError: the size is not positive, or there is no object.

    >>> import numpy as np
    >>> from genjax.data import ArraySource, object_crops
    >>> arrays = {"image": np.zeros((1, 8, 8, 3), np.uint8)}
    >>> arrays["xyxy"] = np.array([[[1.0, 1, 4, 5], [0, 0, 0, 0]]])
    >>> arrays["label"] = np.array([[5, 0]])
    >>> arrays["valid"] = np.array([[True, False]])
    >>> crops = object_crops(ArraySource(arrays), size=16).arrays
    >>> crops["image"].shape, crops["label"].tolist()
    ((1, 16, 16, 3), [5])
    """
    with extra("data"):
        from PIL import Image
    if size < 1:
        raise InputError(f"object_crops: size must be at least 1, got {size}.")
    crops, labels = [], []
    for row in range(len(source)):
        own = {name: x[0] for name, x in source.gather(np.array([row])).items()}
        height, width, _ = own["image"].shape
        edges = np.clip(own["xyxy"], 0, [width, height, width, height])
        low, high = np.floor(edges[:, :2]), np.ceil(edges[:, 2:])
        there = own["valid"] & np.all(edges[:, 2:] > edges[:, :2], axis=1)
        there &= ~own.get("ignore", np.zeros_like(there))
        picture = Image.fromarray(own["image"])
        for place in np.flatnonzero(there):
            crop = picture.crop((*low[place].astype(int), *high[place].astype(int)))
            smaller = max(crop.size) > size
            how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
            crops.append(np.asarray(crop.resize((size, size), how)))
            labels.append(own["label"][place])
    if not crops:
        raise InputError("object_crops: the pictures show no object.")
    return ArraySource({"image": np.stack(crops), "label": np.array(labels, np.int32)})
