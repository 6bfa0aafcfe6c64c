"""Whether all processes of a run are there, before the runtime that cannot say so."""

import socket
import time

from genjax.errors import InputError, RunError


def meet(coordinator: str, *, processes: int, process: int, timeout: int) -> None:
    """Returns once every process has called it, by plain connections to process 0.

    Args:
        coordinator: `host:port` of process 0.
        processes: how many processes there are.
        process: the index of this one.
        timeout: seconds to wait for the others.

    Raises:
        InputError: `coordinator` is no `host:port`.
        RunError: process 0 cannot listen there, or not all came in time.

    >>> meet("localhost:1", processes=1, process=0, timeout=1)
    """
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise InputError(
            f"initialize: the coordinator must be host:port, got {coordinator!r}."
        )
    deadline = time.monotonic() + timeout
    if processes == 1:
        return
    if process == 0:
        _receive(int(port), set(range(1, processes)), deadline, timeout)
    else:
        _join(host, int(port), process, deadline, timeout)


def _receive(port: int, missing: set[int], deadline: float, timeout: int) -> None:
    others = []
    try:
        server = socket.create_server(("", port))
    except OSError as error:
        raise RunError(
            f"initialize: process 0 cannot listen on port {port}: {error.strerror}."
        ) from error
    with server:
        while missing:
            server.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                other, _ = server.accept()
                other.settimeout(max(deadline - time.monotonic(), 0.01))
                missing.discard(int(other.recv(16) or -1))
            except TimeoutError as error:
                raise RunError(
                    f"initialize: the processes {sorted(missing)} did not come within "
                    f"{timeout} s."
                ) from error
            except ValueError:
                continue  # a stranger
            others.append(other)
        for other in others:
            other.sendall(b"go")
            other.close()


def _join(host: str, port: int, process: int, deadline: float, timeout: int) -> None:
    while time.monotonic() < deadline:
        try:
            left = max(deadline - time.monotonic(), 0.01)
            with socket.create_connection((host, port), timeout=left) as server:
                server.sendall(str(process).encode())
                if server.recv(2) == b"go":
                    return
        except OSError:
            time.sleep(0.1)
    raise RunError(
        f"initialize: process {process} found no process 0 at {host}:{port}, or others "
        f"did not come, within {timeout} s."
    )
