import signal
import threading

from genjax.training._interrupt import SIGNALS, catch_signals


def test_signals_are_noted_and_handlers_put_back():
    before = [signal.getsignal(s) for s in SIGNALS]
    with catch_signals() as caught:
        assert caught() is None
        signal.raise_signal(signal.SIGTERM)
        assert caught() is signal.SIGTERM
    assert [signal.getsignal(s) for s in SIGNALS] == before


def test_other_threads_catch_nothing():
    results = []

    def run():
        with catch_signals() as caught:
            results.append(caught())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert results == [None]
