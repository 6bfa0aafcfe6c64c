"""What a newcomer does: each a command, or ten lines of the library."""

import json
import signal
from contextlib import redirect_stdout
from io import StringIO

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from PIL import Image

from experiments.__main__ import main
from experiments.detection.custom import write_scenes
from genjax import nn
from genjax.data import (
    ArraySource,
    image_folder,
    mapped,
    on_device,
    read_frame,
    read_voc,
    scale_pixels,
)
from genjax.densities import (
    conditional_likelihood,
    conditional_normal,
    negative_log_likelihood,
    standard_normal,
)
from genjax.flows import density
from genjax.gan import gan, minimax, non_saturating
from genjax.metrics import energy_distance, with_floor
from genjax.programs import invertible
from genjax.self_supervised import simclr
from genjax.training import (
    Checkpoints,
    data_parallel,
    device_mesh,
    fit,
    freeze,
    gradient_descent,
    load_variables,
    read_config,
    save_variables,
    shard_pipeline,
)

RANDOM = np.random.default_rng(0)
KEY = jax.random.key(0)
SHORT = ["--steps", "20", "--evaluate-every", "10", "--no-progress"]
run = pytest.fixture(scope="module")


def command(*arguments):
    with redirect_stdout(StringIO()) as out:
        assert main([*map(str, arguments)]) == 0
    return out.getvalue()


@run
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    lines = ["height;smokes;city"]
    for _ in range(200):
        city = RANDOM.choice(["Oslo", "Rome"])
        lines.append(f"{RANDOM.normal(170, 9):.1f};{RANDOM.integers(2)};{city}")
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    holes = [line.split(";") for line in lines]
    holes = [
        ";".join(["" if RANDOM.random() < 0.3 else c for c in r]) for r in holes[1:]
    ]
    (folder / "holes.csv").write_text("\n".join([lines[0], *holes]) + "\n")
    where = ["--data", folder / "people.csv", "--workdir", folder / "run"]
    how = ["--encode", "--model", "deep_nade", "--hidden", 8, "--components", 2]
    command("autoregressive/custom", *SHORT, *how, *where)
    return folder


def test_own_table_to_a_thousand_new_rows(table):
    command("sample", table / "run", "--rows", 1000, "--out", table / "new.csv")
    assert read_frame(table / "new.csv").num_rows == 1000


def test_own_table_to_scores(table):
    files = ["--data", table / "people.csv", "--out", table / "scores.csv"]
    command("score", table / "run", *files)
    assert read_frame(table / "scores.csv").num_rows == 200


def test_own_table_with_holes_to_a_whole_one(table):
    files = ["--data", table / "holes.csv", "--out", table / "full.parquet"]
    command("complete", table / "run", *files)
    assert not any(c.null_count for c in read_frame(table / "full.parquet").columns)


def test_own_split_to_a_flow(tmp_path):
    for name, n in (("train", 100), ("validation", 20), ("test", 30)):
        np.save(tmp_path / f"{name}.npy", RANDOM.normal(size=(n, 4)))
    parts = [("--data", "train"), ("--validation", "validation"), ("--test", "test")]
    files = [w for flag, name in parts for w in (flag, tmp_path / f"{name}.npy")]
    command(
        "tabular", "--smoke", "--no-progress", *files, "--workdir", tmp_path / "run"
    )
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["metrics"]["test_rows"] == 30


def test_a_run_is_made_longer_and_told_with_its_spread(tmp_path):
    where = ["--workdir", tmp_path / "run"]
    small = ["--hidden", 8, "--components", 2, "--seeds", 2]
    command("nade_digits", *SHORT, *small, *where)
    command("nade_digits", "--resume", "--steps", 30, "--no-progress", *where)
    report = (tmp_path / "run" / "report.md").read_text()
    assert "Means of 2 seeds, +- their standard deviation" in report
    assert "python -m experiments autoregressive/nade_digits" in report


def test_figures_for_a_paper(tmp_path):
    command("bilinear", "--smoke", "--figures", "pdf", "--workdir", tmp_path / "run")
    figure = tmp_path / "run" / "phase_portraits.pdf"
    assert figure.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(("form", "head"), [("voc", "fcos"), ("coco", "yolo_v3")])
