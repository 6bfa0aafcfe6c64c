# ---
# jupyter:
#   jupytext:
#     formats: py:percent,ipynb
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Detection with and without anchors
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genjax/genjax-functional/blob/main/notebooks/04_detection.ipynb)
#
# What prior boxes do, what happens where they do not fit, and what heads without them
# do instead: who learns which object, how well two trained detectors find digits, and
# which of them needs suppression. Every promise is asserted.
#
# A GPU makes it faster and changes nothing else (in Colab: Runtime, Change runtime
# type, before the first cell runs).

# %%
import importlib.metadata
import importlib.util
import os
import subprocess
import sys

# Another library has this import name too, under the distribution's name "genjax".
if "genjax" in {found.name for found in importlib.metadata.distributions()}:
    raise ImportError("pip uninstall genjax, restart, and run this cell again")
if importlib.util.find_spec("genjax") is None:
    package = "genjax-functional[all] @ git+https://github.com/genjax/genjax-functional"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", package], check=True)
SMOKE = bool(os.environ.get("GENJAX_SMOKE"))

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax import nn
from genjax.data import digits, generated, scenes, split
from genjax.detection import (
    anchor_sizes,
    by_size,
    centernet,
    centernet_outputs,
    detection_objective,
    detector,
    fcos,
    fcos_outputs,
    ground_truth,
    retina,
    retina_outputs,
    shape_iou,
)
from genjax.metrics import (
    coco_summary,
    coco_update,
    detection_state,
    detections_of_boxes,
    ground_truth_of_boxes,
)
from genjax.plotting import bars, boxes_on_images
from genjax.training import fit, gradient_descent, with_ema

KEY = jax.random.key(0)
STRIDES = (4, 8)

# %% [markdown]
# ## Scenes of digits
# One to five digits of 12 to 32 pixels on a noisy ground; the digits of the test scenes
# are of those that no training scene shows.

# %%
draw, _, draw_test = (
    scenes(part.arrays["image"] / 16.0, part.arrays["label"])
    for part in split(digits(), validation=180, test=360)
)
train, test = draw(KEY, 256), draw_test(jax.random.key(1), 100)
truth = ground_truth(train["xyxy"], train["label"], train["valid"])

# %% [markdown]
# ## Prior boxes
# k-medians by the overlap of shapes finds the sizes that fit best. With more of them
# every object has one that is alike.

# %%
sides = (train["xyxy"][..., 2:] - train["xyxy"][..., :2])[train["valid"]]
found = {k: anchor_sizes(KEY, sides, k=k) for k in (1, 2, 4, 6)}
fits = {
    k: float(jnp.mean(jnp.max(shape_iou(sides, a), axis=1))) for k, a in found.items()
}
print({k: round(v, 3) for k, v in fits.items()})
assert list(fits.values()) == sorted(fits.values())
assert fits[6] > 0.8
anchors = found[6].tolist()

# %% [markdown]
# ## Who learns an object
# An anchor learns an object that it overlaps by one half, and each object has its best
# anchor anyway. Anchors of another shape are left with little more than the latter.
# Without anchors, a place learns an object because it lies near its centre, whatever
# its shape.


# %%
def with_anchors(sizes):
    tower = nn.DenseTower(outputs=retina_outputs(10, anchors=3), width=32)
    pair = (sizes[:3], sizes[3:])
    return retina(tower, classes=10, strides=STRIDES, anchors=pair)


def without_anchors():
    tower = nn.DenseTower(outputs=centernet_outputs(10), width=32, prior=0.1)
    return centernet(tower, classes=10, stride=4)


tower = nn.DenseTower(outputs=fcos_outputs(10), width=32)
heads = {
    "anchors": with_anchors(anchors),
    "anchors four times as wide": with_anchors([[4 * w, h] for w, h in anchors]),
    "places by size": fcos(
        tower, classes=10, strides=STRIDES, matching=by_size(ranges=(14.0,))
    ),
    "centres": without_anchors(),
}


def learners_of(head):
    targets = jax.jit(head.assign, static_argnums=1)(truth, (64, 64))
    return float(jnp.sum(targets.positive) / jnp.sum(truth.valid))


learners = {name: learners_of(head) for name, head in heads.items()}
print({name: round(value, 2) for name, value in learners.items()})
assert learners["anchors"] > 1.5 * learners["anchors four times as wide"]
assert learners["places by size"] > 2
assert abs(learners["centres"] - 1) < 0.02
bars({name: [value] for name, value in learners.items()}, ylabel="learners an object")

# %% [markdown]
# ## Two detectors
# The same backbone, with anchors and with centres. The first needs suppression, since
# several anchors tell one object; the second takes the peaks of a heatmap.


# %%
def trained(neck, head, steps):
    backbone = nn.PyramidBackbone(widths=(16, 32, 64), levels=2, stem=2)
    objective = detection_objective(backbone, neck, head)
    schedule = optax.cosine_decay_schedule(3e-3, steps)
    adam = optax.chain(optax.clip_by_global_norm(10.0), optax.adamw(schedule))
    update = with_ema(gradient_descent(objective, adam), decay=0.99)
    batches = generated(lambda key: draw(key, 16), seed=0)
    state = fit(update, batches, key=KEY, steps=steps, chunk=1, show_progress=False)
    return state.evaluated, jax.jit(detector(backbone, neck, head))


def ap50(found):
    images = np.arange(len(test["image"]))
    boxes = (test[name] for name in ("xyxy", "label", "valid"))
    state = coco_update(
        detection_state(images=len(images), classes=10),
        ground_truth_of_boxes(*boxes, image=images),
        detections_of_boxes(*found[:4], image=images),
    )
    return coco_summary(state)["AP50"]


STEPS = 10 if SMOKE else 1000
scores = {}
for name, neck, head in (
    ("anchors", nn.FPN(features=32), heads["anchors"]),
    ("centres", nn.FPN(features=32, finest=1), heads["centres"]),
):
    variables, detect = trained(neck, head, STEPS)
    found = detect(variables, test["image"])
    scores[name] = ap50(found)
print(scores)
assert SMOKE or min(scores.values()) > 0.9

# %%
labelled = [
    [
        (found.xyxy[i, j], str(found.label[i, j]))
        for j in np.flatnonzero(found.valid[i] & (found.score[i] > 0.4))
    ]
    for i in range(4)
]
boxes_on_images(test["image"][:4, ..., 0], labelled)
