"""Experiments on what a bias does."""
