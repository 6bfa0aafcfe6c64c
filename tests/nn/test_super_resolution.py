import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.nn import SuperResolution

LEVELS = (
    jax.random.normal(jax.random.key(0), (2, 6, 4, 3)),
    jax.random.normal(jax.random.key(1), (2, 3, 2, 3)),
)


def test_it_begins_as_the_enlarged_levels():
    module = SuperResolution(width=4)
    found = module.apply(module.init(jax.random.key(0), LEVELS), LEVELS)
    for x, y in zip(LEVELS, found, strict=True):
        b, h, w, c = x.shape
        wanted = jax.image.resize(x, (b, 2 * h, 2 * w, c), "bilinear")
        np.testing.assert_array_equal(y, wanted)


def test_its_channels_are_laid_out_by_rows_and_columns():
    module = SuperResolution(width=4)
    (x,) = levels = LEVELS[:1]
    variables = module.init(jax.random.key(0), levels)
    params = dict(variables["params"])
    (last,) = [k for k, v in params.items() if v.get("bias", x).shape == (12,)]
    # The bias alone: four channels of three features each.
    bias = jnp.arange(12.0)
    params[last] = {**params[last], "bias": bias}
    (found,) = module.apply({"params": params}, levels)
    (start,) = module.apply(variables, levels)
    added = found - start
    for row in (0, 1):
        for column in (0, 1):
            own = bias[3 * (2 * row + column) :][:3]
            part = added[:, row::2, column::2]
            np.testing.assert_allclose(
                part, jnp.broadcast_to(own, part.shape), atol=1e-6
            )


def test_levels_share_their_weights():
    module = SuperResolution(width=4, blocks=2)
    one, both = (
        jax.eval_shape(module.init, jax.random.key(0), levels)
        for levels in (LEVELS[:1], LEVELS)
    )
    assert jax.tree.map(jnp.shape, one) == jax.tree.map(jnp.shape, both)


@pytest.mark.parametrize(
    ("module", "levels", "message"),
    [
        (SuperResolution(width=0), LEVELS, "at least 1, got 0 and 1"),
        (SuperResolution(width=4), (), "as many channels, got"),
        (
            SuperResolution(width=4),
            (LEVELS[0], LEVELS[1][..., :2]),
            "as many channels, got",
        ),
    ],
)
def test_mistakes_are_sentences(module, levels, message):
    with pytest.raises(InputError, match=message):
        module.init(jax.random.key(0), levels)
