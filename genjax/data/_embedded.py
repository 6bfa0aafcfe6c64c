"""Real data that ships inside scikit-learn and scikit-image: no network, no files."""

from typing import Any

import numpy as np

from genjax.data._source import ArraySource
from genjax.errors import extra


def digits() -> ArraySource:
    """The 1797 handwritten digits of scikit-learn.

    Returns:
        `image` `[1797, 8, 8]`, integers 0 to 16 as uint8, and `label` `[1797]`, int32.

    Source: Alpaydin and Kaynak, 1998, UCI's optical recognition of handwritten digits.

    >>> from genjax.data import digits
    >>> digits().arrays["image"].shape
    (1797, 8, 8)
    """
    with extra("data"):
        from sklearn.datasets import load_digits

    data: Any = load_digits()
    return ArraySource(
        {
            "image": data["images"].astype(np.uint8),
            "label": data["target"].astype(np.int32),
        }
    )


def faces() -> ArraySource:
    """The 100 faces and 100 other patches of scikit-image.

    Returns:
        `image` `[200, 25, 25]`, floats in [0, 1], and `label` `[200]`: 1 for a face.

    Source: Huang, Ramesh, Berg and Learned-Miller, 2007, Labeled Faces in the Wild.

    >>> from genjax.data import faces
    >>> faces().arrays["image"].shape
    (200, 25, 25)
    """
    with extra("data"):
        from skimage.data import lfw_subset

    label = (np.arange(200) < 100).astype(np.int32)
    return ArraySource({"image": lfw_subset().astype(np.float32), "label": label})
