from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from genjax.errors import InputError, RunError
from genjax.training import initialize
from genjax.training._meeting import meet
from tests.processes import free_address


def test_all_go_on_once_the_last_one_is_there():
    come = partial(meet, free_address(), processes=3, timeout=20)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda i: come(process=i), (2, 1, 0)))


@pytest.mark.parametrize(
    ("process", "sentence"),
    [
        (0, r"the processes \[1, 2\] did not come within 1 s"),
        (1, "process 1 found no process 0 at"),
    ],
)
def test_who_waits_in_vain_says_for_whom(process, sentence):
    with pytest.raises(RunError, match=sentence):
        initialize(free_address(), processes=3, process=process, timeout=1)


@pytest.mark.parametrize(
    "coordinator", ["", "host", ":1", "host:", "host:x", "a:99999"]
)
def test_a_coordinator_is_an_address(coordinator):
    with pytest.raises(InputError, match="must be host:port, got"):
        initialize(coordinator, processes=2, process=0)


def test_what_the_environment_does_not_give_is_asked_for():
    with pytest.raises(InputError, match="Name coordinator, processes and process"):
        initialize("localhost:1")
