import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax import nn
from genjax.base import Network
from genjax.detection import FaceOverlaps, face_crops, face_objective
from genjax.errors import InputError
from genjax.nn._cascade import FaceOutput

SIDE = 48


def picture_of(*boxes, b=1):
    """Pictures in which faces are white."""
    image = np.zeros((b, SIDE, SIDE, 1), np.float32)
    for left, top, right, bottom in boxes:
        image[:, top:bottom, left:right] = 1.0
    return {
        "image": jnp.asarray(image),
        "xyxy": jnp.tile(jnp.array([boxes], jnp.float32), (b, 1, 1)),
        "valid": jnp.ones((b, len(boxes)), bool),
    }


def crops_of(batch, **how):
    return jax.jit(face_crops(side=24, **how))(jax.random.key(0), batch)


def test_changes_lead_from_a_crop_to_the_face():
    """In pixels of the crop, the white part is where the change says."""
    batch = picture_of((12, 10, 34, 32), b=8)
    found = crops_of(batch, crops=32, faces=0.5, parts=0.5)
    assert np.all(found["overlap"] > 0.15)
    white = np.asarray(found["image"][..., 0]) > 0
    edges = 24 * np.asarray(found["change"]) + np.array([0.0, 0.0, 24.0, 24.0])
    for crop, (left, top, right, bottom) in zip(white, edges, strict=True):
        rows, columns = np.flatnonzero(crop.any(axis=1)), np.flatnonzero(crop.any(0))
        found_edges = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        wanted = np.clip([left, top, right, bottom], 0, 24)
        np.testing.assert_allclose(found_edges, wanted, atol=1.01)


def test_overlaps_are_those_with_the_face_and_of_all_kinds():
    batch = picture_of((12, 10, 34, 32), b=16)
    found = crops_of(batch, crops=32)
    overlap = np.asarray(found["overlap"])
    # As many faces and parts as asked for, nearly, and background beside them.
    shares = [
        np.mean((overlap >= low) & (overlap < high))
        for low, high in ((0.65, 1.1), (0.4, 0.65), (0.0, 0.3))
    ]
    assert 0.2 < shares[0] < 0.3
    assert 0.1 < shares[1] < 0.3
    assert 0.3 < shares[2] < 0.6
    # The face is 22 pixels, the crop 24 of its own: the white share says the overlap.
    change = np.asarray(found["change"])
    scale = 1 + change[:, 2] - change[:, 0]
    white = np.mean(np.asarray(found["image"][..., 0] + 1) / 2, axis=(1, 2))
    iou = white / (1 + scale**2 - white)
    near = overlap > 0.3
    np.testing.assert_allclose(overlap[near], iou[near], atol=0.15)


def test_pictures_without_faces_give_background():
    batch = picture_of((12, 10, 34, 32), b=2)
    none = {**batch, "valid": jnp.zeros_like(batch["valid"])}
    found = crops_of(none, crops=8, faces=1.0, parts=0.0)
    np.testing.assert_array_equal(found["overlap"], 0.0)
    np.testing.assert_array_equal(found["change"], 0.0)
    assert found["image"].shape == (16, 24, 24, 3)


def test_boxes_to_ignore_teach_nothing():
    """Neither a face nor background."""
    batch = picture_of((12, 10, 34, 32), (2, 2, 8, 8), b=8)
    ignored = {**batch, "ignore": jnp.tile(jnp.array([[True, False]]), (8, 1))}
    found = crops_of(ignored, crops=32)
    seen = np.asarray(found["image"]).mean(axis=(1, 2, 3)) > -0.4
    whole = crops_of({**batch, "valid": batch["valid"].at[:, 1].set(False)}, crops=32)
    assert np.all(whole["valid"])
    assert np.any(seen)
    # A third of such a crop is white: it overlaps the large face.
    assert not np.any(np.asarray(found["valid"]) & seen & (found["overlap"] < 0.3))
    objective = face_objective(saying(np.ones(256), np.ones((256, 4))))
    hidden = {**found, "valid": jnp.zeros(256, bool)}
    assert objective.loss({"params": {}}, hidden, jax.random.key(0))[0] == 0


