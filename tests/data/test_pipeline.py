import jax
import numpy as np
import pytest

from genjax.data import (
    ArraySource,
    generated,
    in_memory,
    on_device,
    streamed,
)
from genjax.errors import InputError

SOURCE = ArraySource({"x": np.arange(20.0)[:, None], "label": np.arange(20)})


def batches(pipeline, start, count):
    items = pipeline.feed(start, count)
    return [
        pipeline.read(pipeline.resident, jax.tree.map(lambda a, i=i: a[i], items))
        for i in range(count)
    ]


def all_three():
    kwargs = {"batch_size": 4, "seed": 3}
    return [
        in_memory(SOURCE, **kwargs),
        on_device(SOURCE, **kwargs),
        streamed(SOURCE, steps=30, **kwargs),
    ]


def test_the_three_ways_give_the_same_batches():
    memory, device, stream = (batches(p, 3, 5) for p in all_three())
    for a, b, c in zip(memory, device, stream, strict=True):
        for name in ("x", "label"):
            np.testing.assert_array_equal(a[name], b[name])
            np.testing.assert_array_equal(a[name], c[name])


def test_a_resumed_stream_goes_on_where_it_was():
    stream = all_three()[2]
    whole = batches(stream, 0, 12)
    for a, b in zip(whole[7:], batches(stream, 7, 5), strict=True):
        np.testing.assert_array_equal(a["x"], b["x"])
    np.testing.assert_array_equal(stream.example["x"], whole[0]["x"])


def test_generated_batches_depend_on_the_step_alone():
    def draw(key):
        return {"x": jax.random.normal(key, (4, 2))}

    pipeline = generated(draw, seed=0)
    first, again = batches(pipeline, 0, 6), batches(pipeline, 4, 2)
    np.testing.assert_array_equal(first[4]["x"], again[0]["x"])
    np.testing.assert_array_equal(first[0]["x"], pipeline.example["x"])
    assert not np.array_equal(first[0]["x"], first[1]["x"])


def test_a_stream_ends_where_it_was_told_to():
    with pytest.raises(InputError, match="steps = 30, but step 31 was asked for"):
        all_three()[2].feed(29, 2)


@pytest.mark.parametrize("make", [in_memory, on_device])
def test_a_batch_larger_than_the_data_is_refused(make):
    with pytest.raises(InputError, match="20 examples there are, got 21"):
        make(SOURCE, batch_size=21, seed=0)
