import jax.numpy as jnp
import pytest

from experiments.receptive_field.zoo import conv, pool
from genjax import nn
from genjax.errors import InputError
from genjax.receptive_field import layerwise, useful_range


def resnet_50(x):
    """With the stride in the 3 x 3 convolution."""
    x = pool(conv(x, 64, 7, 2), 3, 2, "SAME")
    for width, units, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for unit in range(units):
            stride = first if unit == 0 else 1
            y = conv(conv(conv(x, width, 1), width, 3, stride), 4 * width, 1)
            x = y + (conv(x, 4 * width, 1, stride) if unit == 0 else x)
    return x


def test_the_published_range_of_a_resnet():
    found = useful_range(resnet_50, (1, 64, 64, 3))
    assert (found.smallest, found.largest) == (75, 427)
    assert found.idle


def test_a_row_for_every_layer_by_its_module():
    module = nn.ResNet(features=5, widths=(4, 8), blocks=1)
    rows = layerwise(module, (1, 64, 64, 1))
    assert all(row.name.startswith("ResNet/") for row in rows)
    convolutions = [row for row in rows if "Conv" in row.name]
    sizes = [row.size[0] for row in convolutions]
    assert sizes[0] == 3
    assert max(sizes) == sizes[-2] == 13  # the last one is that of a shortcut
    assert convolutions[0].weights == 9 * 4
    head = rows[-1]
    assert head.shape == (1, 5)
    assert head.size == (None, None)
    assert head.context


def test_bad_input_is_a_sentence():
    with pytest.raises(InputError, match="there is no convolution, product or pooling"):
        useful_range(lambda x: jnp.cumsum(x, axis=1), (1, 64, 64, 1), axes=(1,))
    with pytest.raises(InputError, match="not its class"):
        layerwise(nn.ConvNet, (1, 8, 8, 1))
