import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from genjax.detection import Limits, mtcnn, mtcnn_variables
from genjax.errors import InputError

PICTURE = jax.random.randint(jax.random.key(0), (1, 40, 52, 3), 0, 256).astype("uint8")


def named(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return {k: rng.normal(0, 0.05, s).astype(np.float32) for k, s in shapes.items()}


def write_weights(folder, change=lambda arrays: arrays):
    """Weights of the right shapes, in PyTorch's layout."""
    plans = {
        "pnet": [(10, 3, 3), (16, 10, 3), (32, 16, 3)],
        "rnet": [(28, 3, 3), (48, 28, 3), (64, 48, 2)],
        "onet": [(32, 3, 3), (64, 32, 3), (64, 64, 3), (128, 64, 2)],
    }
    ends = {
        "pnet": {"conv4_1": (2, 32, 1, 1), "conv4_2": (4, 32, 1, 1)},
        "rnet": {"dense4": (128, 576), "dense5_1": (2, 128), "dense5_2": (4, 128)},
        "onet": {
            "dense5": (256, 1152),
            "dense6_1": (2, 256),
            "dense6_2": (4, 256),
            "dense6_3": (10, 256),
        },
    }
    for name, plan in plans.items():
        layers = {f"conv{i}": (o, n, k, k) for i, (o, n, k) in enumerate(plan, 1)}
        layers |= ends[name]
        shapes = {f"{layer}.weight": s for layer, s in layers.items()}
        shapes |= {f"{layer}.bias": s[:1] for layer, s in layers.items()}
        slopes = [f"conv{i}" for i in range(1, len(plan) + 1)]
        slopes += [layer for layer in ("dense4", "dense5") if layer in layers]
        for layer in slopes:
            shapes[f"prelu{layer[-1]}.weight"] = layers[layer][:1]
        np.savez(folder / f"{name}.npz", **change(named(shapes)))
    return folder


def test_a_batch_is_one_program_and_says_what_was_cut(tmp_path):
    variables = mtcnn_variables(write_weights(tmp_path))
    pair = jnp.concatenate([PICTURE, PICTURE[:, ::-1]])
    every, few = (
        jax.jit(mtcnn(thresholds=(0.4, 0.01, 0.01), limits=limits))
        for limits in (Limits(), Limits(level=5, refinement=4, output=2))
    )
    both = every(variables, pair)
    turned = every(variables, pair[::-1])
    assert every._cache_size() == 1
    assert both.boxes.valid.any()
    assert not np.any(both.cut)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b[::-1], atol=1e-3), both, turned
    )
    found = few(variables, pair)
    assert np.all(found.cut[:, 0] > 0)
    assert found.boxes.valid.shape == (2, 2)


@pytest.mark.shared_data
def test_faces_are_those_of_the_published_weights(shared_data):
    folder = shared_data / "mtcnn_oracle"
    expected = json.loads((folder / "expected.json").read_text())
    with Image.open(folder / expected["image"]) as file:
        picture = jnp.asarray(np.asarray(file.convert("RGB")))[None]
    find = jax.jit(
        mtcnn(
            min_size=float(expected["minsize"]),
            factor=expected["factor"],
            thresholds=tuple(expected["thresholds"]),
        )
    )
    found = find(mtcnn_variables(folder), picture)
    assert not np.any(found.cut)
    wanted = np.array(expected["boxes_x1y1x2y2_score"])
    valid = np.asarray(found.boxes.valid[0])
    assert valid.sum() == len(wanted)
    order = np.argsort(-np.asarray(found.boxes.score[0]), kind="stable")[: len(wanted)]
    xyxy = np.asarray(found.boxes.xyxy[0])[order]
    np.testing.assert_allclose(xyxy, wanted[:, :4], atol=0.01)
    np.testing.assert_allclose(
        np.asarray(found.boxes.score[0])[order], wanted[:, 4], atol=1e-5
    )
    np.testing.assert_allclose(
        np.asarray(found.landmarks[0])[order], expected["landmarks"], atol=0.01
    )


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"min_size": 8.0}, "min_size must be at least 12 pixels, what the P-Net"),
        ({"factor": 0.99}, r"above 0 and at most 0\.95, got 0\.99"),
        ({"thresholds": (0.6, 1.2, 0.7)}, "thresholds must be three numbers between"),
        ({"limits": Limits(refinement=0)}, "limits must be at least 1"),
    ],
)
def test_arguments_that_make_no_sense_are_sentences(how, message):
    with pytest.raises(InputError, match=message):
        mtcnn(**how)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (PICTURE[0], r"bytes in colour, \[b, h, w, 3\] of uint8, from 0 to 255, got"),
        (PICTURE[..., :1], "bytes in colour"),
        (PICTURE.astype(jnp.float32), "got .* of float32"),
        (PICTURE[:, :15], "at least as large as the smallest face, 20 pixels"),
    ],
)
def test_pictures_that_do_not_fit_are_sentences(picture, message):
    with pytest.raises(InputError, match=message):
        mtcnn()({}, picture)


def test_what_are_no_variables_of_it_are_a_sentence(tmp_path):
    with pytest.raises(InputError, match="must be those that mtcnn_variables reads"):
        mtcnn()({}, PICTURE)
    write_weights(tmp_path)
    (tmp_path / "rnet.npz").write_text("none")
    with pytest.raises(InputError, match=r"rnet\.npz is no archive of arrays"):
        mtcnn_variables(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda own: {k: v for k, v in own.items() if k != "conv1.bias"},
            "ProposalNet: its weights are",
        ),
        (
            lambda own: {**own, "conv1.weight": own["conv1.weight"].T},
            r"conv1.weight, turned to the layout of Flax, must be \(3, 3, 3, 10\)",
        ),
        (
            lambda own: {**own, "conv1.weight": np.ones((10, 3, 9))},
            r"must be \(3, 3, 3, 10\), got \(10, 3, 9\)",
        ),
    ],
)
def test_weights_of_another_layout_are_sentences(tmp_path, change, message):
    write_weights(tmp_path, change)
    with pytest.raises(InputError, match=message):
        mtcnn_variables(tmp_path)
