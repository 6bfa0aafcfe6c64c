"""Experiments with receptive fields."""
