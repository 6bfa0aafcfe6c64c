"""Coupling layers: some dimensions drive a scalar map of the others."""

import jax.numpy as jnp
import numpy as np

from genjax.arrays import sum_event
from genjax.base import Bijector, Direction as BijectorDirection, NetworkLike
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.flows._elementwise import Direction, Elementwise
from genjax.nn.adapters import as_pure_network
from genjax.typing import Array, Condition, Event, Key, PerExample, Variables


def coupling(transform: Elementwise, model: NetworkLike, *, split: int) -> Bijector:
    """Transforms the last features by a function of the first ones.

        y_1 = x_1,   y_2 = f(x_2; network(x_1, condition)),   log|det| = sum log f'

    With `shift()` this is NICE's layer, with `affine()` RealNVP's, with a spline that
    of neural spline flows; on images it is channel-wise. A condition is appended to the
    network's input features. Deep stacks need networks whose output is 0 at first
    (`nn.MLP(..., output_init=jax.nn.initializers.zeros)`): each layer then begins as
    the identity, where random ones multiply up.

    Args:
        transform: the scalar map.
        model: a network from `[b, ..., split + condition]` features to
            `[b, ..., size (d - split)]`: all first parameters, all second ones, ...
        split: how many features, on the last axis, pass unchanged.

    Raises:
        InputError: `split` leaves nothing on one side, or the network's output has
            another shape.

    Source: Dinh, Krueger and Bengio, 2014, arXiv:1410.8516; Durkan, Bekasov, Murray and
    Papamakarios, 2019, arXiv:1906.04032.

    >>> import jax.numpy as jnp
    >>> import jax
    >>> from genjax import nn
    >>> from genjax.flows import affine, coupling
    >>> layer = coupling(affine(), nn.MLP(features=4, hidden=(8,)), split=1)
    >>> x = jnp.ones((5, 3))
    >>> params = layer.init(jax.random.key(0), x)
    >>> y, log_det = layer.forward(params, x)
    >>> y.shape, log_det.shape
    ((5, 3), (5,))
    """
    check_is("coupling", Elementwise, transform=transform)
    conditioner = as_pure_network(model, user="coupling")

    def inputs(x: Array, condition: Condition) -> Array:
        dim = x.shape[-1]
        if not 1 <= split <= dim - 1:
            raise InputError(
                f"coupling: split must be between 1 and dim - 1 = {dim - 1}, "
                f"got {split}."
            )
        return _with_condition(x[..., :split], condition)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        return conditioner.init(key, inputs(x, condition))

    def direction(function: Direction) -> BijectorDirection:
        def apply(
            variables: Variables, x: Event, /, condition: Condition = None
        ) -> tuple[Event, PerExample]:
            output = conditioner.apply(variables, inputs(x, condition))
            changed = x[..., split:]
            raw = _parameters(output, transform.size, changed.shape)
            changed, log_slope = function(raw, changed)
            y = jnp.concatenate([x[..., :split], changed], axis=-1)
            return y, sum_event(log_slope)

        return apply

    return Bijector(init, direction(transform.forward), direction(transform.inverse))


