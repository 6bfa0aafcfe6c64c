"""Signals that end a run in good order."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import jax
import numpy as np
from jax.experimental import multihost_utils

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def catch_signals() -> Iterator[Callable[[], signal.Signals | None]]:
    """Notes SIGINT and SIGTERM instead of dying of them.

    A second signal acts as it always does. Outside the main thread nothing is caught,
    since Python delivers signals there alone.

    Returns:
        A function that returns the signal that came, or None.

    >>> import signal
    >>> from genjax.training._interrupt import catch_signals
    >>> with catch_signals() as caught:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     print(caught().name)
    SIGTERM
    """
    came: list[signal.Signals] = []
    main = threading.current_thread() is threading.main_thread()
    before = {s: signal.getsignal(s) for s in SIGNALS} if main else {}

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(signal.Signals(number))
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: came[0] if came else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def agreed(caught: signal.Signals | None) -> signal.Signals | None:
    """Returns the signal that any process of the run has caught.

    All of them call it after the same step, so that all stop there.

    Args:
        caught: what this process has caught.

    >>> from genjax.training._interrupt import agreed
    >>> agreed(None) is None
    True
    """
    if jax.process_count() == 1:
        return caught
    numbers = multihost_utils.process_allgather(np.int32(caught or 0))
    number = int(np.max(numbers))
    return signal.Signals(number) if number else None
