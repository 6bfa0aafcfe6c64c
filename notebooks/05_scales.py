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
# # Scales and small objects
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genjax/genjax-functional/blob/main/notebooks/05_scales.ipynb)
#
# Small objects have few pixels. One can enlarge the image, or let a network see it in
# several ways; and one can ask who learns a small object at all. Each answer is a
# transform of a detector, of its training or of its matching. Every promise is
# asserted.
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
    Grid,
    by_size,
    detection_objective,
    detector,
    fcos,
    fcos_outputs,
    ground_truth,
    scales,
)
from genjax.metrics import (
    COCO,
    coco_summary,
    coco_update,
    detection_state,
    detections_of_boxes,
    ground_truth_of_boxes,
)
from genjax.plotting import bars, boxes_on_images
from genjax.receptive_field import receptive_field
from genjax.training import fit, gradient_descent, with_ema

KEY, EVERY = jax.random.key(0), (0.0, float("inf"))

# %% [markdown]
# ## Scenes of digits of all sizes
# From 5 to 40 pixels high. Small ones are those below 12 pixels, by the root of the
# area of their box.

# %%
draw, _, draw_test = (
    scenes(part.arrays["image"] / 16.0, part.arrays["label"], sizes=(5.0, 40.0))
    for part in split(digits(), validation=180, test=360)
)
test = draw_test(jax.random.key(1), 100)
PROTOCOL = COCO._replace(areas={"": (0, 1e10), "small": (0, 12**2)})

# %% [markdown]
# ## One level, and the image twice as large
# A detector with one level of stride 4. It looks at the scenes as they are; at both
# sizes, for which it was not trained; and at both after a training on both, in which
# each size teaches the objects that it is for (SNIP): the others are neither learnt nor
# background.


# %%
def head_of(matching, strides=(4,)):
    tower = nn.DenseTower(outputs=fcos_outputs(10), width=32)
    return fcos(tower, classes=10, strides=strides, matching=matching)


def trained(objective, steps):
    adam = optax.adamw(optax.cosine_decay_schedule(3e-3, steps))
    adam = optax.chain(optax.clip_by_global_norm(10.0), adam)
    update = with_ema(gradient_descent(objective, adam), decay=0.99)
    batches = generated(lambda key: draw(key, 8), seed=0)
    state = fit(update, batches, key=KEY, steps=steps, chunk=1, show_progress=False)
    return state.evaluated


def precision(detect, variables):
    found = jax.jit(detect)(variables, test["image"])
    images = np.arange(len(test["image"]))
    boxes = (test[name] for name in ("xyxy", "label", "valid"))
    state = coco_update(
        detection_state(images=len(images), classes=10, protocol=PROTOCOL),
        ground_truth_of_boxes(*boxes, image=images),
        detections_of_boxes(*found[:4], image=images),
    )
    return coco_summary(state)["APsmall"]


STEPS = 10 if SMOKE else 800
backbone = nn.PyramidBackbone(widths=(16, 32), levels=1, stem=2)
single = (backbone, nn.ResidualStage(width=32), head_of(by_size(ranges=())))
plain, detect = detection_objective(*single), detector(*single)
ranges = ((10.0, float("inf")), (0.0, 28.0))
both = {"scales": (1.0, 2.0)}
learnt = trained(plain, STEPS)
snip = trained(scales.pyramid_training(plain, **both, ranges=ranges), STEPS)
small = {
    "one size": precision(detect, learnt),
    "two at test": precision(scales.image_pyramid(detect, **both), learnt),
    "SNIP": precision(scales.image_pyramid(detect, **both, ranges=ranges), snip),
}
print({name: round(value, 3) for name, value in small.items()})
assert SMOKE or list(small.values()) == sorted(small.values())
bars({name: [value] for name, value in small.items()}, ylabel="AP of small digits")

# %% [markdown]
# ## One set of weights, three ways to see
# The branches of a TridentNet differ in their dilation alone. They have the parameters
# of one, see farther and farther, and any of them can stand alone.

# %%
stages = [nn.ResidualStage(width=32, dilation=d) for d in (1, 2, 3)]
branches = scales.shared_branches(stages)
trident = (backbone, branches, scales.by_branch(single[2], ranges=[EVERY] * 3))
variables = jax.jit(detection_objective(*trident).init)(KEY, draw(KEY, 2))
assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, learnt)
of_stage = {"params": variables["params"]["neck"]}
see = lambda x, v: branches.apply(v, (x,))  # noqa: E731
fields = receptive_field(see, (1, 64, 64, 32), of_stage)
assert [field.size[0] - 1 for field in fields] == [8, 16, 24]

# %% [markdown]
# ## Who learns a small object
# By its size, an object belongs to a level, and to the places inside it: the smallest
# have none. Measured effective fields need no ranges by hand: each object goes to the
# places that see what it fills. With a covering, nobody is left out.

# %%
truth = ground_truth(*(draw(KEY, 500)[name] for name in ("xyxy", "label", "valid")))
grid = Grid([(16, 16), (8, 8)], (4, 8))
levels = nn.PyramidBackbone(widths=(16, 32, 64), levels=2, stem=2)
images = test["image"][:8]
weights = jax.tree.map(  # residual branches begin at zero: a network that sees
    lambda x: x + 0.1 * jax.random.normal(KEY, x.shape), levels.init(KEY, images)
)
widths = scales.field_widths(levels.apply, weights, images)
print("fields of", [round(width, 1) for width in widths], "pixels")
left_out = {}
for name, match in {
    "by size": by_size(ranges=(12.0,)),
    "by size, covering": scales.covering(by_size(ranges=(12.0,))),
    "by field, covering": scales.covering(scales.by_field(widths=widths)),
}.items():
    index, found = jax.jit(jax.vmap(lambda boxes, m=match: m(boxes, grid)))(truth)
    own = (index[..., None] == jnp.arange(truth.valid.shape[1])) & found[..., None]
    left_out[name] = int(jnp.sum(truth.objects & ~own.any(axis=1)))
print(left_out)
assert left_out["by size"] > 0
assert left_out["by size, covering"] == left_out["by field, covering"] == 0

# %% [markdown]
# ## Tiles of a large picture
# What a detector of scenes finds in a picture of many, by overlapping tiles.

# %%
picture = test["image"][:12].reshape(3, 4, 64, 64).transpose(0, 2, 1, 3)
picture = picture.reshape(1, 192, 256, 1)
by_tiles = jax.jit(scales.tiled(detect, tile=(64, 64), overlap=32))
found = by_tiles(learnt, picture)
sure = np.flatnonzero(found.valid[0] & (found.score[0] > 0.4))
boxes = [(found.xyxy[0, j], str(found.label[0, j])) for j in sure]
assert SMOKE or len(boxes) > 0.6 * int(test["valid"][:12].sum())
boxes_on_images(picture[..., 0], [boxes], columns=1)
