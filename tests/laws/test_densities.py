import itertools
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from genjax.autoregressive import (
    binary as bits,
    categorical,
    grey_levels,
    laplace_mixture,
)
from genjax.receptive_field import dependency
from tests.laws.compare import every_third
from tests.laws.instances import every_vector, moved, outputs_of
from tests.laws.registry import (
    AUTOREGRESSIVE,
    BINARY,
    CONDITIONAL,
    PLANAR,
    normal_batch,
)

binary = pytest.mark.parametrize("case", BINARY.values(), ids=BINARY.keys())
planar = pytest.mark.parametrize("case", PLANAR.values(), ids=PLANAR.keys())


@cache
def fitted(method, dim):
    """All vectors, and variables away from any symmetric start."""
    vectors = every_vector(dim)
    init = jax.jit(lambda key: moved(method.init(key, vectors[::3])))
    return vectors, init(jax.random.key(0))


@cache
def started(method):
    """Variables as they start on points of the plane."""
    start = jax.random.normal(jax.random.key(1), (64, 2))
    return jax.jit(method.init)(jax.random.key(0), start)


@binary
def test_probabilities_of_all_vectors_sum_to_one(case):
    vectors, params = fitted(case.method, case.event[0])
    assert all(leaf.size for leaf in jax.tree.leaves(params))
    total = np.exp(jax.jit(case.method.log_prob)(params, vectors)).sum()
    np.testing.assert_allclose(total, 1, atol=1e-5)


@binary
def test_samples_follow_log_prob(case):
    vectors, params = fitted(case.method, case.event[0])
    sample = jax.jit(case.method.sample, static_argnums=2)
    log_prob_of = jax.jit(case.method.log_prob)
    x, log_prob = sample(params, jax.random.key(2), 20_000)
    np.testing.assert_allclose(log_prob, log_prob_of(params, x), atol=1e-4)
    states = np.asarray(x, int) @ 2 ** np.arange(x.shape[1])[::-1]
    counts = np.bincount(states, minlength=len(vectors))
    expected = np.exp(np.asarray(log_prob_of(params, vectors), np.float64))
    often = expected * len(x) >= 5
    observed = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum()) * len(x)
    keep = wanted > 0
    wanted = wanted[keep] * observed[keep].sum() / wanted[keep].sum()
    assert stats.chisquare(observed[keep], wanted).pvalue > 1e-4


@pytest.mark.parametrize(
    "name", [n for n, case in BINARY.items() if case.method.complete]
)
def test_completions_follow_the_exact_conditional(name):
    case = BINARY[name]
    vectors, params = fitted(case.method, case.event[0])
    observed = np.arange(6) < 3
    given = np.tile(np.float32([1, 0, 1, 0, 0, 0]), (20_000, 1))
    complete = jax.jit(lambda *given: case.method.complete(*given, observed))
    x, log_prob = complete(params, jax.random.key(3), given)
    np.testing.assert_array_equal(x[:, :3], given[:, :3])
    log_prob_of = jax.jit(case.method.log_prob)
    joint = np.exp(log_prob_of(params, vectors))
    matches = np.all(np.asarray(vectors)[:, :3] == [1, 0, 1], axis=1)
    expected = np.log(joint[matches].sum()) + log_prob
    np.testing.assert_allclose(log_prob_of(params, x), expected, atol=1e-4)
    counts = np.bincount((np.asarray(x)[:, 3:] @ [4, 2, 1]).astype(int), minlength=8)
    wanted = np.asarray(joint[matches], np.float64)
    wanted = wanted / wanted.sum() * counts.sum()
    assert stats.chisquare(counts, wanted).pvalue > 1e-4


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_outputs_see_earlier_dimensions_alone(name):
    make = AUTOREGRESSIVE[name]
    vectors, params = fitted(make(laplace_mixture(1)), 6)
    outputs = outputs_of(make, size=4)
    jacobian = jax.jit(jax.jacrev(outputs, argnums=1))(params, 0.3 + vectors[21])
    seen = np.abs(np.asarray(jacobian)).max(axis=1)
    assert not np.triu(seen).any()
    assert np.tril(seen, -1).any()


