"""Experiments with adversarial games."""
