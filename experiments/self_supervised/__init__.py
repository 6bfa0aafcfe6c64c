"""Experiments with self-supervised encoders."""
