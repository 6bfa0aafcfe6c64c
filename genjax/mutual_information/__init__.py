"""Mutual information: critics, estimators, and tasks where the truth is known."""

from genjax.mutual_information._critics import estimation, separable_critic
from genjax.mutual_information._estimators import Estimate, dv, infonce, nwj, smile
from genjax.mutual_information._tasks import PairTask, correlated_normals

__all__ = [
    "Estimate",
    "PairTask",
    "correlated_normals",
    "dv",
    "estimation",
    "infonce",
    "nwj",
    "separable_critic",
    "smile",
]
