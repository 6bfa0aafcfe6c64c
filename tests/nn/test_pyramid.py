import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.errors import InputError

IMAGE = jax.random.normal(jax.random.key(0), (2, 16, 16, 1))
LEVELS = (
    jax.random.normal(jax.random.key(1), (2, 8, 8, 8)),
    jax.random.normal(jax.random.key(2), (2, 4, 4, 16)),
)


def test_strides_are_those_of_the_stages():
    module = nn.PyramidBackbone(widths=(8, 8, 16), levels=2, stem=2)
    features = module.apply(module.init(jax.random.key(0), IMAGE), IMAGE)
    assert [f.shape for f in features] == [(2, 4, 4, 8), (2, 2, 2, 16)]
    with pytest.raises(InputError, match="multiples of 8, got 12 x 16"):
        module.init(jax.random.key(0), IMAGE[:, :12])


def test_coarse_features_reach_the_finer_level_and_not_the_other_way():
    module = nn.FPN(features=4)
    variables = module.init(jax.random.key(0), LEVELS)
    fine, coarse = module.apply(variables, LEVELS)
    changed = module.apply(variables, (LEVELS[0], LEVELS[1] + 1))
    assert float(np.abs(changed[0] - fine).max()) > 1e-3
    other = module.apply(variables, (LEVELS[0] + 1, LEVELS[1]))
    np.testing.assert_array_equal(other[1], coarse)
    with pytest.raises(InputError, match=r"got \(8, 8\) before \(8, 8\)"):
        module.init(jax.random.key(0), (LEVELS[0], LEVELS[0]))


def test_fine_features_reach_the_coarser_level_by_the_way_back():
    for module in (nn.PAN(features=4), nn.BiFPN(features=4, repeats=1)):
        variables = jax.jit(module.init)(jax.random.key(0), LEVELS)
        before = module.apply(variables, LEVELS)
        for place in range(2):
            moved = tuple(x + float(i == place) for i, x in enumerate(LEVELS))
            for old, new in zip(before, module.apply(variables, moved), strict=True):
                assert float(np.abs(new - old).max()) > 1e-3


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_two_ways_keep_the_sizes_of_any_number_of_levels(levels):
    given = tuple(jnp.ones((1, 16 >> n, 16 >> n, 3 + n)) for n in range(levels))
    for module in (nn.PAN(features=4), nn.BiFPN(features=4)):
        shapes = jax.eval_shape(
            lambda own=module: own.init_with_output(jax.random.key(0), given)[0]
        )
        assert [x.shape for x in shapes] == [
            (1, 16 >> n, 16 >> n, 4) for n in range(levels)
        ]


@pytest.mark.parametrize("neck", [nn.PAN, nn.BiFPN, nn.Passthrough])
def test_levels_of_another_size_are_a_sentence(neck):
    with pytest.raises(
        InputError, match=rf"{neck.__name__}.*got \(8, 8\) before \(8, 8\)"
    ):
        neck(features=4).init(jax.random.key(0), (LEVELS[0], LEVELS[0]))


def test_the_weights_of_a_sum_are_shares():
    module = nn.BiFPN(features=4, repeats=1)
    variables = jax.jit(module.init)(jax.random.key(0), LEVELS)
    grown = jax.tree_util.tree_map_with_path(
        lambda path, x: 3 * x if "weight" in str(path) else x, variables
    )
    for a, b in zip(
        *(module.apply(v, LEVELS) for v in (variables, grown)), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize(
    ("module", "given", "message"),
    [
        (nn.BiFPN(features=4, repeats=0), LEVELS, "repeats must be at least 1, got 0"),
        (nn.PAN(features=4), (), "PAN: there is no level"),
        (
            nn.PyramidBackbone(widths=(4, 4), levels=3),
            IMAGE,
            "levels must be from 1 to the 2 stages, got 3",
        ),
        (
            nn.Darknet53(width=4, blocks=(1, 1), levels=0),
            IMAGE,
            "levels must be from 1 to the 2 stages, got 0",
        ),
        (nn.BottleneckBackbone(blocks=(0, 1)), IMAGE, "every stage needs a block"),
    ],
)
def test_sizes_that_do_not_fit_are_sentences(module, given, message):
    with pytest.raises(InputError, match=message):
        module.init(jax.random.key(0), given)


@pytest.mark.parametrize(
    "neck",
    [
        nn.FPN(features=4, dtype=jnp.bfloat16),
        nn.PAN(features=4, dtype=jnp.bfloat16),
        nn.BiFPN(features=4, dtype=jnp.bfloat16),
        nn.RecursiveFPN(features=4, dtype=jnp.bfloat16),
        nn.DenseFusion(features=4, dtype=jnp.bfloat16),
        nn.ContextModule(features=4, dtype=jnp.bfloat16),
        nn.RingContext(features=4, dtype=jnp.bfloat16),
        nn.ResidualStage(width=4, dtype=jnp.bfloat16),
        nn.SuperResolution(width=4, dtype=jnp.bfloat16),
    ],
    ids=lambda neck: type(neck).__name__,
)
@pytest.mark.parametrize("given", [jnp.float32, jnp.bfloat16])
def test_necks_return_their_dtype_and_keep_their_parameters_wide(neck, given):
    levels = tuple(jnp.ones((1, side, side, 4), given) for side in (8, 4))
    outputs, variables = jax.eval_shape(
        lambda key: neck.init_with_output(key, levels), jax.random.key(0)
    )
    assert {x.dtype.name for x in outputs} == {"bfloat16"}
    assert {x.dtype.name for x in jax.tree.leaves(variables)} == {"float32"}
