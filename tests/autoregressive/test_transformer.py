import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.autoregressive import transformer
from genjax.autoregressive._transformer import _rotate
from genjax.errors import InputError


def test_rotary_scores_depend_on_distances_alone():
    key_q, key_k = jax.random.split(jax.random.key(0))
    q = jnp.broadcast_to(jax.random.normal(key_q, (1, 1, 1, 8)), (1, 6, 1, 8))
    k = jnp.broadcast_to(jax.random.normal(key_k, (1, 1, 1, 8)), (1, 6, 1, 8))
    places = jnp.arange(6)
    scores = jnp.einsum("nqhe,nkhe->qk", _rotate(q, places), _rotate(k, places))
    for offset in (-2, 0, 3):
        diagonal = np.diagonal(scores, offset)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"width": 6, "heads": 4, "layers": 1}, "heads divide the width"),
        ({"width": 6, "heads": 2, "layers": 0}, "layers and heads must be at least 1"),
        ({"width": 6, "heads": 2, "layers": 1, "rotary": True}, "an even width, got 3"),
    ],
)
def test_bad_settings_are_refused(fields, sentence):
    with pytest.raises(InputError, match=sentence):
        transformer(**fields)
