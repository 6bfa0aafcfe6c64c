"""Experiments with autoregressive densities."""
