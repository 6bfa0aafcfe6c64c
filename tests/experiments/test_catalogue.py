import pytest

from experiments.catalogue import FIELDS, experiments, load, read_card, resolve
from experiments.listing import card_of, cards_of, listing
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


def test_the_listing_fits_a_terminal_and_cuts_no_word():
    lines = listing().splitlines()
    assert len(lines) <= 70
    assert max(map(len, lines)) <= 80
    for name in experiments():
        card = read_card(name)
        assert f"{card.title.rstrip('.')} " in listing()
        assert card.time.split()[1] in ("s", "min")
        assert card_of(name).startswith(f"{name}: ")
    assert "autoregressive/nade_digits: NADE" in cards_of("autoregressive")


def test_a_tail_that_is_unique_is_a_name():
    assert resolve("realnvp_moons") == "flows/realnvp_moons"
    with pytest.raises(InputError, match="one of autoregressive/digits, flows/digits"):
        resolve("digits")


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(InputError, match="did you mean autoregressive/nade_digits"):
        load("autoregressive/nade_digit")
    with pytest.raises(InputError, match="flows/realnvp_moons"):
        load("realnvp_moon")
    with pytest.raises(InputError, match="`python -m experiments` lists them"):
        load("zzz")
