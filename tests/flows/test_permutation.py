import jax.numpy as jnp
import pytest

from genjax.errors import InputError
from genjax.flows import permutation


def test_no_permutation_is_refused():
    with pytest.raises(InputError, match=r"0 \.\.\. 2 once, got \[0, 0, 2\]"):
        permutation((0, 0, 2))
    with pytest.raises(InputError, match="3 entries, but x has 4"):
        permutation((0, 1, 2)).forward({}, jnp.zeros((1, 4)))