def masked_coupling(
    transform: Elementwise, model: NetworkLike, *, mask: np.ndarray
) -> Bijector:
    """Transforms the entries outside a mask by a function of those inside.

        y = m x + (1 - m) f(x; network(m x, condition))

    For masks that no split of the features makes; where one does, `coupling` does half
    of the work.

    Args:
        transform: the scalar map.
        model: a network from `[b, *event]`, with a condition's features appended, to
            `[b, ..., size d]` for events of d features: all first parameters, ...
        mask: true for what passes unchanged; it is broadcast against the event.

    Raises:
        InputError: the mask does not fit the event, or the network's output has another
            shape.

    Source: Dinh, Sohl-Dickstein and Bengio, 2017, arXiv:1605.08803.

    >>> import jax.numpy as jnp
    >>> import jax
    >>> from genjax import nn
    >>> from genjax.flows import affine, alternating_mask, masked_coupling
    >>> network = nn.MLP(features=6, hidden=(8,))
    >>> layer = masked_coupling(affine(), network, mask=alternating_mask(3))
    >>> x = jnp.ones((5, 3))
    >>> y, _ = layer.forward(layer.init(jax.random.key(0), x), x)
    >>> bool((y[:, 0] == 1).all())
    True
    """
    check_is("masked_coupling", Elementwise, transform=transform)
    keep = np.asarray(mask, bool)
    conditioner = as_pure_network(model, user="masked_coupling")

    def fitted(x: Array) -> Array:
        try:
            fits = np.broadcast_shapes(keep.shape, x.shape[1:]) == x.shape[1:]
        except ValueError:
            fits = False
        if not fits:
            raise InputError(
                f"masked_coupling: a mask of the shape {keep.shape} does not fit "
                f"examples of the shape {x.shape[1:]}."
            )
        whole = np.broadcast_to(keep, x.shape[1:])
        if whole.all() or not whole.any():
            raise InputError(
                "masked_coupling: the mask must keep some entries and not others, "
                f"got {int(whole.sum())} of {whole.size}."
            )
        return jnp.asarray(whole)[None]

    def inputs(x: Array, condition: Condition) -> Array:
        return _with_condition(jnp.where(fitted(x), x, 0.0), condition)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        return conditioner.init(key, inputs(x, condition))

    def direction(function: Direction) -> BijectorDirection:
        def apply(
            variables: Variables, x: Event, /, condition: Condition = None
        ) -> tuple[Event, PerExample]:
            output = conditioner.apply(variables, inputs(x, condition))
            raw = _parameters(output, transform.size, x.shape)
            y, log_slope = function(raw, x)
            kept = fitted(x)
            return jnp.where(kept, x, y), sum_event(jnp.where(kept, 0.0, log_slope))

        return apply

    return Bijector(init, direction(transform.forward), direction(transform.inverse))


def alternating_mask(dim: int, *, first: bool = True) -> np.ndarray:
    """Every other of `dim` features.

    The mask is `[dim]`, True at the even places, or the odd ones if not `first`.

    Source: Dinh, Krueger and Bengio, 2014, arXiv:1410.8516.

    >>> from genjax.flows import alternating_mask
    >>> alternating_mask(3).tolist()
    [True, False, True]
    """
    return (np.arange(dim) % 2 == 0) == first


def checkerboard_mask(height: int, width: int, *, first: bool = True) -> np.ndarray:
    """Every other pixel, `[height, width, 1]`.

    Source: Dinh, Sohl-Dickstein and Bengio, 2017, arXiv:1605.08803.

    >>> from genjax.flows import checkerboard_mask
    >>> checkerboard_mask(2, 2)[..., 0].tolist()
    [[True, False], [False, True]]
    """
    places = np.add.outer(np.arange(height), np.arange(width))
    return ((places % 2 == 0) == first)[..., None]


def _with_condition(x: Array, condition: Condition) -> Array:
    if condition is None:
        return x
    if len(condition) != len(x) or condition.ndim not in (2, x.ndim):
        raise InputError(
            "coupling: a condition must have one row per example, [b, features] or of "
            f"the rank of x, got {condition.shape} for an x of {x.shape}."
        )
    if condition.ndim < x.ndim:
        middle = [1] * (x.ndim - condition.ndim)
        condition = condition.reshape(len(x), *middle, *condition.shape[1:])
        condition = jnp.broadcast_to(condition, (*x.shape[:-1], condition.shape[-1]))
    return jnp.concatenate([x, condition], axis=-1)


def _parameters(output: Array, size: int, shape: tuple[int, ...]) -> Array:
    """The network's output as `[size, *shape]`."""
    expected = (*shape[:-1], size * shape[-1])
    if output.shape != expected:
        raise InputError(
            f"coupling: the network must return the shape {expected}, "
            f"got {output.shape}."
        )
    parts = output.reshape(*shape[:-1], size, shape[-1])
    return jnp.moveaxis(parts, -2, 0)
