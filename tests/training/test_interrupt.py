import re
import signal
import subprocess
import threading

from genjax.training._interrupt import SIGNALS, catch_signals
from tests.processes import joined


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


PROCESS = """
def tell(step, metrics):
    print(step, flush=True)

fitted = fit(
    update, shard_pipeline(pipeline, mesh), key=jax.random.key(0), steps=10**7,
    chunk=10, writers=[tell], show_progress=False,
)
print("ended", fitted.step, fitted.signal.name, flush=True)
"""


def test_two_hosts_stop_at_one_step_when_one_of_them_is_told():
    processes = joined(PROCESS, stdout=subprocess.PIPE)
    processes[0].stdout.readline()
    processes[1].send_signal(signal.SIGTERM)
    # Gloo's own line may come last: it's flushed when a process ends.
    printed = [p.communicate(timeout=60)[0] for p in processes]
    ends = [re.findall(r"^ended \d+ SIGTERM$", text, re.MULTILINE) for text in printed]
    assert len(ends[0]) == 1
    assert ends[0] == ends[1]
