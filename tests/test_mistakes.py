"""Mistakes that users make: each is met by a sentence that says what is right.

In a process of its own, where no type checker of the tests hears of them first.
"""

import json

import pytest

from tests.processes import finished

# Each with a part of its sentence.
MISTAKES = {
    "gradient_descent(game, sgd)": "got the Game: minimax trains a game",
    "gradient_descent(normal, sgd)": "negative_log_likelihood(density) is one",
    "gradient_descent(update, sgd)": "it is an update already",
    "gradient_descent(nll, 0.1)": "optax.adam(learning_rate) is one",
    "minimax(nll, sgd, sgd)": "gradient_descent trains an objective",
    "minimax(game, 0.1, 0.1)": "generator_optimizer must be a GradientTransformation",
    "ArraySource(np.ones((3, 2)))": 'ArraySource({"x": array})',
    "on_device(np.ones((3, 2)), batch_size=2, seed=0)": "of the shape (3, 2)",
    "in_memory({'x': np.ones((3, 2))}, batch_size=2, seed=0)": "ArraySource(arrays)",
    "split(np.ones((9, 2)), validation=2, test=2)": 'ArraySource({"x": array}) is one',
    "ArraySource({'x': [1, 2]})": "'x' is a list: np.asarray makes one",
    "fit(update, pipeline, key=0, steps=2)": "a key, jax.random.key(0), got 0",
    "mapped(source, dict)": "must be a Pipeline, got the ArraySource",
    "fit(update, {'x': 1}, key=K, steps=2)": "got a dict of ['x']: on_device(",
    "fit(nll, pipeline, key=K, steps=2)": "gradient_descent(objective, optimizer)",
    "fit(pipeline, update, key=K, steps=2)": "got the Pipeline",
    "gan(mlp, mlp, loss=non_saturating(), latent=4)": "standard_normal((4,)) is one",
    "standard_normal(2)": "such as (2,), got 2",
    "diagonal_normal((0,))": "got (0,)",
    "uniform(2)": "such as (2,), got 2",
    "chain([swap, swap])": "got a list of 2: hand them over one by one",
    "stack([swap, swap])": "got a list of 2: hand them over one by one",
    "chain(affine())": "got the Elementwise: elementwise(transform)",
    "density(noise, swap)": "the bijector comes first",
    "density(swap, swap)": "flows.density(bijector, base) is one",
    "negative_log_likelihood(swap)": "flows.density(bijector, base) is one",
    "negative_log_likelihood(mlp)": "conditional_normal(network)",
    "repeat(noise, 3)": "must be a Bijector, got the Density",
    "coupling(mlp, mlp, split=1)": "the network comes after it",
    "masked_autoregressive(mlp, mlp)": "the network comes after it",
    "ordered(mlp, (1, 0))": "must be a Density, got the network MLP",
    "embed_condition(mlp, mlp)": "must be a Density, got the network MLP",
    "conditional_likelihood(mlp, mlp)": "must be a Density, got the network MLP",
    "elbo(noise, latent_dim=2)": "must be a LatentModel, got the Density",
    "elbo(LatentModel(mlp, noise, noise), latent_dim=2)": "posterior must be a Density",
    "ensemble(nll, 2)": "gradient_descent(objective, optimizer) is one",
    "with_ema(nll, decay=0.9)": "gradient_descent(objective, optimizer) is one",
    "sweep(lambda rate: update, [1, 2])": "settings, stacked",
    "density(swap, standard_normal((3,))).init(K, x)": "must have the shape (3,)",
    "density(swap, noise).init(K, grey)": "x is uint8, and the model is of real",
    "game.init(K, {'x': grey})": "images by data.scale_pixels",
    "simclr(mlp, mlp, augment=lambda k, x: x).init(K, {'x': grey})": "x is uint8",
    "receptive_field(flax.linen.Conv, (1, 8, 8, 1))": "not its class",
    "receptive_field(lambda x: x, 8)": "got 8",
    "conditional_normal(nnx.Linear(2, 4, rngs=nnx.Rngs(0)))": "nn.from_nnx(lambda rngs",
    "conditional_normal(flax.linen.Dense)": "not its class",
    "nll.loss({}, {'x': x, 'cond': x}, K)": "nothing reads 'cond'",
    "nll.loss({}, {'x': x, 'y': x}, K)": "nothing reads 'y'",
}
SCRIPT = """
import json, sys
import flax.linen, jax, jax.numpy as jnp, numpy as np, optax
from flax import nnx
from genjax import nn
from genjax.autoregressive import *
from genjax.data import *
from genjax.densities import *
from genjax.errors import InputError
from genjax.flows import *
from genjax.gan import *
from genjax.receptive_field import receptive_field
from genjax.self_supervised import simclr
from genjax.training import *
from genjax.vae import LatentModel, elbo

K, sgd, x = jax.random.key(0), optax.sgd(0.1), jnp.ones((4, 2))
grey, mlp = jnp.ones((4, 2), jnp.uint8), nn.MLP(features=2, hidden=(3,))
noise, normal, swap = standard_normal((2,)), diagonal_normal((2,)), permutation((1, 0))
nll = negative_log_likelihood(normal)
update = gradient_descent(nll, sgd)
source = ArraySource({"x": np.ones((8, 2), np.float32)})
pipeline = on_device(source, batch_size=4, seed=0)
game = gan(mlp, nn.Joint(mlp), loss=non_saturating(), latent=noise)

said = {}
for code in json.loads(sys.argv[1]):
    try:
        eval(code)
        said[code] = "nothing"
    except Exception as error:
        said[code] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said():
    done = finished(SCRIPT, json.dumps(list(MISTAKES)), timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("code", MISTAKES)
def test_a_mistake_is_met_by_a_sentence(code, said):
    assert said[code].startswith("InputError: ")
    assert MISTAKES[code] in said[code]