def test_pictures_without_a_row_of_boxes_give_background():
    batch = {
        "image": jnp.ones((2, 30, 30, 1)),
        "xyxy": jnp.zeros((2, 0, 4)),
        "valid": jnp.zeros((2, 0), bool),
    }
    found = crops_of(batch, crops=4)
    np.testing.assert_array_equal(found["overlap"], 0.0)


def test_bytes_and_floats_are_the_same():
    batch = picture_of((12, 10, 34, 32))
    as_bytes = {**batch, "image": (255 * batch["image"]).astype(jnp.uint8)}
    found = crops_of(batch), crops_of(as_bytes)
    jax.tree.map(np.testing.assert_array_equal, *found)


def saying(logits, changes):
    """A network that says the same of every batch."""
    out = FaceOutput(
        jnp.stack([jnp.zeros(len(logits)), jnp.asarray(logits)], axis=1),
        jnp.asarray(changes),
        jnp.zeros((len(logits), 0)),
    )
    return Network(lambda key, x: {"params": {}}, lambda variables, x: out)


def test_the_loss_is_that_of_its_formula():
    overlap = np.array([0.9, 0.7, 0.5, 0.35, 0.1, 0.0, 0.2])
    logits = np.array([2.0, -1.0, 9.0, 9.0, 0.5, -3.0, -0.5], np.float32)
    rng = np.random.default_rng(0)
    wanted, found = rng.normal(size=(2, 7, 4)).astype(np.float32)
    objective = face_objective(saying(logits, found), box_weight=0.25, hard_share=0.6)
    batch = {
        "image": jnp.zeros((7, 12, 12, 3)),
        "overlap": jnp.asarray(overlap, jnp.float32),
        "change": jnp.asarray(wanted),
    }
    value, (_, metrics) = objective.loss({"params": {}}, batch, jax.random.key(0))
    face, background = overlap >= 0.65, overlap < 0.3
    entropy = np.where(face, np.log1p(np.exp(-logits)), np.log1p(np.exp(logits)))
    hardest = np.sort(entropy[face | background])[::-1][:3]
    np.testing.assert_allclose(metrics["classification"], hardest.mean(), rtol=1e-5)
    part = overlap >= 0.4
    box = ((found - wanted)[part] ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(metrics["box"], box, rtol=1e-5)
    np.testing.assert_allclose(value, hardest.mean() + 0.25 * box, rtol=1e-5)


def test_a_batch_that_teaches_nothing_is_finite():
    objective = face_objective(nn.ProposalNet())
    batch = {
        "image": jnp.zeros((2, 12, 12, 3)),
        "overlap": jnp.full(2, 0.35),
        "change": jnp.zeros((2, 4)),
    }
    variables = objective.init(jax.random.key(0), batch)
    value, gradient = jax.value_and_grad(
        lambda v: objective.loss(v, batch, jax.random.key(0))[0]
    )(variables)
    assert value == 0
    for leaf in jax.tree.leaves(gradient):
        np.testing.assert_array_equal(leaf, 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: face_crops(side=0),
            "min_side must be positive, got 0",
        ),
        (lambda: face_crops(side=12, faces=0.8, parts=0.3), "must be shares, got 0.8"),
        (
            lambda: face_objective(nn.ProposalNet(), hard_share=0.0),
            "hard_share must be above 0",
        ),
        (
            lambda: face_objective(
                nn.ProposalNet(), bounds=FaceOverlaps(0.5, 0.4, 0.6)
            ),
            r"bounds must ascend from 0 to 1, got \(0.5",
        ),
        (
            lambda: face_objective(nn.ProposalNet()).loss(
                nn.ProposalNet().init(jax.random.key(0), jnp.ones((1, 12, 12, 3))),
                {
                    "image": jnp.ones((2, 24, 24, 3)),
                    "overlap": jnp.ones(2),
                    "change": jnp.zeros((2, 4)),
                },
                jax.random.key(0),
            ),
            "for each of 2 crops, got",
        ),
    ],
)
def test_mistakes_are_sentences(call, message):
    with pytest.raises(InputError, match=message):
        call()