THREE_CLASSES = {name: (name, categorical(3)) for name in AUTOREGRESSIVE} | {
    f"{name}, grey levels": (name, grey_levels(levels=3, components=2))
    for name in ("nade", "pixel_cnn, colours")
}


@pytest.mark.parametrize(
    ("name", "conditional"), THREE_CLASSES.values(), ids=THREE_CLASSES.keys()
)
def test_probabilities_of_all_classes_sum_to_one(name, conditional):
    model = AUTOREGRESSIVE[name](conditional)
    vectors = jnp.asarray(list(itertools.product([0.0, 1.0, 2.0], repeat=6)))
    init = jax.jit(lambda key: moved(model.init(key, vectors[::7])))
    log_prob = jax.jit(model.log_prob)(init(jax.random.key(0)), vectors)
    np.testing.assert_allclose(np.exp(log_prob).sum(), 1, atol=1e-5)


@planar
def test_integral_over_the_plane_is_one(case):
    # Where the density jumps, cells end there.
    jumps = [PLANAR[name].method for name in ("checkerboard", "uniform")]
    points = 1600 if case.method in jumps else 801
    ticks = np.float32((np.arange(points) + 0.5) / points * 16 - 8)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    params = started(case.method)
    if case.method is PLANAR["diagonal_normal"].method:
        moments = {"mean": jnp.array([0.5, -0.5]), "log_scale": jnp.array([0.1, -0.3])}
        params = {"params": moments}

    @jax.jit
    def log_probs(grid):
        def one(x):
            return case.method.log_prob(params, x[None])[0]

        return jax.lax.map(one, grid, batch_size=4096)

    total = np.exp(log_probs(grid)).sum() * (16 / points) ** 2
    np.testing.assert_allclose(total, 1, atol=4e-3)


@planar
def test_samples_carry_their_log_prob(case):
    params = started(case.method)
    sample = jax.jit(case.method.sample, static_argnums=2)
    y, log_prob = sample(params, jax.random.key(2), 500)
    again = jax.jit(case.method.log_prob)(params, y)
    np.testing.assert_allclose(log_prob, again, atol=1e-3)


@binary
def test_gradients_are_finite_at_extremes(case):
    vectors, params = fitted(case.method, case.event[0])
    extreme = jax.tree.map(lambda leaf: leaf * 1e3, params["params"])

    def loss(extreme):
        return case.method.log_prob({**params, "params": extreme}, vectors).mean()

    for leaf in jax.tree.leaves(jax.jit(jax.grad(loss))(extreme)):
        assert np.all(np.isfinite(leaf))


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_statistics_are_float32_where_x64_is_on(name):
    model, key = AUTOREGRESSIVE[name](bits()), jax.random.key(0)
    observed = np.arange(6) < 3
    with jax.enable_x64(), jax.numpy_dtype_promotion("standard"):
        vectors = jnp.asarray(every_vector(6), jnp.float64)[::9]
        params = jax.eval_shape(model.init, key, vectors)
        found = [
            jax.eval_shape(model.log_prob, params, vectors),
            *jax.eval_shape(lambda params: model.sample(params, key, 3), params),
            *jax.eval_shape(
                lambda params: model.complete(params, key, vectors, observed), params
            ),
        ]
    assert {leaf.dtype for leaf in found} == {np.dtype("float32")}


@pytest.mark.parametrize("name", [*BINARY, *PLANAR])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_every_precision_is_taken_and_gives_float32(name, dtype):
    case, key = (BINARY | PLANAR)[name], jax.random.key(0)
    vectors = every_vector(case.event[0])[::3]
    x = jnp.asarray(jnp.concatenate([vectors, vectors, vectors]), dtype)

    def of_data(x):
        variables = case.method.init(key, x)
        return variables, case.method.log_prob(variables, x)

    with jax.numpy_dtype_promotion("standard"):
        found = jax.eval_shape(of_data, x)
    for leaf in jax.tree.leaves(found):
        assert leaf.dtype in (jnp.float32, jnp.int32)


