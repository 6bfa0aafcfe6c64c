"""COCO's twelve numbers of 5,000 images, beside the evaluators that others use.

pycocotools and hotcoco are in the group `dev`. All see the same random set, and must
give the same numbers.

Command: uv run python -m experiments.benchmarks.evaluation
"""

import contextlib
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from genjax.metrics import (
    Detections,
    GroundTruth,
    coco_summary,
    coco_update,
    detection_state,
)

IMAGES, CLASSES, OBJECTS = 5000, 80, 36_000


def random_set(detections: int) -> tuple[GroundTruth, Detections]:
    """Objects anywhere, and detections near them, some of another class."""
    rng = np.random.default_rng(0)
    image, label = (rng.integers(0, n, OBJECTS) for n in (IMAGES, CLASSES))
    corner, size = rng.uniform(0, 400, (2, OBJECTS)), rng.uniform(5, 200, (2, OBJECTS))
    xywh = np.round(np.concatenate([corner, size])).T
    crowd = rng.uniform(size=OBJECTS) < 0.02
    truth = GroundTruth(image, xywh, label, xywh[:, 2] * xywh[:, 3], crowd, crowd)
    source = rng.integers(0, OBJECTS, detections)
    near = np.round(xywh[source] + 8 * rng.normal(size=(detections, 4)))
    near[:, 2:] = np.maximum(near[:, 2:], 1)
    right = rng.uniform(size=detections) < 0.7
    other = rng.integers(0, CLASSES, detections)
    score = rng.uniform(size=detections)
    found = Detections(
        image[source], near, np.where(right, label[source], other), score
    )
    return truth, found


def ours(truth: GroundTruth, found: Detections) -> list[float]:
    """The twelve numbers by this library."""
    slots = int(np.bincount(found.image).max())
    state = detection_state(images=IMAGES, classes=CLASSES, slots=slots)
    return list(coco_summary(coco_update(state, truth, found)).values())


def as_json(truth: GroundTruth, found: Detections) -> tuple[dict[str, Any], list[Any]]:
    """The set in COCO's own form."""
    annotations = [
        {
            "id": k + 1,
            "image_id": int(truth.image[k]),
            "category_id": int(truth.label[k]) + 1,
            "bbox": truth.xywh[k].tolist(),
            "area": float(truth.area[k]),
            "iscrowd": int(truth.crowd[k]),
        }
        for k in range(len(truth.image))
    ]
    results = [
        {
            "image_id": int(found.image[k]),
            "category_id": int(found.label[k]) + 1,
            "bbox": found.xywh[k].tolist(),
            "score": float(found.score[k]),
        }
        for k in range(len(found.image))
    ]
    content = {
        "info": {},
        "images": [{"id": i} for i in range(IMAGES)],
        "categories": [{"id": c + 1, "name": str(c)} for c in range(CLASSES)],
        "annotations": annotations,
    }
    return content, results


def peer(name: str, content: Path, results: Path) -> Callable[[], list[float]]:
    """The twelve numbers by another evaluator, from files that it has read."""
    evaluation: Any
    if name == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        api = COCO(str(content))
        evaluation = COCOeval(api, api.loadRes(str(results)), "bbox")
    else:
        import hotcoco

        read = hotcoco.COCO(str(content))
        evaluation = hotcoco.COCOeval(read, read.load_res(str(results)), "bbox")

    def run() -> list[float]:
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        return list(evaluation.stats)[:12]

    return run


def main() -> None:
    """Prints seconds, and how far the numbers of the others are apart."""
    table = Table("detections", "evaluator", "s", "largest difference")
    for detections in (37_000, 500_000):
        truth, found = random_set(detections)
        start = time.perf_counter()
        numbers = ours(truth, found)
        table.add_row(str(detections), "genjax", f"{time.perf_counter() - start:.2f}")
        with tempfile.TemporaryDirectory() as folder:
            content, results = Path(folder) / "truth.json", Path(folder) / "found.json"
            for path, value in zip(
                (content, results), as_json(truth, found), strict=True
            ):
                path.write_text(json.dumps(value))
            for name in ("pycocotools", "hotcoco"):
                with contextlib.redirect_stdout(io.StringIO()):
                    run = peer(name, content, results)
                    start = time.perf_counter()
                    others = run()
                seconds = time.perf_counter() - start
                gap = np.max(np.abs(np.subtract(others, numbers)))
                table.add_row(str(detections), name, f"{seconds:.2f}", f"{gap:.1e}")
    Console().print(table)


if __name__ == "__main__":
    main()
