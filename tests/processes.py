"""Runs of several processes that the tests start."""

import socket
import subprocess
import sys


def free_address():
    """An address on this machine where a coordinator may listen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def finished(script, *arguments, **settings):
    """Runs a script in a process of its own, to its end."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **settings)


def finish(processes, *, timeout):
    """Waits for processes that must end well."""
    for process in processes:
        _, errors = process.communicate(timeout=timeout)
        assert process.returncode == 0, errors[-3000:]
