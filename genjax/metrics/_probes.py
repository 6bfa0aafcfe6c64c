"""What frozen features are worth: simple classifiers on top of them."""

from typing import TypeAlias

import numpy as np

from genjax.errors import InputError, extra
from genjax.typing import Array

Rows: TypeAlias = Array | np.ndarray


def linear_probe(
    train: Rows,
    train_labels: Rows,
    test: Rows,
    test_labels: Rows,
    *,
    penalty: float = 1e-2,
) -> float:
    """The test accuracy of a logistic regression on frozen features.

    Features are standardised by their training moments.

    Args:
        train: features `[n, d]`.
        train_labels: `[n]`.
        test: features `[m, d]`.
        test_labels: `[m]`.
        penalty: the inverse of scikit-learn's `C`.

    Raises:
        InputError: features are not finite, or do not belong to their labels.

    Source: Alain and Bengio, 2016, arXiv:1610.01644.

    >>> import numpy as np
    >>> from genjax.metrics import linear_probe
    >>> x, y = np.array([[0.0], [1.0], [0.1], [0.9]]), np.array([0, 1, 0, 1])
    >>> linear_probe(x, y, x, y)
    1.0
    """
    with extra("metrics"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

    _check("linear_probe", train, train_labels)
    _check("linear_probe", test, test_labels)
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(C=1 / penalty, max_iter=5000)
    )
    probe.fit(np.asarray(train), np.asarray(train_labels))
    return float(probe.score(np.asarray(test), np.asarray(test_labels)))


def knn_accuracy(
    train: Rows,
    train_labels: Rows,
    test: Rows,
    test_labels: Rows,
    *,
    neighbours: int = 5,
) -> float:
    """The test accuracy of the vote of the nearest training examples, by cosine.

    Args:
        train: features `[n, d]`.
        train_labels: `[n]`.
        test: features `[m, d]`.
        test_labels: `[m]`.
        neighbours: how many vote.

    Raises:
        InputError: features are not finite, or do not belong to their labels.

    Source: Cover and Hart, 1967.

    >>> import numpy as np
    >>> from genjax.metrics import knn_accuracy
    >>> x, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])
    >>> knn_accuracy(x, y, x, y, neighbours=1)
    1.0
    """
    with extra("metrics"):
        from sklearn.neighbors import KNeighborsClassifier

    _check("knn_accuracy", train, train_labels)
    _check("knn_accuracy", test, test_labels)
    classifier = KNeighborsClassifier(neighbours, metric="cosine")
    classifier.fit(np.asarray(train), np.asarray(train_labels))
    return float(classifier.score(np.asarray(test), np.asarray(test_labels)))


def _check(user: str, features: Rows, labels: Rows) -> None:
    features = np.asarray(features)
    if features.ndim != 2 or len(features) != len(labels):
        raise InputError(
            f"{user}: features must be [n, d] with n labels, got {features.shape} and "
            f"{len(labels)} labels."
        )
    if not np.isfinite(features).all():
        row = int(np.argwhere(~np.isfinite(features))[0, 0])
        raise InputError(f"{user}: the features of row {row} are not finite.")
