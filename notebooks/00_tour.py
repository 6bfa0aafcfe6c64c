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
# # A tour of genjax
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genjax/genjax-functional/blob/main/notebooks/00_tour.ipynb)
#
# In five minutes: train a density on real digits, sample from it, complete half-seen
# images exactly, train several seeds as one program, shard over devices, checkpoint,
# and compose three families into one model. Every promise is asserted.
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
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import optax

jax.config.update("jax_num_cpu_devices", 2)  # pretend, so that sharding shows on a CPU

from genjax import nn
from genjax.autoregressive import nade
from genjax.data import (
    ArraySource,
    binarize,
    digits,
    flatten,
    on_device,
    split,
)
from genjax.densities import (
    bernoulli,
    conditional_normal,
    embed_condition,
    negative_log_likelihood,
    standard_normal,
)
from genjax.flows import (
    affine,
    chain,
    coupling,
    density,
    repeat,
    reverse,
)
from genjax.metrics import mean_log_prob
from genjax.plotting import image_grid
from genjax.training import (
    Checkpoints,
    data_parallel,
    device_mesh,
    ensemble,
    fit,
    gradient_descent,
    shard_pipeline,
)
from genjax.vae import LatentModel, elbo, log_weights

# %% [markdown]
# ## Real data, nothing to download
# 1797 handwritten digits, 8 x 8 pixels, binarised.

# %%
parts = split(digits(), validation=180, test=360)
train, validation, test = (
    np.asarray(flatten(binarize(part.arrays["image"], threshold=8))) for part in parts
)
pipeline = on_device(ArraySource({"x": train}), batch_size=64, seed=0)
steps = 60 if SMOKE else 1500

# %% [markdown]
# ## A density, an objective, an update
# Each arrow is a function from pure functions to pure functions.

# %%
model = nade(hidden=128, activation=jax.nn.relu)  # Density
objective = negative_log_likelihood(model)  # Objective
optimizer = optax.adamw(2e-3, weight_decay=0.1)
update = gradient_descent(objective, optimizer)  # Update
run = {"key": jax.random.key(0), "steps": steps, "show_progress": False}
variables = fit(update, pipeline, **run).variables


def nll(density, variables):
    return -float(mean_log_prob(density, variables, jnp.asarray(test)))


independent = bernoulli()
baseline = nll(independent, independent.init(jax.random.key(0), jnp.asarray(train)))
print(f"test NLL: NADE {nll(model, variables):.2f} nats, independent {baseline:.2f}")
assert nll(model, variables) < baseline

# %% [markdown]
# ## Samples, with their exact log-probability, in one pass

# %%
x, log_prob = model.sample(variables, jax.random.key(1), 32)
assert jnp.allclose(log_prob, model.log_prob(variables, x), atol=1e-3)
image_grid(x.reshape(-1, 8, 8), columns=16)

# %% [markdown]
# ## Completions
# The upper halves of test images are given; the lower halves are drawn from their exact
# conditional.

# %%
observed = np.arange(64) < 32
given = jnp.asarray(test[:8])
draws = [
    model.complete(variables, key, given, observed)[0]
    for key in jax.random.split(jax.random.key(2), 3)
]
assert all(jnp.array_equal(draw[:, :32], given[:, :32]) for draw in draws)
grid = jnp.concatenate([given, jnp.where(observed[None], given, 0.4), *draws])
image_grid(grid.reshape(-1, 8, 8), row_labels=("test", "seen", "1", "2", "3"))

# %% [markdown]
# ## Three seeds are one program
# `ensemble` maps a whole run over seeds; it is still an update.

# %%
seeds = fit(ensemble(update, 3), pipeline, **run).variables
each = [nll(model, jax.tree.map(lambda leaf, i=i: leaf[i], seeds)) for i in range(3)]
print("test NLL of the seeds:", np.round(each, 2))
assert len(set(each)) == 3
assert np.ptp(each) < 2

# %% [markdown]
# ## All devices, and a run that loses nothing
# The data is sharded, the program is the same. Stopped half-way and resumed, it ends
# where it would have ended.

# %%
mesh = device_mesh()
shared, fed = data_parallel(update, mesh), shard_pipeline(pipeline, mesh)
with tempfile.TemporaryDirectory() as folder:
    for stop in (steps // 2, steps):
        with Checkpoints(folder, config={"hidden": 128}) as checkpoints:
            run_to = run | {"steps": stop}
            last = fit(shared, fed, checkpoints=checkpoints, resume=True, **run_to)
print(f"{len(jax.devices())} devices, {last.step} steps")
assert last.step == steps
resumed = nll(model, last.variables)
assert abs(resumed - nll(model, variables)) < 0.2

# %% [markdown]
# ## Three families in one model
# A variational autoencoder whose decoder is a NADE and whose prior is a RealNVP:
# none of them knows of the others.

# %%
layer = coupling(affine(), nn.MLP(features=4, hidden=(32,)), split=2)
latent_model = LatentModel(
    posterior=conditional_normal(nn.MLP(features=8, hidden=(64,))),
    likelihood=embed_condition(nade(hidden=64), nn.MLP(features=32, hidden=(32,))),
    prior=density(repeat(chain(layer, reverse()), 2), standard_normal((4,))),
)
composed = gradient_descent(elbo(latent_model, latent_dim=4), optax.adam(1e-3))
variables = fit(composed, pipeline, **run).variables
weights = log_weights(
    latent_model, variables, jax.random.key(3), jnp.asarray(test), samples=16
)
bound = -float(weights.mean())
print(f"test bound of the composition: {bound:.2f} nats")
assert bound < baseline + 5
