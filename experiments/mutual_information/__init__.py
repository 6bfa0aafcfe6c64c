"""Experiments with bounds of mutual information."""
