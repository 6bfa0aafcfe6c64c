"""Mutual information: critics, estimators, and tasks where the truth is known."""

from genjax.mutual_information.critics import estimation, separable_critic
from genjax.mutual_information.estimators import Estimate, dv, infonce, nwj, smile
from genjax.mutual_information.tasks import PairTask, gaussian_task

__all__ = [
    "Estimate",
    "PairTask",
    "dv",
    "estimation",
    "gaussian_task",
    "infonce",
    "nwj",
    "separable_critic",
    "smile",
]
