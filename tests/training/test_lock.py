import subprocess
import sys

import pytest

from genjax.errors import RunError
from genjax.training import Checkpoints

HOLDER = """
import sys, time
from genjax.training import Checkpoints
with Checkpoints(sys.argv[1], config={}):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_run_has_one_folder_until_its_process_ends(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(
            RunError, match=f"is being written by process {holder.pid} on"
        ):
            Checkpoints(tmp_path, config={})
        Checkpoints(tmp_path, config={}, read_only=True).close()
        holder.kill()
    Checkpoints(tmp_path, config={}).close()
