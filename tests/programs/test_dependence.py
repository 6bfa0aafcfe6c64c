import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.programs.rows import rows_seen


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: jnp.linalg.qr(x[0, :, :, 0])[0], "no rule"),
        (lambda x: x[:, jnp.argmax(x[0, :, 0, 0])], "an index that depends on data"),
        (
            lambda x: lax.while_loop(lambda y: y.sum() < 9, lambda y: y + 1, x),
            "as many steps as data say",
        ),
    ],
)
def test_what_cannot_be_followed_is_seen_whole_and_named(function, why):
    seen, notes = rows_seen(function)
    assert seen.all()
    assert any(why in note for note in notes.unknown)


def test_what_decides_is_seen():
    def branch(x):
        return lax.cond(x[0, 5, 0, 0] > 0, lambda y: y, lambda y: 2 * y, x)

    def choice(x):
        return jnp.where(x[0, 5, 0, 0] > 0, x, 2 * x)

    for function in (branch, choice):
        seen, _ = rows_seen(function)
        rows = seen.any(axis=(0, 2, 3))
        np.testing.assert_array_equal(
            rows, np.eye(12, dtype=bool) | (np.arange(12) == 5)
        )