def test_own_annotations_to_detections_on_new_pictures(form, head, tmp_path):
    write_scenes(tmp_path / "set", 20)
    data = [tmp_path / "set"]
    if form == "coco":
        found = read_voc(tmp_path / "set", size=(64, 64))
        boxes = found.source.arrays
        objects = [
            {
                "image_id": int(i),
                "category_id": int(boxes["label"][i, j]),
                "bbox": [
                    float(v)
                    for v in (
                        *boxes["xyxy"][i, j, :2],
                        *(boxes["xyxy"][i, j, 2:] - boxes["xyxy"][i, j, :2]),
                    )
                ],
            }
            for i, j in np.argwhere(boxes["valid"])
        ]
        content = {
            "images": [{"id": i, "file_name": f"{i:04d}.png"} for i in range(20)],
            "annotations": [{"id": k, **o} for k, o in enumerate(objects)],
            "categories": [{"id": k, "name": n} for k, n in enumerate(found.classes)],
        }
        (tmp_path / "coco.json").write_text(json.dumps(content))
        images = tmp_path / "set" / "JPEGImages"
        data = [tmp_path / "coco.json", "--images", images]
    where = ["--workdir", tmp_path / "run", "--no-progress"]
    command("data", "check", *data)
    command("detection/custom", "--smoke", "--head", head, "--data", *data, *where)
    paths = [tmp_path / "new.png", tmp_path / "new.jpg"]
    for path in paths:
        Image.new("RGB", (90, 50), "grey").save(path)
    out = tmp_path / "out"
    command("detect", tmp_path / "run", *paths, "--out", out, "--score", 0.0)
    rows = [json.loads(r) for r in (out / "detections.jsonl").read_text().splitlines()]
    assert [row["image"] for row in rows] == [str(path) for path in paths]


@run
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(80):
        size = (20 + i % 9, 30)
        Image.fromarray(RANDOM.integers(0, 255, (*size, 3), np.uint8)).save(
            folder / f"{i}.png"
        )
    return folder


def test_own_folder_to_new_pictures(pictures, tmp_path):
    where = ["--data", pictures, "--workdir", tmp_path / "run"]
    cut = ["--validation", 0.3, "--test", 0.3, "--batch-size", 8]
    command("gan/custom", "--smoke", "--no-progress", *cut, *where)
    command("sample", tmp_path / "run", "-n", 5, "--out", tmp_path / "new")
    assert image_folder(tmp_path / "new").arrays["image"].shape == (5, 8, 8, 3)


def test_own_folder_to_features_of_each_file(pictures, tmp_path):
    where = ["--data", pictures, "--workdir", tmp_path / "run"]
    command("self_supervised/custom", "--smoke", "--no-progress", *where)
    out = tmp_path / "features.npz"
    command("encode", tmp_path / "run", "--data", pictures, "--out", out)
    with np.load(out) as found:
        assert found["features"].shape == (len(found["files"]), 64) == (80, 64)


class Judge(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x, train: bool):
        x = flax.linen.Dense(16)(x.reshape(len(x), -1))
        x = flax.linen.BatchNorm(use_running_average=not train)(x)
        x = flax.linen.Dropout(0.2, deterministic=not train)(jax.nn.relu(x))
        return flax.linen.Dense(1)(x)


def test_own_folder_and_own_network_to_samples(pictures):
    feed = mapped(
        on_device(image_folder(pictures, size=(16, 16)), batch_size=8, seed=0),
        lambda batch: {"x": scale_pixels(batch["image"], low=-1.0)},
    )
    latent, size = standard_normal((8,)), 16 * 16 * 3
    generator = nn.ImageMLP(nn.MLP(features=size, hidden=(16,)), (16, 16, 3))
    game = gan(generator, Judge(), loss=non_saturating(), latent=latent)
    update = minimax(game, optax.adam(1e-3), optax.adam(1e-3))
    state = fit(update, feed, key=KEY, steps=6, show_progress=False)
    z, _ = latent.sample({}, KEY, 5)
    images = generator.apply(state.evaluated["generator"], z)
    assert images.shape == (5, 16, 16, 3)


def test_own_folder_and_own_resnet_to_features(pictures):
    images = image_folder(pictures, size=(16, 16)).arrays["image"]
    source = ArraySource({"x": np.asarray(scale_pixels(images))})
    encoder = nn.as_network(nn.ResNet(features=8, widths=(4, 8), blocks=1), user="task")
    objective = simclr(
        encoder, nn.MLP(features=4, hidden=(8,)), augment=lambda key, x: x[:, :, ::-1]
    )
    update = gradient_descent(objective, optax.adam(1e-3))
    feed = on_device(source, batch_size=8, seed=0)
    state = fit(update, feed, key=KEY, steps=4, chunk=1, show_progress=False)
    own = {name: part["encoder"] for name, part in state.evaluated.items()}
    assert encoder.apply(own, jnp.asarray(source.arrays["x"])).shape == (80, 8)


def regression():
    x = RANDOM.normal(size=(64, 3)).astype(np.float32)
    return ArraySource({"x": x[:, :2], "condition": x})


def test_own_nnx_model_to_a_conditional_density():
    def model(rngs):
        return nnx.Linear(8, 4, rngs=rngs)

    encoder = nn.MLP(features=8, hidden=(8,))
    objective = conditional_likelihood(conditional_normal(nn.from_nnx(model)), encoder)
    update = gradient_descent(objective, optax.adam(1e-2))
    feed = on_device(regression(), batch_size=16, seed=0)
    state = fit(update, feed, key=KEY, steps=10, show_progress=False)
    assert int(state.step) == 10