@pytest.mark.parametrize("name", every_third({n: n for n in [*BINARY, *PLANAR]}))
def test_where_x64_is_on_both_precisions_are_taken(name):
    case, key = (BINARY | PLANAR)[name], jax.random.key(0)
    vectors = np.asarray(every_vector(case.event[0]))[::3]

    def of_data(start, x):
        variables = case.method.init(key, start)
        sample, own = case.method.sample(variables, key, 3)
        return sample, own, case.method.log_prob(variables, x)

    single, wide = (np.tile(vectors, (3, 1)).astype(t) for t in (np.float32, float))
    with jax.enable_x64(), jax.numpy_dtype_promotion("standard"):
        for start, x in ((single, single), (single, wide), (wide, single)):
            for leaf in jax.eval_shape(of_data, start, x):
                assert leaf.dtype in (np.float32, np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BINARY, *PLANAR])
def test_one_row_is_taken_and_drawn(name):
    case = (BINARY | PLANAR)[name]
    rows = 3 if name == "diagonal_normal_mixture" else 1  # one for each component
    start = jnp.eye(rows, *case.event)
    variables = jax.jit(case.method.init)(jax.random.key(0), start)
    drawn, log_prob = jax.jit(lambda v, key: case.method.sample(v, key, 1))(
        variables, jax.random.key(1)
    )
    assert drawn.shape == (1, *case.event)
    again = jax.jit(case.method.log_prob)(variables, drawn)
    np.testing.assert_allclose(again, log_prob, atol=1e-3)


@pytest.mark.parametrize("name", CONDITIONAL)
def test_every_conditional_is_a_density_of_its_own(name):
    case = CONDITIONAL[name]
    binary = case.event == (6,)
    ticks = (jnp.arange(400, dtype=jnp.float32) + 0.5) / 25 - 8
    plane = jnp.stack(jnp.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    points, cell = (every_vector(6), 1.0) if binary else (plane, 1 / 25**2)
    points = jnp.eye(6) if name == "conditional_one_hot" else points
    start = every_vector(6)[::3] if binary else plane[::1000] / 4
    conditions = jax.random.normal(jax.random.key(1), (len(start), 3))
    variables = jax.jit(case.method.init)(jax.random.key(0), start, conditions)
    variables = moved(variables) if binary else variables
    log_prob = jax.jit(case.method.log_prob)
    densities = []
    for row in conditions[:2]:
        condition = jnp.broadcast_to(row, (len(points), 3))
        densities.append(np.exp(log_prob(variables, points, condition)))
        np.testing.assert_allclose(cell * densities[-1].sum(), 1, atol=2e-3)
    assert np.abs(densities[0] - densities[1]).max() > 1e-3


@pytest.mark.parametrize("name", CONDITIONAL)
def test_samples_of_a_conditional_carry_their_log_prob(name):
    case = CONDITIONAL[name]
    binary = case.event == (6,)
    start = every_vector(6)[:32] if binary else normal_batch(case, 32)[0]
    condition = jax.random.normal(jax.random.key(1), (32, 3))
    variables = jax.jit(case.method.init)(jax.random.key(0), start, condition)
    sample = jax.jit(case.method.sample, static_argnums=2)
    x, log_prob = sample(variables, jax.random.key(2), 32, condition)
    again = jax.jit(case.method.log_prob)(variables, x, condition)
    np.testing.assert_allclose(log_prob, again, atol=1e-4)


@pytest.mark.parametrize("make", AUTOREGRESSIVE.values(), ids=AUTOREGRESSIVE.keys())
def test_the_order_is_proved_without_running_the_model(make):
    model, x = make(bits()), jax.ShapeDtypeStruct((2, 6), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), x)

    def of_bias(x, variables):
        """The score's derivative by the bias of d sees x_d, and what determines it."""

        def score(bias):
            own = variables["params"] | {"bias": bias}
            return model.log_prob({**variables, "params": own}, x[None])[0]

        return jax.grad(score)(variables["params"]["bias"])

    found = dependency(of_bias, (6,), variables).reshape(6, -1, 6).any(axis=1)
    assert not np.triu(found, 1).any()
    assert np.tril(found, -1)[1:].any(axis=1).all()
