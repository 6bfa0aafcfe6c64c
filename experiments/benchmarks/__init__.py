"""Timings: `python -m experiments.benchmarks.NAME`, medians on the machine at hand."""
