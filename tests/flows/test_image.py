import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.flows import actnorm, multiscale, squeeze


def test_squeeze_keeps_each_block_of_pixels_together():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    y, log_det = squeeze().forward({}, x)
    assert y[0, 0, 0].tolist() == [0, 1, 4, 5]
    assert y[0, 1, 1].tolist() == [10, 11, 14, 15]
    assert log_det.tolist() == [0]


def test_actnorm_normalises_its_first_batch():
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (32, 4, 4, 3))
    y, _ = actnorm().forward(actnorm().init(jax.random.key(0), x), x)
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axis=(0, 1, 2)), 1, atol=1e-4)


def test_levels_see_ever_smaller_images():
    seen = []

    def spying():
        inner = actnorm()

        def init(key, x, condition=None):
            seen.append(x.shape[1:])
            return inner.init(key, x, condition)

        return inner._replace(init=init)

    x = jax.random.normal(jax.random.key(0), (4, 8, 8, 1))
    flow = multiscale(spying(), spying(), spying())
    params = flow.init(jax.random.key(0), x)
    assert seen == [(4, 4, 4), (2, 2, 8), (1, 1, 16)]
    assert flow.forward(params, x)[0].shape == x.shape


@pytest.mark.parametrize(
    ("make", "shape", "sentence"),
    [
        (squeeze, (1, 3, 4, 1), "must be even, got 3 x 4"),
        (squeeze, (1, 4), r"images are \[b, h, w, c\]"),
        (lambda: multiscale(actnorm(), actnorm()), (1, 2, 2, 1), "must be even"),
    ],
)
def test_images_that_do_not_fit_are_refused(make, shape, sentence):
    flow = make()
    with pytest.raises(InputError, match=sentence):
        flow.forward(flow.init(jax.random.key(0), jnp.ones(shape)), jnp.ones(shape))


def test_squeezing_back_needs_a_multiple_of_four():
    with pytest.raises(InputError, match="channels must be a multiple of 4, got 3"):
        squeeze().inverse({}, jnp.ones((1, 2, 2, 3)))
