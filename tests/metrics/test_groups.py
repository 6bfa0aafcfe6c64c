import numpy as np

from genjax.metrics import Detections, GroundTruth, _groups
from genjax.metrics._detection import best_first, detection_state


def test_every_pair_of_one_image_and_class_is_in_one_group(monkeypatch):
    rng = np.random.default_rng(0)

    def entries(n):
        return rng.integers(0, 6, n), rng.uniform(1, 9, (n, 4)), rng.integers(0, 3, n)

    truth = GroundTruth(*entries(60), np.ones(60), *np.zeros((2, 60), bool))
    state = detection_state(images=6, classes=3)
    found = Detections(*entries(90), rng.uniform(size=90))
    found = best_first("test", found, state)
    for chunk in (1, 30, 10**6):
        monkeypatch.setattr(_groups, "CHUNK", chunk)
        pairs = []
        for part in _groups.groups_of(truth, found, 3):
            for own, objects in zip(part.found, part.truth, strict=True):
                pairs += [(i, j) for i in own if i >= 0 for j in objects if j >= 0]
            counts = np.sum(part.found >= 0, axis=1)
            assert np.all(np.diff(counts) <= 0)
        wanted = [
            (i, j)
            for i in range(90)
            for j in range(60)
            if found.image[i] == truth.image[j] and found.label[i] == truth.label[j]
        ]
        assert sorted(pairs) == wanted
