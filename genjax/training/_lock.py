"""What keeps a folder of checkpoints to one process, and its libraries quiet."""

import fcntl
import logging
import os
import socket
from pathlib import Path
from typing import IO

from genjax.errors import RunError


def locked(directory: Path) -> IO[str]:
    """Opens the lock of a folder, which the system frees when its holder ends."""
    file = (directory / ".lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "another process"
        file.close()
        raise RunError(
            f"{directory} is being written by {holder}: one run has one folder."
        ) from error
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file


def quieten() -> None:
    """Keeps the libraries' own reports of damage off the screen: ours is a sentence."""
    logging.getLogger("absl").addFilter(_is_not_of_orbax)
    # What is read or written beside a failure is abandoned, and reported later.
    logging.getLogger("asyncio").addFilter(_is_not_of_tensorstore)
    logging.getLogger("concurrent.futures").addFilter(_is_not_of_a_closed_loop)


def _is_not_of_orbax(record: logging.LogRecord) -> bool:
    return record.levelno < logging.WARNING or "orbax" not in record.pathname


def _is_not_of_tensorstore(record: logging.LogRecord) -> bool:
    return "tensorstore_spec" not in record.getMessage()


def _is_not_of_a_closed_loop(record: logging.LogRecord) -> bool:
    return record.exc_info is None or "loop is closed" not in str(record.exc_info[1])
