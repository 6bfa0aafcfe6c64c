"""Autoregressive density estimators, one dimension after another."""

from genjax.autoregressive.conditional import (
    Conditional,
    binary,
    categorical,
    cooled,
    grey_levels,
    laplace_mixture,
    normal_mixture,
)
from genjax.autoregressive.conv_nade import on_images
from genjax.autoregressive.darn import darn
from genjax.autoregressive.deep_nade import deep_nade, orderless_likelihood
from genjax.autoregressive.engine import Walk, autoregressive, uncached
from genjax.autoregressive.fvsbn import fvsbn
from genjax.autoregressive.made import made
from genjax.autoregressive.nade import nade, rnade, scan_terms, segmented
from genjax.autoregressive.ordering import (
    member_likelihood,
    order_ensemble,
    ordered,
    random_orders,
    shared_ensemble,
)
from genjax.autoregressive.pixel_cnn import pixel_cnn
from genjax.autoregressive.recurrent import Cell, gru, lstm, recurrent
from genjax.autoregressive.transformer import transformer
from genjax.autoregressive.wavenet import wavenet

__all__ = [
    "Cell",
    "Conditional",
    "Walk",
    "autoregressive",
    "binary",
    "categorical",
    "cooled",
    "darn",
    "deep_nade",
    "fvsbn",
    "grey_levels",
    "gru",
    "laplace_mixture",
    "lstm",
    "made",
    "member_likelihood",
    "nade",
    "normal_mixture",
    "on_images",
    "order_ensemble",
    "ordered",
    "orderless_likelihood",
    "pixel_cnn",
    "random_orders",
    "recurrent",
    "rnade",
    "scan_terms",
    "segmented",
    "shared_ensemble",
    "transformer",
    "uncached",
    "wavenet",
]
