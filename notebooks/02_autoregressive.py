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
# # Autoregressive models: exact likelihoods, exact completions
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/genjax/genjax-functional/blob/main/notebooks/02_autoregressive.ipynb)
#
# Probabilities that sum to one, three networks with one training step, digits completed
# by exact conditionals, a mixture over orders that fills any hole, and real numbers.
# Every promise is asserted.
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
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax import nn
from genjax.autoregressive import (
    deep_nade,
    made,
    nade,
    orderless_likelihood,
    recurrent,
    rnade,
)
from genjax.data import (
    ArraySource,
    binarize,
    digits,
    flatten,
    on_device,
    split,
)
from genjax.densities import bernoulli, negative_log_likelihood, two_moons
from genjax.metrics import completion_log_probs, mean_log_prob
from genjax.plotting import image_grid, scatter_panels
from genjax.training import fit, gradient_descent, with_ema

KEY = jax.random.key(0)


def train(objective, x, steps):
    schedule = optax.cosine_decay_schedule(2e-3, steps)
    update = gradient_descent(objective, optax.adamw(schedule, weight_decay=0.1))
    pipeline = on_device(ArraySource({"x": np.asarray(x)}), batch_size=64, seed=0)
    state = fit(
        with_ema(update, decay=0.99),
        pipeline,
        key=KEY,
        steps=steps,
        show_progress=False,
    )
    return state.evaluated


# %% [markdown]
# ## A density over bits sums to one
# p(x) = prod_d p(x_d | x_<d): a network gives each conditional, and nothing has to be
# normalised afterwards. Ten bits have 1,024 vectors, few enough to add them all up.

# %%
every = jnp.array(list(itertools.product([0.0, 1.0], repeat=10)))
model = nade(hidden=8)
total = jnp.exp(model.log_prob(model.init(KEY, every), every)).sum()
print(f"sum over all vectors: {float(total):.6f}")
assert abs(float(total) - 1) < 1e-5

# %% [markdown]
# ## Three networks, one training step
# What differs is how the conditionals share their weights: NADE keeps a running sum, a
# MADE masks the weights of an MLP, a GRU reads one dimension after another.

# %%
sources = split(digits(), validation=180, test=360)
train_x, _, test_x = (
    flatten(binarize(source.arrays["image"], threshold=8)) for source in sources
)
models = {
    "NADE": nade(hidden=200, activation=jax.nn.relu),
    "MADE": made(hidden=(200,), direct=True),
    "GRU": recurrent(hidden=64),
}
steps = 20 if SMOKE else 1000
variables = {
    name: train(negative_log_likelihood(model), train_x, steps)
    for name, model in models.items()
}
nll = {k: -float(mean_log_prob(m, variables[k], test_x)) for k, m in models.items()}
alone = -float(mean_log_prob(bernoulli(), bernoulli().init(KEY, train_x), test_x))
print({**nll, "pixels by themselves": alone})
assert SMOKE or max(nll.values()) < alone - 6

# %% [markdown]
# ## The lower half, given the upper one
# Completion draws from the exact conditional; its likelihood is a number.

# %%
upper = np.arange(64) < 32
seen, rows = test_x[:10], [test_x[:10], jnp.where(upper, test_x[:10], 0.4)]
for name, model in models.items():
    drawn, _ = model.complete(variables[name], KEY, seen, upper)
    assert jnp.array_equal(drawn[:, :32], seen[:, :32])
    score = completion_log_probs(model, variables[name], KEY, test_x, upper).mean()
    print(f"{name}: log p(lower half | upper half) = {float(score):.2f}")
    rows.append(drawn)
labels = ("test", "seen", *models)
image_grid(jnp.concatenate(rows).reshape(-1, 8, 8), columns=10, row_labels=labels)

# %% [markdown]
# ## Any hole
# An orderless network learns all orders at once: it fills whatever is missing. A model
# of one order says so instead.

# %%
network = nn.MLP(features=64, hidden=(200, 200))
orderless = train(orderless_likelihood(network), train_x, 2 * steps)
square = np.ones((8, 8), bool)
square[2:6, 2:6] = False
hole = square.reshape(-1)
filled, _ = deep_nade(network).complete(orderless, KEY, seen, hole)
assert jnp.array_equal(filled[:, hole], seen[:, hole])
try:
    models["NADE"].complete(variables["NADE"], KEY, seen, hole)
except ValueError as error:
    print(error)
rows = [seen, jnp.where(hole, seen, 0.4), filled]
labels = ("test", "seen", "filled")
image_grid(jnp.concatenate(rows).reshape(-1, 8, 8), columns=10, row_labels=labels)

# %% [markdown]
# ## Real numbers
# RNADE draws each dimension from a mixture of normals. The entropy of two moons is
# known, so that what is left to learn is a number.

# %%
moons = two_moons()
points, _ = moons.sample({}, KEY, 20_000)
real = rnade(hidden=64, components=16)
fitted = train(negative_log_likelihood(real), points, 3 * steps)
x, truth = moons.sample({}, jax.random.key(1), 5000)
gap = float(jnp.mean(truth - real.log_prob(fitted, x)))
print(f"{gap:.3f} nats above the true entropy")
assert SMOKE or gap < 0.3
drawn, log_prob = real.sample(fitted, KEY, 5000)
assert jnp.allclose(log_prob, real.log_prob(fitted, drawn), atol=1e-3)
scatter_panels(
    {"two moons": x, "RNADE": drawn}, extent=(-1.5, 2.5, -1.0, 1.5), columns=2
)
