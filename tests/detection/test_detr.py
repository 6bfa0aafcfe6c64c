import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from genjax import nn
from genjax.detection import detr, end_to_end_outputs, giou, ground_truth
from genjax.errors import InputError

SIZE = (32, 32)
LEVELS = (jnp.ones((1, 8, 8, 4)), jnp.ones((1, 4, 4, 4)))


def head_of(queries=6, layers=2):
    return detr(
        nn.DenseTower(outputs=end_to_end_outputs(3), width=8),
        nn.QueryDecoder(classes=3, width=16, layers=layers),
        classes=3,
        strides=(4, 8),
        queries=queries,
    )


def raw_of(head):
    """Raw predictions of the right shapes."""

    def made():
        return head.apply(head.init(jax.random.key(0), LEVELS), LEVELS)

    return jax.tree.map(lambda x: jnp.ones(x.shape, x.dtype), jax.eval_shape(made))


def entropy(p, wanted):
    return -np.log(p if wanted else 1 - p)


def focal(p, wanted):
    weight = 0.25 * (1 - p) ** 2 if wanted else 0.75 * p**2
    return weight * entropy(p, wanted)


def plain_layer(logits, box, xyxy, label):
    """Classification, sides and overlap of one image's queries, by loops."""
    p = 1 / (1 + np.exp(-logits))
    corners = np.concatenate(
        [box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], 1
    )
    true = xyxy / 32
    wanted = np.concatenate(
        [(true[:, :2] + true[:, 2:]) / 2, true[:, 2:] - true[:, :2]], 1
    )
    cost = np.zeros((len(box), len(true)))
    for q in range(len(box)):
        for n in range(len(true)):
            own = p[q, label[n]]
            cost[q, n] = 2 * (focal(own, True) - focal(own, False))
            cost[q, n] += 5 * np.abs(box[q] - wanted[n]).sum()
            cost[q, n] += 2 * (
                1 - float(giou(jnp.array(corners[q]), jnp.array(true[n])))
            )
    owner = dict(zip(*linear_sum_assignment(cost), strict=True))
    sums = {"classification": 0.0, "sides": 0.0, "box": 0.0}
    for q in range(len(box)):
        for kind in range(3):
            is_own = q in owner and label[owner[q]] == kind
            sums["classification"] += focal(p[q, kind], is_own)
        if q in owner:
            n = owner[q]
            sums["sides"] += 5 * np.abs(box[q] - wanted[n]).sum()
            overlap = float(giou(jnp.array(corners[q]), jnp.array(true[n])))
            sums["box"] += 2 * (1 - overlap)
    return sums


def test_losses_are_those_of_plain_loops():
    head, rng = head_of(), np.random.default_rng(0)
    raw = raw_of(head)
    logits = tuple(rng.normal(size=(1, 6, 3)).astype(np.float32) for _ in range(2))
    box = tuple(rng.uniform(0.2, 0.8, (1, 6, 4)).astype(np.float32) for _ in range(2))
    raw = raw._replace(
        logits=tuple(jnp.asarray(x) for x in logits),
        box=tuple(jnp.asarray(x) for x in box),
    )
    xyxy, label = np.array([[2.0, 3, 12, 14], [15, 5, 30, 25]]), np.array([2, 0])
    truth = ground_truth(
        jnp.asarray(xyxy)[None], jnp.asarray(label)[None], jnp.ones((1, 2), bool)
    )
    sums, counts = jax.jit(lambda: head.loss(raw, head.assign(truth, SIZE)))()
    plain = [
        plain_layer(x[0], b[0], xyxy, label) for x, b in zip(logits, box, strict=True)
    ]
    for name in plain[0]:
        wanted = sum(layer[name] for layer in plain)
        np.testing.assert_allclose(sums[name], wanted, rtol=1e-5)
        assert float(counts[name]) == 4.0


def test_a_query_in_a_region_to_ignore_learns_no_background():
    head = head_of(layers=1)
    raw = raw_of(head)
    # Two queries in the left half, four in the right.
    centre = jnp.array([0.2, 0.3, 0.6, 0.7, 0.8, 0.9])
    box = jnp.stack([centre] * 2 + [jnp.full(6, 0.1)] * 2, axis=-1)[None]
    raw = raw._replace(logits=(jnp.zeros((1, 6, 3)),), box=(box,))

    @jax.jit
    def classification(xyxy):
        given = xyxy[None, None], jnp.zeros((1, 1), int), jnp.ones((1, 1), bool)
        truth = ground_truth(*given, jnp.ones((1, 1), bool))
        return head.loss(raw, head.assign(truth, SIZE))[0]["classification"]

    nowhere = classification(jnp.array([0.0, 31.5, 0.5, 32.0]))
    left = classification(jnp.array([0.0, 0.0, 16.0, 32.0]))
    np.testing.assert_allclose(left / nowhere, 4 / 6, rtol=1e-6)


def test_more_queries_than_places_are_a_sentence():
    with pytest.raises(InputError, match="as many places as queries, 90, got 80"):
        jax.jit(head_of(queries=90).init)(jax.random.key(0), LEVELS)


def test_more_objects_than_queries_are_learnt_as_far_as_they_go():
    head = head_of(queries=2)
    raw = raw_of(head)
    xyxy = jnp.array([[[1.0, 1, 9, 9], [10, 10, 20, 20], [20, 2, 30, 9]]])
    truth = ground_truth(xyxy, jnp.zeros((1, 3), int), jnp.ones((1, 3), bool))
    sums, counts = jax.jit(lambda: head.loss(raw, head.assign(truth, SIZE)))()
    assert float(counts["sides"]) == 4.0
    assert np.isfinite(float(sums["sides"]))


def test_regions_to_ignore_take_no_query_from_an_object():
    head = head_of(queries=2)
    raw = raw_of(head)
    spots = [[float(x), 1.0, x + 2.0, 3.0] for x in (1, 9, 17)]
    xyxy = jnp.array([[*spots, [4.0, 4.0, 28.0, 28.0]]])
    ignore = jnp.array([[True, True, True, False]])
    truth = ground_truth(xyxy, jnp.zeros((1, 4), int), jnp.ones((1, 4), bool), ignore)
    _, counts = jax.jit(lambda: head.loss(raw, head.assign(truth, SIZE)))()
    assert float(counts["sides"]) == 2.0


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        ({"classes": 2}, r"logits \[b, 6, 3\] of every layer, got \[\(6, 2\)"),
        ({"classes": 3, "layers": 0}, "layers and heads must be at least 1"),
    ],
)
def test_a_decoder_that_does_not_fit_is_a_sentence(decoder, message):
    head = detr(
        nn.DenseTower(outputs=end_to_end_outputs(3), width=8),
        nn.QueryDecoder(**decoder, width=16),
        classes=3,
        strides=(4, 8),
        queries=6,
    )
    with pytest.raises(InputError, match=message):
        jax.eval_shape(lambda: head.apply(head.init(jax.random.key(0), LEVELS), LEVELS))


def test_no_queries_are_a_sentence():
    with pytest.raises(InputError, match="queries must be at least 1, got 0"):
        head_of(queries=0)
