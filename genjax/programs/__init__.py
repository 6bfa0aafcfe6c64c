"""Transformations of plain JAX programs, by what their jaxprs say.

`inverse_and_log_det` runs a program backwards, `dependence` tells what each output sees
of the input, `device_varying` which outputs differ between devices; the transforms
`with_..._log_det` know how a Jacobian is built.
"""

from genjax.programs._dependence import Dependence, dependence
from genjax.programs._fits import Fit, edges, fitted
from genjax.programs._inverse import inverse_and_log_det, invertible
from genjax.programs._log_det import (
    with_dense_log_det,
    with_diagonal_log_det,
    with_triangular_log_det,
)
from genjax.programs._sights import Sight
from genjax.programs._varying import device_varying
from genjax.programs._walk import Join, Notes, Step

__all__ = [
    "Dependence",
    "Fit",
    "Join",
    "Notes",
    "Sight",
    "Step",
    "dependence",
    "device_varying",
    "edges",
    "fitted",
    "inverse_and_log_det",
    "invertible",
    "with_dense_log_det",
    "with_diagonal_log_det",
    "with_triangular_log_det",
]
