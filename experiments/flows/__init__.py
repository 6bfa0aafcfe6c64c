"""Experiments with normalizing flows."""
