"""Autoregressive densities: p(x) = prod_d p(x_d | x_<d)."""

from genjax.autoregressive.nade import nade

__all__ = ["nade"]
