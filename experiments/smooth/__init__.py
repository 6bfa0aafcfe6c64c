"""Experiments with differentiable surrogates."""
