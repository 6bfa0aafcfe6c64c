"""Experiments: `python -m experiments` lists them, and runs one by its name."""
