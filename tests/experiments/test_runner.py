import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.config import TaskConfig
from experiments.recipe import descent
from experiments.runner import (
    Interrupted,
    Study,
    Task,
    restore,
    run,
    sample,
    series_of,
)
from genjax.data import ArraySource, on_device
from genjax.densities import diagonal_normal, negative_log_likelihood
from genjax.errors import InputError
from genjax.gan import minimax
from genjax.plotting import curves
from genjax.training import read_jsonl
from tests.laws.instances import tiny_gan

NAME = "flows/realnvp_moons"
MODEL = diagonal_normal((2,))
X = np.asarray(3 + 2 * jax.random.normal(jax.random.key(0), (256, 2)))


def build(config):
    def nll(variables):
        return -MODEL.log_prob(variables, jnp.asarray(X)).mean()

    return Task(
        update=descent(config, negative_log_likelihood(MODEL), weight_decay=0.0),
        pipeline=on_device(
            ArraySource({"x": X}), batch_size=config.batch_size, seed=config.seed
        ),
        validate=nll,
        evaluate=lambda variables: {"nll": nll(variables)},
        sample=lambda variables, key, n: MODEL.sample(variables, key, n)[0],
        draw=lambda points: curves({"x": (range(len(points)), points[:, 0])}),
    )


def config_of(folder, **fields):
    fields = {"steps": 60, "evaluate_every": 20, "chunk": 20, **fields}
    return TaskConfig(workdir=str(folder), progress=False, **fields)


def test_what_is_evaluated_is_the_average_of_the_best_checkpoint(tmp_path):
    config = config_of(tmp_path, learning_rate=0.05, ema=0.9)
    expected = {"nll": {"at_most": 10.0}}
    result = run(NAME, config, build, expected)
    assert result["passed"]
    task, variables = restore(config, build, tmp_path)
    again = float(task.validate(variables))
    assert result["metrics"]["nll"] == pytest.approx(again, rel=1e-6)
    rows = read_jsonl(tmp_path / "metrics.jsonl")
    scores = [row["validation"] for row in rows if "validation" in row]
    assert min(scores) == pytest.approx(again, rel=1e-6)
    picture = sample(config, build, tmp_path, 3, 0)
    assert picture.exists()
    assert np.load(picture.with_suffix(".npy")).shape == (3, 2)


def test_seeds_run_side_by_side(tmp_path):
    result = run(NAME, config_of(tmp_path, seeds=2), build, {})
    each = result["metrics"]["nll_of_seeds"]
    assert len(each) == 2
    assert result["metrics"]["nll"] == pytest.approx(np.mean(each))


def test_a_missed_expectation_is_told(tmp_path):
    result = run(NAME, config_of(tmp_path), build, {"nll": {"at_most": 0.0}})
    assert not result["passed"]


def test_a_folder_belongs_to_one_run(tmp_path):
    run(NAME, config_of(tmp_path), build, {})
    with pytest.raises(InputError, match="already holds a run"):
        run(NAME, config_of(tmp_path), build, {})
    with pytest.raises(InputError, match=f"a run of {NAME}, not of flows/toy"):
        run("flows/toy", config_of(tmp_path, resume=True), build, {})


def test_a_study_is_measured_and_takes_no_devices(tmp_path):
    study = Study(lambda folder: ({"one": jnp.ones(())}, {}))
    result = run(NAME, config_of(tmp_path / "a"), lambda config: study, {})
    assert result["metrics"] == {"one": 1.0}
    longer = config_of(tmp_path / "a", resume=True, steps=70)
    with pytest.raises(InputError, match="a run of it cannot be made longer"):
        run(NAME, longer, lambda config: study, {})
    with pytest.raises(InputError, match="is a study: it takes no --devices"):
        run(
            NAME,
            config_of(tmp_path / "b", devices=2),
            lambda config: study,
            {},
        )


def test_a_study_of_several_seeds_says_so(tmp_path):
    def measure(folder):
        return {"one": 0.5, "one_of_seeds": [0.25, np.float32(0.75)]}, {}

    config = config_of(tmp_path / "a", seeds=2)
    result = run(NAME, config, lambda config: Study(measure, takes_seeds=True), {})
    assert result["metrics"]["one_of_seeds"] == [0.25, 0.75]
    assert "0.5000 +- 0.3536" in (tmp_path / "a" / "report.md").read_text()
    with pytest.raises(InputError, match=f"{NAME} takes no --seeds"):
        run(NAME, config_of(tmp_path / "b", seeds=2), lambda c: Study(measure), {})


def test_an_interrupted_evaluation_says_what_is_saved(tmp_path):
    def interrupted(config):
        def evaluate(variables):
            raise KeyboardInterrupt

        return build(config)._replace(evaluate=evaluate)

    said = "SIGINT after all 60 steps, which are saved; go on with: python -m exper"
    with pytest.raises(Interrupted, match=said):
        run(NAME, config_of(tmp_path), interrupted, {})
    assert run(NAME, config_of(tmp_path, resume=True), build, {})["passed"]


def test_counts_and_what_is_undefined_are_told_as_they_are(tmp_path):
    def of(config):
        found = {"modes": jnp.int32(8), "score": float("nan")}
        return Study(lambda folder: (found, {}))

    run(NAME, config_of(tmp_path), of, {})
    report = (tmp_path / "report.md").read_text()
    assert "| modes | 8 |" in report
    assert "| score | undefined |" in report


def test_every_player_of_a_game_has_a_curve():
    update = minimax(tiny_gan(), optax.sgd(0.1), optax.sgd(0.1))
    batch = {"x": jax.random.normal(jax.random.key(7), (8, 4))}
    _, metrics = update.step(update.init(jax.random.key(0), batch), batch)
    row = {"step": 1, **{name: float(value) for name, value in metrics.items()}}
    series = series_of([row, {"step": 2, "validation": 0.5}])
    assert set(series) == {"generator loss", "discriminator loss", "validation"}
    assert series["validation"] == ([2], [0.5])
