import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError
from genjax.nn._cascade import _pooled


@pytest.mark.parametrize("side", [7, 8, 10, 11])
@pytest.mark.parametrize("window", [2, 3])
def test_the_last_window_may_reach_beyond_the_edge(side, window):
    x = jax.random.normal(jax.random.key(0), (1, side, side, 1))
    pixels, found = np.asarray(x)[0, :, :, 0], np.asarray(_pooled(x, window))
    starts = range(0, side - window + 2, 2)
    wanted = [
        [pixels[r : r + window, c : c + window].max() for c in starts] for r in starts
    ]
    np.testing.assert_array_equal(found[0, :, :, 0], wanted)


def test_places_of_the_proposal_network_see_twelve_pixels():
    x = jax.random.normal(jax.random.key(0), (1, 20, 16, 3))
    variables = nn.ProposalNet().init(jax.random.key(1), x)
    whole = nn.ProposalNet().apply(variables, x)
    for row, column in ((0, 0), (3, 1), (4, 2)):
        part = x[:, 2 * row : 2 * row + 12, 2 * column : 2 * column + 12]
        alone = nn.ProposalNet().apply(variables, part)
        for one, every in zip(alone, whole, strict=True):
            np.testing.assert_allclose(one[0, 0, 0], every[0, row, column], atol=1e-5)


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (nn.ProposalNet(), (1, 11, 20, 3), "at least 12 x 12 pixels, got 11 x 20"),
        (nn.RefinementNet(), (1, 20, 24, 3), "of 24 x 24 pixels, got 20 x 24"),
        (nn.OutputNet(), (1, 24, 24, 3), "of 48 x 48 pixels, got 24 x 24"),
    ],
)
def test_images_of_another_size_are_sentences(module, shape, message):
    with pytest.raises(InputError, match=message):
        module.init(jax.random.key(0), jnp.ones(shape))
