import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from genjax.data import indices_at
from genjax.errors import InputError


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(
    size=st.integers(4, 60),
    share=st.integers(1, 4),
    hosts=st.sampled_from([1, 2, 4]),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
)
def test_an_epoch_is_a_permutation_shared_out_over_the_hosts(
    size, share, hosts, seed, epoch
):
    batch = share * hosts
    hypothesis.assume(batch <= size)
    steps = size // batch
    seen = [
        indices_at(
            epoch * steps + t,
            size=size,
            batch_size=batch,
            seed=seed,
            host=h,
            hosts=hosts,
        )
        for t in range(steps)
        for h in range(hosts)
    ]
    flat = np.concatenate(seen)
    assert len(set(flat.tolist())) == steps * batch
    assert flat.min() >= 0
    assert flat.max() < size


def test_epochs_and_seeds_differ_and_the_order_is_pinned():
    kwargs = {"size": 10, "batch_size": 10}
    first = indices_at(0, seed=0, **kwargs)
    assert first.tolist() != indices_at(1, seed=0, **kwargs).tolist()
    assert first.tolist() != indices_at(0, seed=1, **kwargs).tolist()
    words = np.random.Philox(key=[0, 0]).random_raw(10)
    assert first.tolist() == np.argsort(words, kind="stable").tolist()


def test_bad_batches_are_refused():
    with pytest.raises(InputError, match="between 1 and the 3 examples"):
        indices_at(0, size=3, batch_size=4, seed=0)
    with pytest.raises(InputError, match="host must be between 0 and 1, got 2"):
        indices_at(0, size=4, batch_size=2, seed=0, host=2, hosts=2)
    with pytest.raises(InputError, match="2 hosts cannot share a batch of 3"):
        indices_at(0, size=3, batch_size=3, seed=0, hosts=2)
