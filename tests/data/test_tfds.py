import gzip

import numpy as np
import pytest

from genjax.data import load_prepared, prepare
from genjax.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore")


def test_an_unprepared_set_says_how_to_prepare_it(tmp_path):
    with pytest.raises(InputError, match=r"call data\.prepare\(.mnist., FOLDER\)"):
        load_prepared("mnist", "train", data_dir=tmp_path)
    with pytest.raises(InputError, match="cannot be prepared here"):
        load_prepared("cifar10", "train", data_dir=tmp_path)


def test_missing_archives_are_named(tmp_path):
    with pytest.raises(InputError, match=r"lacks train-images-idx3-ubyte.gz"):
        prepare("mnist", tmp_path, data_dir=tmp_path)
    with pytest.raises(InputError, match="only mnist, fashion_mnist"):
        prepare("nothing", tmp_path)
    with pytest.raises(InputError, match="no folder"):
        prepare("mnist", tmp_path / "absent")


@pytest.mark.shared_data
def test_mnist_is_prepared_from_its_archives(shared_data, tmp_path):
    archives = shared_data / "tfds_downloads" / "fashion_mnist"
    prepare("fashion_mnist", archives, data_dir=tmp_path)
    test = load_prepared("fashion_mnist", "test", data_dir=tmp_path)
    raw = gzip.decompress((archives / "t10k-images-idx3-ubyte.gz").read_bytes())
    pixels = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784)
    ours = test.arrays["image"].reshape(-1, 784)
    assert sorted(map(bytes, ours)) == sorted(map(bytes, pixels))
    with pytest.raises(InputError, match=r"no split 'foo', only \['test', 'train'\]"):
        load_prepared("fashion_mnist", "foo", data_dir=tmp_path)
    records = next(tmp_path.rglob("*test.array_record*"))
    whole = records.read_bytes()
    records.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"prepared in .* is damaged"):
        load_prepared("fashion_mnist", "test", data_dir=tmp_path)
    next(tmp_path.rglob("dataset_info.json")).write_text("[")
    with pytest.raises(InputError, match=r"prepared in .* is damaged"):
        load_prepared("fashion_mnist", "test", data_dir=tmp_path)
