"""Experiments with variational autoencoders."""
