import jax
import jax.numpy as jnp
import numpy as np

from genjax import nn

LABEL = jnp.array([0, 1, 2, 0])
X = jax.random.normal(jax.random.key(0), (4, 5))


def test_projection_is_an_inner_product_with_the_class():
    features = nn.MLP(features=6, hidden=())
    module = nn.Projection(features, classes=3)
    variables = module.init(jax.random.key(1), X, LABEL)
    params = variables["params"]
    phi = features.apply({"params": params["features"]}, X)
    linear = phi @ params["Dense_0"]["kernel"][:, 0] + params["Dense_0"]["bias"][0]
    wanted = linear + jnp.sum(params["Embed_0"]["embedding"][LABEL] * phi, axis=1)
    np.testing.assert_allclose(module.apply(variables, X, LABEL), wanted, rtol=1e-5)


def test_the_class_changes_what_a_generator_makes():
    module = nn.WithClass(nn.MLP(features=2, hidden=(8,)), classes=3)
    variables = module.init(jax.random.key(1), X, LABEL)
    alike = jnp.broadcast_to(X[:1], X.shape)
    made = module.apply(variables, alike, LABEL)
    np.testing.assert_array_equal(made[0], made[3])
    assert not np.allclose(made[0], made[1])


def test_modes_and_collections_go_through():
    module = nn.TwoHeads(nn.DCGANDiscriminator(width=4, features=8), outputs=3)
    x = jax.random.normal(jax.random.key(0), (4, 16, 16, 1))
    variables = module.init(jax.random.key(1), x)
    network = nn.as_network(module, user="test")
    (logit, outputs), new = network.train(variables, jax.random.key(2), x)
    assert (logit.shape, outputs.shape) == ((4,), (4, 3))
    assert set(new) == {"batch_stats"}


def test_joint_inputs_are_flattened_side_by_side():
    network = nn.MLP(features=1, hidden=())
    module = nn.Joint(network)
    z = jnp.ones((4, 2, 1))
    variables = module.init(jax.random.key(1), X, z)
    both = jnp.concatenate([X, z.reshape(4, 2)], axis=1)
    inner = {"params": variables["params"]["network"]}
    np.testing.assert_allclose(
        module.apply(variables, X, z), network.apply(inner, both)
    )
