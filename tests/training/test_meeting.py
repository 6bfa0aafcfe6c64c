import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest

from genjax.errors import InputError, RunError
from genjax.training import initialize
from genjax.training._meeting import meet
from tests.processes import free_address


def test_all_go_on_once_the_last_one_is_there():
    come = partial(meet, free_address(), processes=3, timeout=20)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda i: come(process=i), (2, 1, 0)))
    assert [sorted(links) for links in found] == [[0], [0], [1, 2]]
    for link in (link for links in found for link in links.values()):
        link.close()


def test_strangers_are_no_processes():
    address = free_address()
    host, port = address.split(":")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(meet, address, processes=2, process=0, timeout=20)
        for said in (b"", b"GET /", b"7", b"0"):
            for _ in range(100):
                with suppress(OSError):
                    stranger = socket.create_connection((host, int(port)), timeout=5)
                    break
                time.sleep(0.05)
            with stranger:
                stranger.sendall(said)
        second = pool.submit(meet, address, processes=2, process=1, timeout=20)
        links = first.result(), second.result()
    assert [sorted(one) for one in links] == [[1], [0]]
    for link in (link for one in links for link in one.values()):
        link.close()


WATCHING = """
import sys, time
from genjax.training._meeting import meet, watch
process = int(sys.argv[2])
watch(meet(sys.argv[1], processes=3, process=process, timeout=120))
print("there", flush=True)
time.sleep(1 if process == 2 else 300)
raise SystemError("this one fails")
"""


def test_every_process_names_the_one_that_failed():
    address = free_address()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WATCHING, address, str(i)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(3)
    ]
    errors = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [2, 2, 1]
    assert "SystemError: this one fails" in errors[2]
    for told in errors[:2]:
        assert told.startswith("error: process 2 of this run has ended")


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
