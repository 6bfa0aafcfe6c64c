import os
import resource
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.base import TrainState
from genjax.errors import InputError, RunError
from genjax.training import Checkpoints, data_parallel, device_mesh
from tests.laws.compare import assert_equal
from tests.laws.instances import batch
from tests.laws.registry import UPDATES
from tests.processes import finished

# A loader that meets damage leaves its threads to report it on their own.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::pytest.PytestUnhandledThreadExceptionWarning",
)


def trained(seed=0):
    update = UPDATES["with_ema"].method
    state = jax.jit(update.init)(jax.random.key(seed), batch())
    return jax.jit(update.step)(state, batch())[0]


def test_what_is_saved_is_restored_bit_for_bit(tmp_path):
    state = trained()
    with Checkpoints(tmp_path, config={"a": 1}) as checkpoints:
        checkpoints.save(1, state)
    with Checkpoints(tmp_path, config={"a": 1}) as checkpoints:
        assert checkpoints.latest == 1
        assert_equal(checkpoints.restore(trained(seed=1)), state)


def test_latest_and_best_are_kept(tmp_path):
    state = trained()
    with Checkpoints(tmp_path, config={}, metric="nll") as checkpoints:
        for step, nll in enumerate([3.0, 1.0, 2.0, 2.5, 4.0]):
            checkpoints.save(step, state, {"nll": nll})
        checkpoints.wait()
        assert checkpoints.latest == 4
        assert checkpoints.best == 1
    kept = sorted(int(p.name) for p in tmp_path.iterdir() if p.name.isdigit())
    assert kept == [1, 3, 4]


def test_another_configuration_is_refused_by_its_fields(tmp_path):
    with Checkpoints(tmp_path, config={"a": 1, "b": 2}) as checkpoints:
        checkpoints.save(1, trained())
    with pytest.raises(InputError, match=r"a = 1 there, 3 here; c = 'absent' there"):
        Checkpoints(tmp_path, config={"a": 3, "b": 2, "c": 4})


@pytest.mark.skipif(jax.device_count() < 8, reason="needs 8 devices")
@pytest.mark.parametrize(("saved_on", "restored_on"), [(8, 2), (8, 1), (1, 8)])
def test_restored_on_another_number_of_devices(tmp_path, saved_on, restored_on):
    def start(devices):
        update = data_parallel(
            UPDATES["nade"].method, device_mesh(devices), fully_sharded=True
        )
        return update.init(jax.random.key(devices), batch())

    state = start(saved_on)
    with Checkpoints(tmp_path, config={}) as checkpoints:
        checkpoints.save(1, state)
        checkpoints.wait()
        restored = checkpoints.restore(start(restored_on))
    assert_equal(restored, state)
    devices = jax.tree.leaves(restored.variables)[0].sharding.device_set
    assert len(devices) == restored_on


def test_a_flipped_bit_in_a_payload_names_its_leaf(tmp_path):
    state = trained()
    large = state._replace(variables={"params": {"W": jnp.arange(9999.0)}})
    with Checkpoints(tmp_path, config={}) as checkpoints:
        checkpoints.save(1, large)
    payloads = [
        p for p in (tmp_path / "1" / "state").rglob("d/*") if p.stat().st_size > 300
    ]
    assert payloads
    random = np.random.default_rng(0)
    for path in payloads:
        whole = path.read_bytes()
        for position in random.integers(0, len(whole), 4):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << random.integers(8)
            path.write_bytes(bytes(damaged))
            with (
                Checkpoints(tmp_path, config={}) as checkpoints,
                pytest.raises(InputError, match=r"the leaf \S+ is not"),
            ):
                checkpoints.restore(large)
        path.write_bytes(whole)
    with Checkpoints(tmp_path, config={}) as checkpoints:
        assert_equal(checkpoints.restore(large), large)


def test_an_empty_folder_has_nothing_to_restore(tmp_path):
    with (
        Checkpoints(tmp_path, config={}) as checkpoints,
        pytest.raises(InputError, match="no complete checkpoint"),
    ):
        checkpoints.restore(trained())


def test_a_reader_touches_nothing(tmp_path):
    with Checkpoints(tmp_path, config={}) as checkpoints:
        checkpoints.save(1, trained())
    saving = tmp_path / "2.orbax-checkpoint-tmp"
    saving.mkdir()
    before = sorted(p.name for p in tmp_path.iterdir())
    with Checkpoints(tmp_path, config={}, read_only=True) as checkpoints:
        assert_equal(checkpoints.restore(trained(seed=1)), trained())
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    with pytest.raises(InputError, match="no folder of checkpoints"):
        Checkpoints(tmp_path / "absent", config={}, read_only=True)


def test_an_unwritable_folder_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="cannot write checkpoints to"):
        Checkpoints(tmp_path / "file" / "checkpoints", config={})


def saved(folder, scores, metric="nll"):
    state = trained()
    with Checkpoints(folder, config={}, metric=metric, keep_latest=9) as checkpoints:
        for step, score in enumerate(scores, 1):
            checkpoints.save(step, state, {metric: score})
    return state


def test_a_hundred_saves_hold_no_more_than_one(tmp_path):
    state = TrainState(jnp.zeros(()), jax.random.key(0), {"params": jnp.ones(3)}, ())
    held = []
    with Checkpoints(tmp_path, config={}) as checkpoints:
        for step in range(1, 101):
            checkpoints.save(step, state)
            checkpoints.wait()
            held.append((len(os.listdir("/proc/self/fd")), threading.active_count()))
    assert np.ptp(held[2:], axis=0).max() <= 3


