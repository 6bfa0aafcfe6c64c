"""The library alone: it is imported, and trains for a second."""

import importlib.metadata

import jax
import numpy as np
import optax

import genjax
from genjax import nn
from genjax.data import ArraySource, on_device
from genjax.densities import negative_log_likelihood, standard_normal
from genjax.flows import affine, density, masked_autoregressive
from genjax.training import fit, gradient_descent

for name in genjax.__all__:
    getattr(genjax, name)
x = np.random.default_rng(0).normal(3.0, 0.5, size=(256, 2)).astype(np.float32)
flow = density(
    masked_autoregressive(affine(), nn.MaskedMLP(features=2, hidden=(16,))),
    standard_normal((2,)),
)
update = gradient_descent(negative_log_likelihood(flow), optax.adam(3e-2))
pipeline = on_device(ArraySource({"x": x}), batch_size=64, seed=0)
state = fit(update, pipeline, key=jax.random.key(0), steps=600)
nll = -float(flow.log_prob(state.variables, x).mean())
print(f"{len(list(importlib.metadata.distributions()))} packages, {nll:.2f} nats")
assert nll < 2.0, nll
