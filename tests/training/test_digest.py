import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.checks import leaf_name
from genjax.training import device_mesh, shard_batch
from genjax.training._digest import snapshot

LEAVES = {
    "float32": jnp.linspace(0, 1, 16),
    "bfloat16": jnp.linspace(0, 1, 16, dtype=jnp.bfloat16),
    "int32": jnp.arange(16),
    "uint8": jnp.arange(16, dtype=jnp.uint8),
    "bool": jnp.arange(16) % 3 == 0,
}


@pytest.mark.parametrize("name", LEAVES)
def test_any_flipped_bit_changes_the_digest(name):
    leaf = np.asarray(LEAVES[name])
    before = snapshot(leaf)[1].tolist()
    for position in range(0, leaf.nbytes * 8, 7 if name != "bool" else 8):
        raw = bytearray(leaf.tobytes())
        raw[position // 8] ^= 1 << position % 8
        changed = np.frombuffer(bytes(raw), leaf.dtype)
        assert snapshot(changed)[1].tolist() != before


def test_order_matters_and_keys_count():
    x = LEAVES["int32"]
    assert snapshot(x)[1].tolist() != snapshot(x[::-1])[1].tolist()
    a, b = (snapshot(jax.random.key(i))[1].tolist() for i in (0, 1))
    assert a != b


@pytest.mark.skipif(jax.device_count() < 8, reason="needs 8 devices")
def test_the_digest_does_not_depend_on_the_devices():
    x = np.linspace(0, 1, 64, dtype=np.float32)
    sharded = shard_batch({"x": x}, device_mesh(8))["x"]
    assert snapshot(jnp.asarray(x))[1].tolist() == snapshot(sharded)[1].tolist()


def test_leaves_have_readable_names():
    paths = jax.tree_util.tree_flatten_with_path({"params": {"W": 1}, "list": [2]})[0]
    assert [leaf_name(path) for path, _ in paths] == ["list/0", "params/W"]