THOUSAND = """
import resource, sys
import jax, jax.numpy as jnp
from genjax.base import TrainState
from genjax.training import Checkpoints
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
state = TrainState(jnp.zeros(()), jax.random.key(0), {"params": jnp.ones(3)}, ())
with Checkpoints(sys.argv[1], config={}) as checkpoints:
    for step in range(1, 1001):
        checkpoints.save(step, state)
    checkpoints.wait()
    print(checkpoints.latest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_thousand_saves_need_few_descriptors(tmp_path):
    done = finished(THOUSAND, tmp_path, check=True)
    latest, kilobytes = map(int, done.stdout.split())
    assert latest == 1000
    assert kilobytes < 2_000_000


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_never_the_best(bad, tmp_path):
    saved(tmp_path, [np.float32(0.5), jnp.array(0.25), bad])
    with Checkpoints(tmp_path, config={}, metric="nll", read_only=True) as checkpoints:
        assert checkpoints.best == 2


def test_a_metric_that_is_missing_is_named(tmp_path):
    with (
        Checkpoints(tmp_path, config={}) as checkpoints,
        pytest.raises(
            InputError, match=r"'loss', which is not among .* \['accuracy'\]"
        ),
    ):
        checkpoints.save(1, trained(), {"accuracy": 0.5})
    assert Checkpoints(tmp_path, config={}).latest is None


def flip(path):
    path.write_text(path.read_text().replace("0.5", "9.5"))


DAMAGES = {
    "a digit of a metric": lambda folder: flip(folder / "2" / "metrics" / "metrics"),
    "no metrics": lambda folder: (folder / "2" / "metrics" / "metrics").unlink(),
    "half of the metrics": lambda folder: (
        folder / "2" / "metrics" / "metrics"
    ).write_text('{"nl'),
    "another step": lambda folder: (folder / "2").rename(folder / "7"),
    "a digit of what it says of itself": lambda folder: flip(
        folder / "2" / "_CHECKPOINT_METADATA"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_which_is_best_is_never_a_damaged_answer(damage, tmp_path):
    saved(tmp_path, [1.0, 0.5, 2.0])
    DAMAGES[damage](tmp_path)
    with pytest.raises(InputError, match=r"step [27] .* cannot be used|is damaged"):
        _ = Checkpoints(tmp_path, config={}, metric="nll", read_only=True).best


@pytest.mark.parametrize(
    "leaf",
    [
        jnp.zeros((0, 3)),
        jnp.array([1 + 2j, -3j]),
        np.arange(3.0, dtype=np.float32),
        jnp.array([True, False]),
        jnp.arange(3, dtype=jnp.int8),
    ],
    ids=["empty", "complex", "NumPy", "bool", "int8"],
)
def test_leaves_of_any_kind_come_back(leaf, tmp_path):
    state = TrainState(jnp.zeros(()), jax.random.key(0), {"params": {"a": leaf}}, ())
    with Checkpoints(tmp_path, config={}) as checkpoints:
        checkpoints.save(1, jax.tree.map(jnp.asarray, state))
        checkpoints.wait()
        back = checkpoints.restore(state)
    assert_equal(back, jax.tree.map(jnp.asarray, state))


@pytest.mark.parametrize(
    "value", [float("nan"), np.int64(3), np.arange(2), (1, 2), {"a": None}]
)
def test_a_configuration_is_like_itself(value, tmp_path):
    for _ in range(2):
        with Checkpoints(tmp_path, config={"value": value}) as checkpoints:
            if checkpoints.latest is None:
                checkpoints.save(1, trained())


def test_a_configuration_of_objects_is_refused(tmp_path):
    with pytest.raises(InputError, match="numbers, texts, lists and mappings"):
        Checkpoints(tmp_path, config={"value": object()})


def test_a_folder_that_is_refused_is_free_again(tmp_path):
    with Checkpoints(tmp_path, config={"a": 1}) as checkpoints:
        checkpoints.save(1, trained())
    with pytest.raises(InputError, match="another configuration"):
        Checkpoints(tmp_path, config={"a": 2})
    Checkpoints(tmp_path, config={"a": 1}).close()


FULL_DISK = """
import resource, sys
import jax, jax.numpy as jnp
from genjax.base import TrainState
from genjax.errors import RunError
from genjax.training import Checkpoints
state = TrainState(jnp.zeros(()), jax.random.key(0), {"x": jnp.zeros(3)}, ())
noise = jax.random.normal(jax.random.key(0), (300_000,))
with Checkpoints(sys.argv[1], config={}) as checkpoints:
    checkpoints.save(1, state)
    checkpoints.wait()
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
    try:
        checkpoints.save(2, state._replace(variables={"x": noise}))
        checkpoints.wait()
    except RunError as error:
        print(error)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    )
with Checkpoints(sys.argv[1], config={}) as checkpoints:
    print(checkpoints.latest, checkpoints.restore(state).variables)
"""


def test_a_full_disk_is_a_sentence_and_earlier_checkpoints_stay_whole(tmp_path):
    assert resource.RLIMIT_FSIZE is not None
    done = finished(FULL_DISK, tmp_path)
    assert "cannot write checkpoints to" in done.stdout, done.stderr[-2000:]
    assert "1 {'x': Array([0., 0., 0.]" in done.stdout
