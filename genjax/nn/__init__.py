"""Networks: the only package that knows Flax.

Every module computes in its `dtype` (bfloat16 on accelerators), keeps its parameters in
float32, and returns float32, so that losses and statistics never see less; backbones
and necks, whose features other networks take, return their `dtype`.
"""

from genjax.nn._bottleneck import BottleneckBackbone
from genjax.nn._cascade import OutputNet, ProposalNet, RefinementNet
from genjax.nn._conditional import Joint, Projection, TwoHeads, WithClass
from genjax.nn._context import ContextModule, RingContext
from genjax.nn._conv_net import ConvNet, ConvStack, LocalGlobalNet
from genjax.nn._convolution import Conv, ConvTranspose, conv, conv_transpose, max_pool
from genjax.nn._darknet import Darknet19, Darknet53
from genjax.nn._dcgan import DCGANDiscriminator, DCGANGenerator
from genjax.nn._embedding import ClassEmbedding, TimeEmbedding
from genjax.nn._frozen import frozen
from genjax.nn._fusion import DenseFusion, RecursiveFPN
from genjax.nn._linen import from_linen, in_mode
from genjax.nn._lipschitz import LipschitzMLP, lipswish, spectral_norm
from genjax.nn._masked import (
    MaskedMLP,
    autoregressive_masks,
    autoregressive_scan,
    autoregressive_steps,
    hidden_degrees,
    sampled_degrees,
)
from genjax.nn._mlp import MLP, ImageMLP, ResMLP, TimeMLP
from genjax.nn._nnx import from_nnx
from genjax.nn._normalization import (
    BatchNorm,
    FrozenNorm,
    GroupNorm,
    LayerNorm,
    RMSNorm,
    minibatch_deviation,
)
from genjax.nn._pyramid import (
    FPN,
    PAN,
    BiFPN,
    Passthrough,
    PyramidBackbone,
    ResidualStage,
)
from genjax.nn._query_decoder import QueryDecoder
from genjax.nn._regularization import spectrally_normalized
from genjax.nn._resnet import ResNet
from genjax.nn._resnet_gan import ResNetDiscriminator, ResNetGenerator
from genjax.nn._sequence import in_turn
from genjax.nn._super_resolution import SuperResolution
from genjax.nn._towers import CornerTower, DenseTower, GridRegressor, LevelTowers
from genjax.nn._unet import UNet
from genjax.nn.adapters import as_network, as_pure_network, noisy

__all__ = [
    "FPN",
    "MLP",
    "PAN",
    "BatchNorm",
    "BiFPN",
    "BottleneckBackbone",
    "ClassEmbedding",
    "ContextModule",
    "Conv",
    "ConvNet",
    "ConvStack",
    "ConvTranspose",
    "CornerTower",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "Darknet19",
    "Darknet53",
    "DenseFusion",
    "DenseTower",
    "FrozenNorm",
    "GridRegressor",
    "GroupNorm",
    "ImageMLP",
    "Joint",
    "LayerNorm",
    "LevelTowers",
    "LipschitzMLP",
    "LocalGlobalNet",
    "MaskedMLP",
    "OutputNet",
    "Passthrough",
    "Projection",
    "ProposalNet",
    "PyramidBackbone",
    "QueryDecoder",
    "RMSNorm",
    "RecursiveFPN",
    "RefinementNet",
    "ResMLP",
    "ResNet",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "ResidualStage",
    "RingContext",
    "SuperResolution",
    "TimeEmbedding",
    "TimeMLP",
    "TwoHeads",
    "UNet",
    "WithClass",
    "as_network",
    "as_pure_network",
    "autoregressive_masks",
    "autoregressive_scan",
    "autoregressive_steps",
    "conv",
    "conv_transpose",
    "from_linen",
    "from_nnx",
    "frozen",
    "hidden_degrees",
    "in_mode",
    "in_turn",
    "lipswish",
    "max_pool",
    "minibatch_deviation",
    "noisy",
    "sampled_degrees",
    "spectral_norm",
    "spectrally_normalized",
]
