import pytest

from experiments.catalogue import FIELDS, experiments, load, read_card
from genjax.errors import InputError


@pytest.mark.parametrize("name", experiments())
def test_every_experiment_has_a_whole_card(name):
    card = read_card(name)
    assert set(card.fields) == set(FIELDS)
    assert f"python -m experiments {name}" in card.fields["Command"]
    module = load(name)
    for part in ("Config", "SMOKE", "EXPECTED", "build", "main"):
        assert hasattr(module, part)
    assert set(module.SMOKE) <= set(module.Config.__dataclass_fields__)


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(InputError, match="did you mean autoregressive/nade_digits"):
        load("autoregressive/nade_digit")
    with pytest.raises(InputError, match="flows/realnvp_moons"):
        load("realnvp_moon")
    with pytest.raises(InputError, match=r"there are \['autoregressive"):
        load("zzz")
