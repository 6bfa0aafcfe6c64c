import pytest

from genjax.errors import InputError
from genjax.nn._mode import FLAGS, call_flags


def module(call):
    return type("Module", (), {"__call__": call})


@pytest.mark.parametrize("name", FLAGS)
def test_every_name_of_the_mode_is_found(name):
    scope = {}
    exec(f"def call(self, x, *, {name}=None): ...", scope)
    assert call_flags(module(scope["call"]), door="door") == [name]


def test_what_has_no_mode_has_no_flag():
    assert call_flags(module(lambda self, x, scale=2.0: x), door="door") == []


@pytest.mark.parametrize(
    "call",
    [
        lambda self, x, is_quiet=True: x,
        lambda self, x, *, mode: x,
        lambda self, x, **options: x,
    ],
    ids=["a switch", "a required keyword", "any keyword"],
)
def test_what_may_be_the_mode_is_asked_for(call):
    with pytest.raises(InputError, match=r"nn\.door\(\.\.\., train=\.\.\., evaluate"):
        call_flags(module(call), door="door")


def test_a_known_name_settles_the_other_switches():
    found = call_flags(module(lambda self, x, sow=False, train=False: x), door="door")
    assert found == ["train"]
