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
# # Flows: log-determinants that compose
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genjax/genjax-functional/blob/main/notebooks/01_flows.ipynb)
#
# A density fitted to one whose entropy is known, the inverse of a plain function,
# digits completed exactly, and a rectified flow that draws in a single step. Every
# promise is asserted.
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
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax import data, flow_matching as fm, nn
from genjax.densities import (
    negative_log_likelihood,
    standard_normal,
    tempered,
    two_moons,
)
from genjax.flows import (
    actnorm,
    autoregressive_flow,
    chain,
    coupling,
    density,
    rational_quadratic_spline,
    repeat,
    reverse,
)
from genjax.metrics import energy_distance
from genjax.plotting import density_map, image_grid, scatter_panels
from genjax.programs import inverse_and_log_det
from genjax.training import fit, gradient_descent

run = {"key": jax.random.key(0), "show_progress": False}
steps = 50 if SMOKE else 1500


def train(objective, pipeline, steps):
    optimizer = optax.adam(optax.cosine_decay_schedule(2e-3, steps))
    update = gradient_descent(objective, optimizer)
    return fit(update, pipeline, steps=steps, **run).variables


# %% [markdown]
# ## A density of the plane, against the truth
# Spline couplings, repeated by a scan. The entropy of two moons is known, so that what
# is left to learn is a number.

# %%
moons, spline = two_moons(), rational_quadratic_spline(bins=8)
network = nn.MLP(features=spline.size, hidden=(64, 64), activation=jax.nn.silu)
layer = chain(coupling(spline, network, split=1), reverse())
flow = chain(actnorm(), repeat(layer, 4))
model = density(flow, standard_normal((2,)))
fresh = data.generated(lambda key: {"x": moons.sample({}, key, 512)[0]}, seed=0)
variables = train(negative_log_likelihood(model), fresh, steps)
x, truth = moons.sample({}, jax.random.key(1), 5000)
gap = float(jnp.mean(truth - model.log_prob(variables, x)))
print(f"{gap:.4f} nats above the true entropy")
assert gap < (2.0 if SMOKE else 0.05)

# %%
extent = (-1.5, 2.5, -1.0, 1.5)
grid = np.stack(
    np.meshgrid(*[np.linspace(*extent[i : i + 2], 150) for i in (0, 2)]), -1
)
points = jnp.asarray(grid.reshape(-1, 2), jnp.float32)
density_map(
    jnp.stack([moons.log_prob({}, points), model.log_prob(variables, points)]).reshape(
        2, 150, 150
    ),
    extent=extent,
    points=model.sample(variables, jax.random.key(2), 1000)[0],
    titles=("truth", "flow", "samples"),
)

# %% [markdown]
# Samples at a lower temperature come from the same parameters and another base.

# %%
cool = density(flow, tempered(standard_normal((2,)), temperature=0.5))
samples = [d.sample(variables, jax.random.key(3), 1000)[0] for d in (cool, model)]
likelier, usual = [float(model.log_prob(variables, s).mean()) for s in samples]
print(f"mean log-density at temperature .5: {likelier:.2f}, at 1: {usual:.2f}")
assert SMOKE or likelier > usual

# %% [markdown]
# ## The inverse of a plain function
# A transform like `grad`: the program is run backwards; its log-determinant comes
# along.


# %%
def function(x):
    first, last = jnp.split(x, 2)
    return jnp.concatenate([jnp.sinh(first), last * jnp.exp(jnp.sin(first))])[::-1]


z = jnp.array([0.3, -1.0, 2.0, 0.5])
back, log_det = inverse_and_log_det(function)(function(z))
assert jnp.allclose(back, z, atol=1e-5)
assert jnp.allclose(log_det, -jnp.linalg.slogdet(jax.jacfwd(function)(z))[1], atol=1e-5)

# %% [markdown]
# ## Digits, completed exactly
# One autoregressive layer of splines: the lower half given the upper one is drawn from
# its exact conditional.

# %%
image = jnp.asarray(data.digits().arrays["image"])
levels, _ = data.logit(
    data.dequantize(jax.random.key(4), data.flatten(image), levels=17)
)
masked = nn.MaskedMLP(features=spline.size, hidden=(256, 256))
ink = autoregressive_flow(spline, masked)
pipeline = data.on_device(
    data.ArraySource({"x": np.asarray(levels[:1500])}), batch_size=128, seed=0
)
variables = train(negative_log_likelihood(ink), pipeline, steps // 3)
upper = np.arange(64) < 32
given = levels[1500:1508]
keys = jax.random.split(jax.random.key(5), 3)
draws = [ink.complete(variables, key, given, upper)[0] for key in keys]
assert all(jnp.array_equal(draw[:, :32], given[:, :32]) for draw in draws)
rows = jnp.concatenate([given, jnp.where(upper[None], given, -3.0), *draws])
image_grid(rows.reshape(-1, 8, 8), row_labels=("test", "seen", "1", "2", "3"))

# %% [markdown]
# ## Rectified flow: one step after a reflow
# A velocity is learnt along straight paths; its own pairs of noise and data train a
# second one whose paths hardly bend.

# %%
velocity = nn.TimeMLP(features=2, hidden=(128, 128))
first = train(fm.flow_matching(velocity), fresh, 2 * steps)
noise = jax.random.normal(jax.random.key(6), (10_000, 2))
pairs = jax.jit(partial(fm.reflow_pairs, velocity, integrator=fm.fixed_steps(20)))(
    first, noise
)
source = data.ArraySource({name: np.asarray(rows) for name, rows in pairs.items()})
second = train(
    fm.flow_matching(velocity),
    data.on_device(source, batch_size=512, seed=0),
    2 * steps,
)
one_step = partial(
    fm.transport, velocity, noise=noise[:2000], integrator=fm.fixed_steps(1, fm.euler)
)
panels = {"one step": one_step(first), "one step after a reflow": one_step(second)}
distances = [float(energy_distance(points, x[:2000])) for points in panels.values()]
bends = [float(fm.straightness(velocity, p, noise[:2000])) for p in (first, second)]
print("energy distances", np.round(distances, 4), "straightness", np.round(bends, 4))
assert SMOKE or (distances[1] < 0.1 * distances[0] and bends[1] < bends[0])
scatter_panels(panels, extent=extent, columns=2)
