"""Autoregressive density estimators, one dimension after another."""

from genjax.autoregressive._by_column import by_column
from genjax.autoregressive._conditional import (
    Conditional,
    binary,
    categorical,
    cooled,
    grey_levels,
    laplace_mixture,
    normal_mixture,
)
from genjax.autoregressive._conv_nade import on_images
from genjax.autoregressive._darn import darn
from genjax.autoregressive._deep_nade import deep_nade, orderless_likelihood
from genjax.autoregressive._engine import (
    AutoregressiveNetwork,
    autoregressive,
    uncached,
)
from genjax.autoregressive._fvsbn import fvsbn
from genjax.autoregressive._made import made
from genjax.autoregressive._nade import nade, rnade, scan_terms, segmented
from genjax.autoregressive._ordering import (
    member_likelihood,
    order_ensemble,
    ordered,
    random_orders,
    shared_ensemble,
)
from genjax.autoregressive._pixel_cnn import pixel_cnn
from genjax.autoregressive._recurrent import Cell, gru, lstm, recurrent
from genjax.autoregressive._transformer import transformer
from genjax.autoregressive._wavenet import wavenet

__all__ = [
    "AutoregressiveNetwork",
    "Cell",
    "Conditional",
    "autoregressive",
    "binary",
    "by_column",
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
