"""Runs of several processes that the tests start."""

import socket
import subprocess
import sys

# Joined to the other process, with its rows, an update over both, and two devices each.
JOINED = """
import sys
import jax
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 2)
from genjax.training import data_parallel, device_mesh, fit, initialize, shard_pipeline
address, process = sys.argv[1], int(sys.argv[2])
initialize(address, processes=2, process=process, timeout=60)
import numpy as np
from genjax.data import ArraySource, Share, in_memory
from tests.laws.instances import batch
from tests.laws.registry import UPDATES
with jax.default_device(jax.local_devices()[0]):
    source = ArraySource({"x": np.asarray(batch(64)["x"])})
    pipeline = in_memory(source, batch_size=16, seed=0)
    mesh = device_mesh()
    assert mesh.size == 4, mesh
update = data_parallel(UPDATES["nade"].method, mesh)
"""


def free_address():
    """An address on this machine where a coordinator may listen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def finished(script, *arguments, **settings):
    """Runs a script in a process of its own, to its end."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **settings)


def joined(script, *arguments, **streams):
    """Starts a script in two processes that are one run."""
    command = [sys.executable, "-c", JOINED + script, free_address()]
    return [
        subprocess.Popen([*command, str(i), *arguments], text=True, **streams)
        for i in range(2)
    ]


def finish(processes, *, timeout):
    """Waits for processes that must end well."""
    for process in processes:
        _, errors = process.communicate(timeout=timeout)
        assert process.returncode == 0, errors[-3000:]