def test_save_load_fine_tune(tmp_path):
    model = conditional_normal(nn.MLP(features=4, hidden=(8,)))
    objective, feed = (
        negative_log_likelihood(model),
        on_device(regression(), batch_size=16, seed=0),
    )
    first = gradient_descent(objective, optax.adam(1e-2))
    state = fit(first, feed, key=KEY, steps=10, show_progress=False)
    path = tmp_path / "model.safetensors"
    save_variables(path, state.evaluated, config={"hidden": 8})
    assert read_config(path) == {"hidden": 8}
    slow = freeze(optax.sgd(1e-3), lambda name: name.startswith("Dense_0"))
    second = gradient_descent(objective, slow)
    start = second.init(KEY, feed.example)
    start = start._replace(variables=load_variables(path, start.variables))
    tuned = fit(second, feed, key=KEY, steps=5, start=start, show_progress=False)
    old, new = (s.variables["params"]["Dense_0"]["kernel"] for s in (state, tuned))
    np.testing.assert_array_equal(old, new)


def test_a_checkpoint_to_a_model_of_another_optimiser(tmp_path):
    model = conditional_normal(nn.MLP(features=4, hidden=(8,)))
    update = gradient_descent(negative_log_likelihood(model), optax.adam(1e-2))
    feed = on_device(regression(), batch_size=16, seed=0)
    with Checkpoints(tmp_path, config={}) as checkpoints:
        fit(
            update, feed, key=KEY, steps=6, checkpoints=checkpoints, show_progress=False
        )
        batch = feed.example
        template = model.init(KEY, batch["x"], batch["condition"])
        variables = checkpoints.restore_variables(template)
    assert np.isfinite(model.log_prob(variables, batch["x"], batch["condition"])).all()


def test_own_function_to_a_flow():
    def function(scale, x):
        first, last = jnp.split(x, 2)
        return jnp.concatenate([first, last * jnp.exp(jnp.sin(scale * first))])

    own = invertible(function, lambda key, x: jnp.ones(()))
    model = density(own, standard_normal((2,)))
    variables = model.init(KEY, jnp.zeros((1, 2)))
    x, log_prob = model.sample(variables, KEY, 50)
    np.testing.assert_allclose(model.log_prob(variables, x), log_prob, atol=1e-4)


def test_all_devices_of_this_machine():
    model = conditional_normal(nn.MLP(features=4, hidden=(8,)))
    update = gradient_descent(negative_log_likelihood(model), optax.adam(1e-2))
    mesh, feed = device_mesh(), on_device(regression(), batch_size=16, seed=0)
    shared = data_parallel(update, mesh), shard_pipeline(feed, mesh)
    assert int(fit(*shared, key=KEY, steps=4, show_progress=False).step) == 4


def test_bfloat16():
    model = negative_log_likelihood(conditional_normal(nn.MLP(features=4, hidden=(8,))))
    half = {k: jnp.asarray(v, jnp.bfloat16) for k, v in regression().arrays.items()}
    value, _ = model.loss(model.init(KEY, half), half, KEY)
    assert value.dtype == jnp.float32


def test_a_run_to_a_file_of_variables(table):
    command("export", table / "run", "--out", table / "model.safetensors")
    config = read_config(table / "model.safetensors")
    assert (config["experiment"], config["hidden"]) == ("autoregressive/custom", 8)


def test_an_interrupted_cell_is_gone_on_with(tmp_path):
    model = conditional_normal(nn.MLP(features=4, hidden=(8,)))
    update = gradient_descent(negative_log_likelihood(model), optax.adam(1e-2))
    feed = on_device(regression(), batch_size=16, seed=0)
    how = {"key": KEY, "steps": 12, "chunk": 2, "show_progress": False}

    def interrupt(step, metrics):
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    with Checkpoints(tmp_path, config={}) as checkpoints:
        saved = {"checkpoints": checkpoints, "resume": True}
        with pytest.raises(KeyboardInterrupt):
            fit(update, feed, writers=[interrupt], **saved, **how)
        state = fit(update, feed, **saved, **how)
    whole = fit(update, feed, **how)
    jax.tree.map(np.testing.assert_array_equal, state.variables, whole.variables)


def test_own_samples_beside_the_value_of_real_data():
    real = jnp.asarray(RANDOM.normal(size=(400, 2)), jnp.float32)
    found = with_floor(energy_distance, KEY, real, real[:200] + 3.0)
    assert found.floor < 0.1 < found.value


def test_what_there_is(capsys):
    for arguments in ([], ["flows"], ["show", "realnvp_moons"], ["--version"]):
        assert main(arguments) == 0
    assert main(["realnvp_moon"]) == 2
    assert "did you mean flows/realnvp_moons" in capsys.readouterr().err
