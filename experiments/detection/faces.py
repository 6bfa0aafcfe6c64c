"""Small faces among other patches; MTCNN on a picture.

Without a picture, scikit-image's faces of 8 to 40 pixels stand on scenes of 64 x 64
beside patches that are none; the faces of the test scenes are of 60 pictures that no
training scene shows. One anchored head finds them as RetinaNet matches its anchors, the
other as S3FD does, with its maxima over backgrounds and features of the surroundings.

With `--picture` and `--weights`, the folder of the published MTCNN's `pnet.npz`,
`rnet.npz` and `onet.npz`, it finds the faces of that picture, and draws them.

Paper: Zhang, Zhu, Lei, Shi, Wang and Li, 2017, arXiv:1708.05237; Zhang, Zhang, Li and
    Qiao, 2016, arXiv:1604.02878
Command: python -m experiments detection/faces --check
Hardware: 2 CPU cores
Time: 201 seconds; a picture 16 seconds
Expected: AP50 of S3FD's kind >= .9
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarks.timing import median_ms
from experiments.detection import _scenes
from experiments.detection._anchored import Tricks
from experiments.detection._compared import Tables, Way, comparison, of_ways
from experiments.detection._scenes import SceneConfig
from experiments.report import write_file
from experiments.runner import Study, run
from genjax.data import open_image
from genjax.detection import mtcnn, mtcnn_variables
from genjax.errors import InputError
from genjax.plotting import bars, boxes_on_images

AREAS = {"": (0, math.inf), "_small": (0, 16**2), "_others": (16**2, math.inf)}
WAYS: Mapping[str, Way] = {
    "retina": Way(Tricks()),
    "s3fd": Way(Tricks(compensation=True, backgrounds=3, context=True)),
}
GAINS = {"gain_of_s3fd": ("AP_small", "s3fd", "retina")}


@dataclass(frozen=True, kw_only=True)
class Config(SceneConfig):
    """The settings of this experiment."""

    ways: tuple[str, ...] = tuple(WAYS)
    """Which to compare."""
    picture: str = ""
    """A file to find faces in."""
    weights: str = ""
    """The folder of MTCNN's weights, for `--picture`."""
    min_size: float = 20.0
    """The side of the smallest face in the picture, in pixels."""
    glyphs: Literal["digits", "faces"] = "faces"
    most: int = 6
    sizes: tuple[float, float] = (8.0, 40.0)
    steps: int = 2000
    batch_size: int = 8


SMOKE = {**_scenes.SMOKE, "ways": ("s3fd",)}
EXPECTED = {"AP50_s3fd": {"at_least": 0.9}}


def build(config: Config) -> Study:
    """Returns the study of a configuration."""
    if bool(config.picture) != bool(config.weights):
        raise InputError("--picture needs --weights, and --weights a --picture.")
    if config.picture and config.seeds > 1:
        raise InputError("--seeds: nothing is trained where there is a --picture.")

    study = comparison(config, WAYS, areas=AREAS, gains=GAINS, draw=_drawn)
    return Study(partial(_in_picture, config)) if config.picture else study


def _drawn(tables: Tables) -> dict[str, Any]:
    return {"AP_of_small_faces": bars(of_ways(tables, "AP_small"), ylabel="AP")}


def _in_picture(config: Config, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """How many faces a picture shows, and where: in `faces.jsonl`, a line for each."""
    variables = mtcnn_variables(config.weights)
    picture = np.asarray(open_image(Path(config.picture), "RGB"))
    find = jax.jit(mtcnn(min_size=config.min_size))
    pictures = jnp.asarray(picture[None])
    found = find(variables, pictures)
    rows = np.flatnonzero(found.boxes.valid[0])
    faces = [
        {
            "score": float(found.boxes.score[0, row]),
            "xyxy": np.asarray(found.boxes.xyxy[0, row]).tolist(),
            "landmarks": np.asarray(found.landmarks[0, row]).tolist(),
        }
        for row in rows
    ]
    write_file(folder / "faces.jsonl", "".join(json.dumps(x) + "\n" for x in faces))
    boxes = [(face["xyxy"], f"face {face['score']:.2f}") for face in faces]
    points = np.asarray(found.landmarks[0])[rows].reshape(-1, 2)
    drawn = boxes_on_images(picture[None], [boxes], columns=1, points=[points])
    drawn.set_size_inches(*(side / 150 for side in picture.shape[1::-1]))
    metrics = {
        "faces": len(rows),
        "candidates_left_out": int(found.cut.sum()),
        "inference_ms": median_ms(find, variables, pictures),
    }
    return metrics, {"faces": drawn}


def main(config: Config) -> dict[str, Any]:
    """Runs the experiment."""
    expected = {} if config.picture or "s3fd" not in config.ways else EXPECTED
    return run("detection/faces", config, build, expected)
