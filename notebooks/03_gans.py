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
# # GANs: two players, one update
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genjax/genjax-functional/blob/main/notebooks/03_gans.ipynb)
#
# Losses that are what theory says, methods that reach an equilibrium and methods that
# circle it, a ring without collapse, digits on demand, and numbers that are not fooled
# by copies. Every promise is asserted.
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
from genjax.data import ArraySource, digits, generated, on_device
from genjax.densities import eight_gaussians, ring_centres, standard_normal
from genjax.gan import (
    extragradient,
    gan,
    minimax,
    non_saturating,
    r1,
    r2,
    relativistic_paired,
    simultaneous,
    symplectic,
    zero_sum,
)
from genjax.metrics import (
    frechet_distance,
    mode_coverage,
    nearest_neighbour_accuracy,
    with_floor,
)
from genjax.plotting import image_grid, scatter_panels, trajectories
from genjax.training import fit, scan_steps, with_ema

KEY = jax.random.key(0)

# %% [markdown]
# ## The best discriminator knows the ratio of densities
# For two distributions p and q over four values, gradient descent on the logits finds
# log p / q, and the value of the game is 2 JS(p, q) - log 4.

# %%
p, q = jnp.array([0.4, 0.3, 0.2, 0.1]), jnp.array([0.1, 0.2, 0.3, 0.4])


def discriminator_loss(logit):
    return jnp.sum(p * jax.nn.softplus(-logit) + q * jax.nn.softplus(logit))


logit = jnp.zeros(4)
for _ in range(500):
    logit = logit - 2.0 * jax.grad(discriminator_loss)(logit)
m = (p + q) / 2
js = (jnp.sum(p * jnp.log(p / m)) + jnp.sum(q * jnp.log(q / m))) / 2
print(np.asarray(logit).round(4), np.asarray(jnp.log(p / q)).round(4))
assert jnp.allclose(logit, jnp.log(p / q), atol=1e-3)
assert jnp.allclose(-discriminator_loss(logit), 2 * js - jnp.log(4.0), atol=1e-5)

# %% [markdown]
# ## Who reaches the equilibrium
# In the Dirac-GAN the data are the point 0, the generator is a point x, the
# discriminator a slope y. Plain steps circle; a penalty or another schedule of the same
# game does not.


# %%
def dirac(gamma):
    return zero_sum(
        lambda x, y, batch, key: -jax.nn.softplus(-x * y) - gamma / 2 * y**2,
        lambda key, batch: (jnp.array(1.0), jnp.array(1.0)),
    )


def path(game, schedule, steps=2000):
    update = minimax(game, optax.sgd(0.2), optax.sgd(0.2), schedule=schedule)
    state, places = update.init(KEY, jnp.zeros(1)), []
    for _ in range(steps // 100):
        state, _ = scan_steps(update).step(state, jnp.zeros((100, 1)))
        places.append([state.variables[k]["params"] for k in state.variables])
    return np.array(places)


paths = {
    "plain": path(dirac(0.0), simultaneous()),
    "R1": path(dirac(0.8), simultaneous()),
    "extragradient": path(dirac(0.0), extragradient()),
    "symplectic": path(dirac(0.0), symplectic(weight=1.0)),
}
ends = {name: float(np.linalg.norm(places[-1])) for name, places in paths.items()}
print(ends)
assert ends.pop("plain") > 1
assert max(ends.values()) < 1e-3
trajectories(paths)

# %% [markdown]
# ## A ring of eight normals
# A loss, its penalties and an optimiser make an update; the average of the generator is
# one more transform.


# %%
def train(game, pipeline, adam, steps):
    update = with_ema(minimax(game, adam, adam), decay=0.998)
    state = fit(update, pipeline, key=KEY, steps=steps, show_progress=False)
    return state.evaluated["generator"]


steps = 20 if SMOKE else 6000
ring, latent = eight_gaussians(radius=1.0, scale=0.05), standard_normal((2,))
points = generated(lambda key: {"x": ring.sample({}, key, 128)[0]}, seed=0)
G, D = (nn.MLP(features=n, hidden=(64, 64)) for n in (2, 1))
smooth = {"loss": relativistic_paired(), "penalties": (r1(gamma=0.02), r2(gamma=0.02))}
adam = optax.adam(optax.cosine_decay_schedule(1e-3, steps), b1=0.0, b2=0.99)
generators = {
    "plain": train(
        gan(G, D, loss=non_saturating(), latent=latent), points, adam, steps
    ),
    "smooth": train(gan(G, D, latent=latent, **smooth), points, adam, steps),
}
z = latent.sample({}, KEY, 2500)[0]
shown = {name: G.apply(variables, z) for name, variables in generators.items()}
centres = jnp.asarray(ring_centres(1.0), jnp.float32)
found = {n: mode_coverage(x, centres, scale=0.05) for n, x in shown.items()}
print({n: [round(float(value), 4) for value in f] for n, f in found.items()})
assert SMOKE or found["smooth"].modes == 8
assert SMOKE or found["smooth"].reverse_kl < 0.01
scatter_panels(shown, extent=(-1.5, 1.5, -1.5, 1.5))

# %% [markdown]
# ## Digits on demand
# Batches with a condition make the same game conditional.

# %%
arrays = digits().arrays
x = np.float32(arrays["image"].reshape(-1, 64) / 8 - 1)
source = ArraySource({"x": x, "condition": arrays["label"]})
G = nn.WithClass(nn.MLP(features=64, hidden=(256, 256)), classes=10)
D = nn.Projection(nn.MLP(features=64, hidden=(256,)), classes=10)
latent = standard_normal((32,))
smooth["penalties"] = (r1(gamma=1.0), r2(gamma=1.0))
feed = on_device(source, batch_size=128, seed=0)
variables = train(gan(G, D, latent=latent, **smooth), feed, adam, steps // 2)
labels = jnp.arange(1000) % 10
fakes = G.apply(variables, latent.sample({}, KEY, 1000)[0], labels)
image_grid(fakes[:80].reshape(-1, 8, 8), columns=10)

# %% [markdown]
# ## Honest numbers
# Every metric comes with its value for real data in the samples' place. Copies of the
# data are perfect by the Frechet distance; the nearest neighbour finds them out.

# %%
real = jnp.asarray(x)
print("Frechet, pixels:", with_floor(frechet_distance, KEY, real, fakes))
half = real[:800]
copies = half + 1e-3 * jax.random.normal(KEY, half.shape)
print("of copies:", float(frechet_distance(half, copies)))
accuracy = float(nearest_neighbour_accuracy(half, copies))
print("nearest neighbour told copies apart in", accuracy)
assert frechet_distance(half, copies) < 0.1
assert accuracy < 0.1
