"""The value that a metric has for real data."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from genjax.errors import InputError
from genjax.typing import Array, Float, Key


class WithFloor(NamedTuple):
    """A metric of samples, and of real data in their place.

    Fields:
        value: of the samples against a half of the data.
        floor: of the other half against the same.
    """

    value: Any
    floor: Any


def with_floor(
    metric: Callable[[Array, Array], Any],
    key: Key,
    real: Float[Array, "n ..."],
    samples: Float[Array, "m ..."],
) -> WithFloor:
    """Measures samples, and as many real data, against the same real data.

    The data are cut in two at random: test sets are often in some order.

    Args:
        metric: `(real, samples) -> value`, an array or a pytree of them.
        key: of the cut.
        real: data, at least twice as many as are compared.
        samples: of the model; as many as half the data are used.

    Raises:
        InputError: there are fewer samples than half the data.

    >>> import jax
    >>> from genjax.metrics import frechet_distance, with_floor
    >>> x = jax.random.normal(jax.random.key(0), (400, 2))
    >>> found = with_floor(frechet_distance, jax.random.key(1), x[:200], x[200:] + 1.0)
    >>> bool(found.value > 1.5), bool(found.floor < 0.2)
    (True, True)
    """
    half = len(real) // 2
    if len(samples) < half:
        raise InputError(
            f"with_floor: needs {half} samples, as many as half the data, got "
            f"{len(samples)}."
        )
    order = jax.random.permutation(key, len(real))
    reference, other = real[order[:half]], real[order[half : 2 * half]]
    return WithFloor(metric(reference, samples[:half]), metric(reference, other))
