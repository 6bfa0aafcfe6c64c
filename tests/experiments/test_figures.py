"""Reproductions of published figures, each by the experiment that states them."""

import pytest

from experiments.catalogue import load


def reproduce(name, tmp_path, **fields):
    module = load(name)
    config = module.Config(workdir=str(tmp_path / "run"), progress=False, **fields)
    result = module.main(config)
    assert result["passed"], result["metrics"]


EMBEDDED = [
    "autoregressive/digits",
    "autoregressive/nade_digits",
    "autoregressive/red_wine_like",
    "bias/perceptron",
    "composition/nade_vae",
    "detection/scenes",
    "flows/digits",
    "flows/realnvp_moons",
    "flows/rectified_digits",
    "flows/rectified_toy",
    "flows/toy",
    "gan/bilinear",
    "gan/digits",
    "gan/dirac",
    "gan/grid",
    "gan/ring",
    "gan/stacked_digits",
    "mutual_information/staircase",
    "receptive_field/zoo",
    "self_supervised/dim_digits",
    "self_supervised/simclr_digits",
    "smooth/imbalanced",
    "vae/digits",
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    EMBEDDED,
)
def test_embedded_experiments_meet_their_cards(name, tmp_path):
    reproduce(name, tmp_path)


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", ["nade", "made"])
def test_models_reach_their_published_likelihood(model, shared_data, tmp_path):
    data = shared_data / "binarized_mnist" / "binarized_mnist.npz"
    fields = {"data": str(data), "model": model}
    reproduce("autoregressive/binarized_mnist", tmp_path, **fields)
