"""Networks: the only package that knows Flax.

Every module computes in its `dtype` (bfloat16 on accelerators), keeps its parameters in
float32, and returns float32, so that losses and statistics never see less.
"""

from genjax.nn.conditional import Joint, Projection, TwoHeads, WithClass
from genjax.nn.conv_net import ConvNet, ConvStack, LocalGlobalNet
from genjax.nn.convolution import Conv, ConvTranspose, conv, conv_transpose, max_pool
from genjax.nn.dcgan import DCGANDiscriminator, DCGANGenerator
from genjax.nn.embedding import ClassEmbedding, TimeEmbedding
from genjax.nn.lipschitz import LipschitzMLP, lipswish, spectral_norm
from genjax.nn.masked import (
    MaskedMLP,
    autoregressive_masks,
    autoregressive_scan,
    autoregressive_steps,
    hidden_degrees,
    sampled_degrees,
)
from genjax.nn.mlp import MLP, ImageMLP, ResMLP, TimeMLP
from genjax.nn.normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from genjax.nn.parts import join_parts, part_of
from genjax.nn.perceptron import (
    Perceptron,
    count_threshold_functions,
    novikoff_bound,
    separating_direction,
    train_perceptron,
)
from genjax.nn.pyramid import FPN, DenseTower, PyramidBackbone
from genjax.nn.regularization import minibatch_deviation, spectrally_normalized
from genjax.nn.resnet import ResNet
from genjax.nn.resnet_gan import ResNetDiscriminator, ResNetGenerator
from genjax.nn.stateless import stateless
from genjax.nn.training_pass import training_pass
from genjax.nn.unet import UNet

__all__ = [
    "FPN",
    "MLP",
    "BatchNorm",
    "ClassEmbedding",
    "Conv",
    "ConvNet",
    "ConvStack",
    "ConvTranspose",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "DenseTower",
    "GroupNorm",
    "ImageMLP",
    "Joint",
    "LayerNorm",
    "LipschitzMLP",
    "LocalGlobalNet",
    "MaskedMLP",
    "Perceptron",
    "Projection",
    "PyramidBackbone",
    "RMSNorm",
    "ResMLP",
    "ResNet",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "TimeEmbedding",
    "TimeMLP",
    "TwoHeads",
    "UNet",
    "WithClass",
    "autoregressive_masks",
    "autoregressive_scan",
    "autoregressive_steps",
    "conv",
    "conv_transpose",
    "count_threshold_functions",
    "hidden_degrees",
    "join_parts",
    "lipswish",
    "max_pool",
    "minibatch_deviation",
    "novikoff_bound",
    "part_of",
    "sampled_degrees",
    "separating_direction",
    "spectral_norm",
    "spectrally_normalized",
    "stateless",
    "train_perceptron",
    "training_pass",
]
