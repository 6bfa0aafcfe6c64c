import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.base import Network
from genjax.detection import detection_objective, detector, ground_truth
from genjax.detection.scales import by_branch, shared_branches, with_valid_range
from genjax.errors import InputError
from genjax.receptive_field import receptive_field
from tests.laws.instances import scene_batch, tiny_parts

LEVELS = (jax.random.normal(jax.random.key(0), (2, 12, 12, 4)),)
EVERY = (0.0, math.inf)


def stage(dilation=1, width=4):
    return nn.ResidualStage(width=width, blocks=2, dilation=dilation)


def shuffled(variables):
    """Other weights: residual branches begin at zero."""
    leaves, tree = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    return tree.unflatten(
        [jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)]
    )


def test_branches_have_the_weights_of_one():
    one = jax.eval_shape(stage().init, jax.random.key(0), LEVELS)
    network = shared_branches([stage(d) for d in (1, 2, 3)])
    variables = network.init(jax.random.key(0), LEVELS)
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, one)
    variables = shuffled(variables)
    found = network.apply(variables, LEVELS)
    for dilation, level in zip((1, 2, 3), found, strict=True):
        (alone,) = stage(dilation).apply(variables, LEVELS)
        np.testing.assert_array_equal(level, alone)
    trained, changed = network.train(variables, jax.random.key(0), LEVELS)
    assert not changed
    jax.tree.map(np.testing.assert_array_equal, trained, found)


def test_equal_dilations_are_equal_branches():
    network = shared_branches([stage(2), stage(2)])
    first, second = network.apply(
        shuffled(network.init(jax.random.key(0), LEVELS)), LEVELS
    )
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-6)


def test_fields_grow_by_the_dilations():
    """Two blocks of two 3 x 3 convolutions add 8 d pixels to the one of a place."""
    network = shared_branches([stage(d) for d in (1, 2, 3)])
    variables = jax.eval_shape(network.init, jax.random.key(0), LEVELS)
    fields = receptive_field(
        lambda x, v: network.apply(v, (x,)), (1, 64, 64, 4), variables
    )
    assert [field.size[0] - 1 for field in fields] == [8, 16, 24]


def test_one_branch_for_all_sizes_is_no_branch():
    backbone, neck, head = tiny_parts()
    single = Network(neck.init, lambda v, x: neck.apply(v, x))
    branched = detection_objective(
        backbone, shared_branches([single]), by_branch(head, ranges=[EVERY])
    )
    plain, batch = detection_objective(backbone, neck, head), scene_batch(4)
    variables = jax.jit(plain.init)(jax.random.key(0), batch)
    first, second = (
        jax.jit(objective.loss)(variables, batch, jax.random.key(1))[0]
        for objective in (plain, branched)
    )
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_a_branch_learns_the_objects_of_its_range():
    backbone, neck, head = tiny_parts()
    ranges = ((0.0, 12.0), (12.0, math.inf))
    branched = by_branch(head, ranges=ranges)
    batch = scene_batch(4)
    objective = detection_objective(backbone, neck, head)
    variables = jax.jit(objective.init)(jax.random.key(0), batch)
    doubled = shared_branches([neck, neck])
    levels = doubled.apply(
        {"params": variables["params"]["neck"]},
        backbone.apply({"params": {}}, batch["image"]),
    )
    raw = branched.apply({"params": variables["params"]["head"]}, levels)
    boxes = ground_truth(batch["xyxy"], batch["label"], batch["valid"])
    sums, counts = branched.loss(raw, branched.assign(boxes, (32, 32)))
    # Each branch alone, by the same transform of the objective.
    parts = []
    for own in ranges:
        value = with_valid_range(objective, own).loss(
            variables, batch, jax.random.key(0)
        )
        parts.append(value[1][1])
    assert set(sums) == set(parts[0]) - {"loss"}
    positives = [targets.positive for targets in branched.assign(boxes, (32, 32))]
    for name in ("classification", "centerness"):
        numbers = [float(p.sum()) for p in positives]
        whole = sum(
            float(part[name]) * max(n, 1.0)
            for part, n in zip(parts, numbers, strict=True)
        )
        np.testing.assert_allclose(sums[name], whole, rtol=1e-5)
        assert float(counts[name]) == sum(numbers)


def test_what_a_branch_finds_out_of_its_range_is_dropped():
    backbone, neck, head = tiny_parts()
    batch = scene_batch(2)
    objective = detection_objective(backbone, neck, head)
    variables = jax.jit(objective.init)(jax.random.key(0), batch)
    plain = detector(backbone, neck, head)(variables, batch["image"])
    ranges = ((0.0, 10.0), (10.0, math.inf))
    merged = by_branch(head, ranges=ranges, merge=lambda boxes: boxes)
    found = detector(backbone, shared_branches([neck, neck]), merged)(
        variables, batch["image"]
    )
    each = plain.valid.shape[1]
    size = np.sqrt(np.prod(plain.xyxy[..., 2:] - plain.xyxy[..., :2], axis=-1))
    for place, own in enumerate((size <= 10, size >= 10)):
        part = jax.tree.map(lambda x, p=place: x[:, p * each : (p + 1) * each], found)
        np.testing.assert_array_equal(part.valid, plain.valid & own)
        np.testing.assert_allclose(part.xyxy, plain.xyxy, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: shared_branches([]), "must be a sequence of networks, got"),
        (
            lambda: shared_branches([stage(1), stage(2, width=8)]).init(
                jax.random.key(0), LEVELS
            ),
            r"same names and shapes, got .*of \(4,\) in the first",
        ),
        (
            lambda: by_branch(tiny_parts()[2], ranges=((0, 8), (12, math.inf))),
            "no range has objects of 8 to 12 pixels",
        ),
        (
            lambda: by_branch(tiny_parts()[2], ranges=(EVERY, EVERY)).init(
                jax.random.key(0), LEVELS * 3
            ),
            "3 levels are not those of 2 branches",
        ),
        (
            lambda: by_branch(tiny_parts()[2], ranges=(EVERY, EVERY)).init(
                jax.random.key(0), (LEVELS[0], LEVELS[0][:, ::2])
            ),
            "levels of all branches must be alike",
        ),
        (
            lambda: by_branch(tiny_parts()[2], ranges=(EVERY, EVERY), scales=(1,)),
            "every branch needs a scale, .* got 2 ranges and scales",
        ),
        (
            lambda: by_branch(
                tiny_parts()[2], ranges=(EVERY, EVERY), scales=(1, 2)
            ).init(jax.random.key(0), LEVELS * 2),
            "as large as the scales .1, 2. say",
        ),
        (
            lambda: stage(0).init(jax.random.key(0), LEVELS),
            "dilation must be at least 1",
        ),
    ],
)
def test_mistakes_are_sentences(call, message):
    with pytest.raises(InputError, match=message):
        call()
