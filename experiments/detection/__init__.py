"""Experiments with detectors."""
