import pytest

from genjax.errors import InputError
from genjax.nn._mode import FLAGS, both_modes, call_flags


def flags_of(call):
    return call_flags(call, name="Module", remedy=both_modes("door"))


@pytest.mark.parametrize("name", FLAGS)
def test_every_name_of_the_mode_is_found(name):
    scope = {}
    exec(f"def call(self, x, *, {name}=None): ...", scope)
    assert flags_of(scope["call"]) == [name]


def test_what_has_no_mode_has_no_flag():
    assert flags_of(lambda self, x, scale=2.0, condition=None: x) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda self, x, is_quiet=True: x,
        lambda self, x, *, mode: x,
        lambda self, x, **options: x,
        lambda self, x, is_train: x,
        lambda self, x, is_eval=None: x,
        lambda self, x, phase=1: x,
        lambda self, x, path="noisy": x,
        lambda self, x, train=False, is_eval=True: x,
    ],
    ids=[
        "a switch",
        "a required keyword",
        "any keyword",
        "a required argument",
        "nothing",
        "a number",
        "a word",
        "two modes",
    ],
)
def test_what_may_be_the_mode_is_asked_for(call):
    with pytest.raises(InputError, match=r"nn\.door\(\.\.\., train=\.\.\., evaluate"):
        flags_of(call)


def test_a_known_name_settles_the_other_switches():
    assert flags_of(lambda self, x, sow=False, train=False: x) == ["train"]
