"""Experiments that compose families."""
