import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from genjax.data import Share, indices_at
from genjax.errors import InputError


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(
    size=st.integers(4, 60),
    batch_size=st.integers(1, 4),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 3),
)
def test_an_epoch_is_a_permutation(size, batch_size, seed, epoch):
    steps = size // batch_size
    kwargs = {"size": size, "batch_size": batch_size, "seed": seed}
    flat = np.concatenate(
        [indices_at(epoch * steps + t, **kwargs) for t in range(steps)]
    )
    assert len(set(flat.tolist())) == steps * batch_size
    assert flat.min() >= 0
    assert flat.max() < size


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_rows_of_a_batch_are_shared_out_equally(processes):
    rows = np.arange(8)
    shares = [rows[Share(i, processes).rows(8)] for i in range(processes)]
    assert {len(share) for share in shares} == {8 // processes}
    np.testing.assert_array_equal(np.concatenate(shares), rows)


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
    with pytest.raises(InputError, match="process must be between 0 and 1, got 2"):
        Share(2, 2).rows(4)
    with pytest.raises(InputError, match="2 processes cannot share a batch of 3"):
        Share(0, 2).rows(3)
