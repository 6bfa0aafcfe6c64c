"""Whether all processes of a run are there, at its start and while it goes on.

JAX's runtime ends the interpreter, without a word of ours, where a process does not
come; where one has died it lets the others wait for a minute, and ends them too.
"""

import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from types import TracebackType
from typing import NoReturn, TypeAlias

from genjax.errors import InputError, RunError

END = b"e"
"""What a process tells the others at the end of its program."""
STATUS = 2
"""The exit status of a process that has lost another one."""
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""Seconds of silence, seconds between questions, and how many without an answer."""

Links: TypeAlias = Mapping[int, socket.socket]


def meet(coordinator: str, *, processes: int, process: int, timeout: int) -> Links:
    """Returns once every process has called it, by plain connections to process 0.

    Args:
        coordinator: `host:port` of process 0.
        processes: how many processes there are.
        process: the index of this one.
        timeout: seconds to wait for the others.

    Returns:
        The connections, by the processes at their other ends.

    Raises:
        InputError: `coordinator` is no `host:port`.
        RunError: process 0 cannot listen there, or not all came in time.

    >>> from genjax.training._meeting import meet
    >>> meet("localhost:1", processes=1, process=0, timeout=1)
    {}
    """
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise InputError(
            f"initialize: the coordinator must be host:port, got {coordinator!r}."
        )
    deadline = time.monotonic() + timeout
    if processes == 1:
        return {}
    if process == 0:
        return _receive(int(port), set(range(1, processes)), deadline, timeout)
    return {0: _join(host, int(port), process, deadline, timeout)}


def watch(links: Links) -> None:
    """Ends this process when another one ends before its program does.

    It does so with a sentence and the status 2: at once where the other has died or
    has raised what nothing catches, after two minutes where its machine has gone.
    `say_end` is what a program says of its end.

    Args:
        links: of `meet`, by the processes at their other ends.

    >>> from genjax.training._meeting import watch
    >>> watch({})
    """
    if not links:
        return
    for link in links.values():
        link.settimeout(None)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            if hasattr(socket, option):
                link.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    threading.Thread(target=_until_one_is_lost, args=(links,), daemon=True).start()
    if not hasattr(sys, "ps1"):
        sys.excepthook = partial(_show_and_end, sys.excepthook)


def say_end(links: Links, process_id: int) -> None:
    """Tells the others that the program has ended.

    Args:
        links: of `meet`.
        process_id: of whom it is to say so: a fork of it does not.

    >>> import os
    >>> from genjax.training._meeting import say_end
    >>> say_end({}, os.getpid())
    """
    if os.getpid() == process_id:
        _send(links, END)


def _send(links: Links, what: bytes) -> None:
    for link in links.values():
        with suppress(OSError):
            link.sendall(what)


def _until_one_is_lost(links: Links) -> None:
    with selectors.DefaultSelector() as selector:
        for process, link in links.items():
            selector.register(link, selectors.EVENT_READ, process)
        while selector.get_map():
            for key, _ in selector.select():
                selector.unregister(key.fileobj)
                said = b""
                with suppress(OSError):
                    said = links[key.data].recv(16)
                if said != END:
                    # Process 0 has all the links, and says whom it has lost.
                    lost = int(said) if said.isdigit() else key.data
                    _send(links, str(lost).encode())
                    os.write(2, _sentence(lost).encode())
                    end_at_once(STATUS)


def _sentence(lost: int) -> str:
    return (
        f"error: process {lost} of this run has ended before its program did: this one "
        "ends too. The checkpoints of earlier steps are whole.\n"
    )


def _show_and_end(
    show: Callable[..., object],
    kind: type[BaseException],
    error: BaseException,
    traceback: TracebackType | None,
) -> None:
    # Where it is the loss of another process that a collective has raised, the thread
    # that watches ends this one first.
    time.sleep(1)
    show(kind, error, traceback)
    end_at_once(1)


def end_at_once(status: int) -> NoReturn:
    """Ends this process without JAX's barrier, which waits for all the others.

    Args:
        status: of its exit.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _receive(port: int, missing: set[int], deadline: float, timeout: int) -> Links:
    others: dict[int, socket.socket] = {}
    try:
        server = socket.create_server(("", port))
    except OSError as error:
        raise RunError(
            f"initialize: process 0 cannot listen on port {port}: {error.strerror}."
        ) from error
    with server, ExitStack() as unless_all_came:
        while missing:
            server.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                other, _ = server.accept()
            except TimeoutError as error:
                raise RunError(
                    f"initialize: the processes {sorted(missing)} did not come within "
                    f"{timeout} s."
                ) from error
            unless_all_came.enter_context(other)
            other.settimeout(5)
            said = b""
            with suppress(OSError):
                said = other.recv(16)
            if said.isdigit() and int(said) in missing:
                missing.discard(int(said))
                others[int(said)] = other
            else:
                other.close()  # a stranger
        _send(others, b"go")
        unless_all_came.pop_all()
    return others


def _join(
    host: str, port: int, process: int, deadline: float, timeout: int
) -> socket.socket:
    while time.monotonic() < deadline:
        left = max(deadline - time.monotonic(), 0.01)
        with suppress(OSError):
            server = socket.create_connection((host, port), timeout=left)
            with suppress(OSError):
                server.sendall(str(process).encode())
                if server.recv(2) == b"go":
                    return server
            server.close()
        time.sleep(0.1)
    raise RunError(
        f"initialize: process {process} found no process 0 at {host}:{port}, or others "
        f"did not come, within {timeout} s."
    )
