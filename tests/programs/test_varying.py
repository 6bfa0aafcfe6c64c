import jax
import jax.numpy as jnp
import pytest

from genjax.programs import device_varying

W, X = jnp.ones(3), jnp.ones((4, 3))


def varying(function, *, axis="devices"):
    """What `function(w, x)` makes of replicated w and of rows x, over two devices."""
    program = jax.make_jaxpr(function, axis_env=[("devices", 2), ("other", 2)])(W, X)
    return device_varying(program, [False, True], axis=axis)


def mean(x):
    return jax.lax.pmean(x, "devices")


CASES = {
    "what has no row": (lambda w, x: (w + 1, jnp.zeros(3)), [False, False]),
    "what has rows": (lambda w, x: w[None] * x, [True]),
    "an average": (lambda w, x: w - mean(x.sum(0)), [False]),
    "an average that is mixed with rows": (lambda w, x: mean(x) + x, [True]),
    "an average over another axis": (lambda w, x: jax.lax.pmean(x, "other"), [True]),
    "the index of a device": (
        lambda w, x: w + jax.lax.axis_index("devices").astype(jnp.float32),
        [True],
    ),
    "a gathering": (lambda w, x: jax.lax.all_gather(x, "devices"), [False]),
    "an exchange of rows": (
        lambda w, x: jax.lax.all_to_all(x, "devices", 0, 0, tiled=True),
        [True],
    ),
    "an exchange of what was the same": (
        lambda w, x: jax.lax.ppermute(w, "devices", [(0, 1)]),
        [True],
    ),
    "a scattered sum of what was the same": (
        lambda w, x: jax.lax.psum_scatter(jnp.ones(4) * w.sum(), "devices", tiled=True),
        [True],
    ),
    "a sum over groups of devices": (
        lambda w, x: jax.lax.psum(x, "devices", axis_index_groups=[[0], [1]]),
        [True],
    ),
    "a jitted program": (lambda w, x: jax.jit(lambda x: mean(x) + w[None])(x), [False]),
    "a rematerialised program": (lambda w, x: jax.checkpoint(jnp.sin)(x), [True]),
    "a scan that takes rows in": (
        lambda w, x: jax.lax.scan(lambda c, row: (c + row, c), w, x),
        [True, True],
    ),
    "a scan that averages them": (
        lambda w, x: jax.lax.scan(lambda c, row: (c + mean(row), row), w, x),
        [False, True],
    ),
    "a scan where rows arrive late": (
        lambda w, x: jax.lax.scan(
            lambda c, _: ((c[1], c[2], x.sum(0)), c[0]), (w, w, w), None, length=5
        ),
        [True, True, True, True],
    ),
    "a loop": (
        lambda w, x: jax.lax.fori_loop(0, 3, lambda i, c: c + mean(x.sum(0)), w),
        [False],
    ),
    "a loop that rows stop": (
        lambda w, x: jax.lax.while_loop(lambda c: c.sum() < x.sum(), jnp.exp, w),
        [True],
    ),
    "a branch": (
        lambda w, x: jax.lax.cond(w.sum() > 0, jnp.sin, jnp.cos, mean(x)),
        [False],
    ),
    "a branch that rows choose": (
        lambda w, x: jax.lax.cond(x.sum() > 0, jnp.sin, jnp.cos, w),
        [True],
    ),
}


@pytest.mark.parametrize(("function", "wanted"), CASES.values(), ids=CASES.keys())
def test_what_differs_between_devices_is_found(function, wanted):
    assert varying(function) == wanted


def test_a_gradient_is_an_average_where_its_steps_average():
    def step(w, x):
        def loss(w):
            return jnp.sum(jnp.square(x @ w))

        gradient = jax.grad(loss)(w)
        return w - gradient, w - mean(gradient)

    assert varying(step) == [True, False]
