"""Autoregressive flows: each dimension's map is driven by the dimensions before it."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from genjax import nn
from genjax.arrays import as_float, sum_event
from genjax.base import Bijector, Density, Network, NetworkLike
from genjax.checks import check_is, check_prefix
from genjax.densities import standard_normal
from genjax.errors import InputError
from genjax.flows._density import density
from genjax.flows._elementwise import Elementwise
from genjax.flows._fixed_point import fixed_point
from genjax.nn.adapters import as_pure_network
from genjax.typing import (
    Array,
    Condition,
    Event,
    Key,
    Mask,
    PerExample,
    Scanned,
    Variables,
)
from genjax.variables import join_parts

Outputs = Callable[[Array], Array]
"""`x [b, d] -> raw [size, b, d]`."""

Inverse = Callable[..., tuple[Array, Array]]
"""`(transform, model, variables, y, condition) -> (x, log dx/dy)`, both `[b, d]`."""


def masked_autoregressive(
    transform: Elementwise, model: NetworkLike, *, inverse: Inverse | None = None
) -> Bijector:
    """Transforms every dimension by a function of those before it, all in one pass.

        y_d = f(x_d; network(x_<d, condition)),   log|det| = sum_d log f'

    With `affine()` this is a layer of the masked autoregressive flow, with a spline
    that of the autoregressive neural spline flow; `invert` of it is the inverse
    autoregressive flow, whose sampling takes one pass. As for `coupling`, deep stacks
    need networks whose output is 0 at first.

    Args:
        transform: the scalar map.
        model: a network `x [b, d] -> [b, d, size]`, or of `(x, condition)`, whose
            output for an input sees only inputs before it: `nn.MaskedMLP`, in any
            order.
        inverse: how to invert: `cached`, `sequential` or `jacobi`. By default `cached`
            for an `nn.MaskedMLP`, `jacobi()` for any other network.

    Raises:
        InputError: the network's output has another shape, or `cached` is asked of a
            network that has no cache.

    Source: Papamakarios, Pavlakou and Murray, 2017, arXiv:1705.07057; Kingma et al.,
    2016, arXiv:1606.04934.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.flows import affine, masked_autoregressive
    >>> network = nn.MaskedMLP(features=2, hidden=(16,))
    >>> layer = masked_autoregressive(affine(), network)
    >>> x = jax.random.normal(jax.random.key(1), (5, 3))
    >>> params = layer.init(jax.random.key(0), x)
    >>> y, log_det = layer.forward(params, x)
    >>> bool(jnp.allclose(layer.inverse(params, y)[0], x, atol=1e-5))
    True
    """
    check_is("masked_autoregressive", Elementwise, transform=transform)
    if inverse is None:
        inverse = cached if isinstance(model, nn.MaskedMLP) else jacobi()
    network = as_pure_network(model, user="masked_autoregressive")

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        if x.ndim != 2:
            raise InputError(
                "masked_autoregressive: examples must be vectors, got a batch of "
                f"{x.shape}."
            )
        return network.init(key, x, condition)

    def forward(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        raw = _outputs(transform, network, variables, condition)(x)
        y, log_slope = transform.forward(raw, x)
        return y, sum_event(log_slope)

    def backward(
        variables: Variables, y: Event, /, condition: Condition = None
    ) -> tuple[Event, PerExample]:
        x, log_slope = inverse(transform, model, variables, y, condition)
        return x, sum_event(log_slope)

    return Bijector(init, forward, backward)


def autoregressive_flow(transform: Elementwise, network: nn.MaskedMLP) -> Density:
    """One autoregressive layer on a normal: a density that completes exactly.

        p(x) = prod_d N(z_d; 0, 1) f'(x_d),   z_d = f(x_d; network(x_<d))

    With a flexible map, a spline say, a single layer can be any density; every
    conditional `p(x_d | x_<d)` is at hand, so that whatever follows the observed
    dimensions in the order is drawn from its exact conditional.

    Examples are `[b, D]`, log-densities `[b]`.

    Args:
        transform: the scalar map.
        network: the masked network; its order is that of the completion.

    Returns:
        A density whose `complete` takes a mask of the first places of the order.

    Source: Papamakarios, Pavlakou and Murray, 2017, arXiv:1705.07057.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.flows import affine, autoregressive_flow
    >>> model = autoregressive_flow(affine(), nn.MaskedMLP(features=2, hidden=(8,)))
    >>> x = jnp.ones((2, 3))
    >>> params = model.init(jax.random.key(0), x)
    >>> observed = jnp.array([True, True, False])
    >>> completed, _ = model.complete(params, jax.random.key(1), x, observed)
    >>> completed[:, :2].tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    layer = masked_autoregressive(transform, network)

    def normal(z: Array) -> Array:
        return -0.5 * (z**2 + math.log(2 * math.pi))

    def on_normal(dim: int) -> Density:
        return density(layer, standard_normal((dim,)))

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        both = join_parts({"bijector": variables})
        return on_normal(x.shape[1]).log_prob(both, x, condition)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        both = join_parts({"bijector": variables})
        dim = variables["params"]["MaskedDense_0"]["kernel"].shape[0]
        return on_normal(dim).sample(both, key, n, condition)

    def complete(
        variables: Variables,
        key: Key,
        x: Event,
        observed: Mask,
        /,
        condition: Condition = None,
    ) -> tuple[Event, PerExample]:
        order = np.argsort(network.degrees_of(x.shape[1])[0])
        seen = check_prefix("autoregressive_flow", observed, order)

        def choose(outputs: Array, given: Scanned) -> tuple[Array, Array]:
            x, z, is_seen = given
            drawn, log_slope = transform.inverse(outputs.T, z)
            term = jnp.where(is_seen, 0.0, normal(z) - log_slope)
            return jnp.where(is_seen, x, drawn), term

        z = jax.random.normal(key, x.shape)
        completed, terms = nn.autoregressive_scan(
            network,
            variables,
            choose,
            (x.T, z.T, jnp.asarray(seen)),
            n=len(x),
            condition=condition,
        )
        return completed, terms.sum(axis=0)

    return Density(layer.init, log_prob, sample, complete)


def cached(
    transform: Elementwise,
    model: NetworkLike,
    variables: Variables,
    y: Array,
    condition: Condition,
) -> tuple[Array, Array]:
    """Inverts dimension by dimension, each hidden unit computed once.

    The work is that of a single pass of an `nn.MaskedMLP`, in D short steps.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.flows import affine, cached
    >>> network, y = nn.MaskedMLP(features=2, hidden=(8,)), jnp.ones((2, 3))
    >>> variables = network.init(jax.random.key(0), y)
    >>> x, log_det = cached(affine(), network, variables, y, None)
    >>> x.shape, log_det.shape
    ((2, 3), (2, 3))
    """
    if not isinstance(model, nn.MaskedMLP):
        raise InputError(
            "cached: only an nn.MaskedMLP has a cache, got "
            f"{type(model).__name__}; use sequential or jacobi()."
        )

    def choose(outputs: Array, y: Array) -> tuple[Array, Array]:
        x, log_slope = transform.inverse(outputs.T, y)
        return x, log_slope

    x, log_slope = nn.autoregressive_scan(
        model,
        variables,
        choose,
        y.T,
        n=len(y),
        condition=condition,
    )
    return x, log_slope.T


def sequential(
    transform: Elementwise,
    model: NetworkLike,
    variables: Variables,
    y: Array,
    condition: Condition,
) -> tuple[Array, Array]:
    """Inverts by D passes of the network, one dimension a pass; differentiable.

    Source: Papamakarios, Pavlakou and Murray, 2017, arXiv:1705.07057.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.flows import affine, sequential
    >>> network, y = nn.MaskedMLP(features=2, hidden=(8,)), jnp.ones((2, 3))
    >>> variables = network.init(jax.random.key(0), y)
    >>> x, log_det = sequential(affine(), network, variables, y, None)
    >>> x.shape, log_det.shape
    ((2, 3), (2, 3))
    """
    network = as_pure_network(model, user="masked_autoregressive")
    outputs = _outputs(transform, network, variables, condition)

    def step(x: Array, _: None) -> tuple[Array, None]:
        return transform.inverse(outputs(x), y)[0], None

    y = as_float(y)
    x, _ = jax.lax.scan(step, jnp.zeros_like(y), None, length=y.shape[1])
    return x, transform.inverse(outputs(x), y)[1]


def jacobi(*, tolerance: float = 1e-6) -> Inverse:
    """Inverts all dimensions at once, again and again, until nothing changes.

    After i passes the first i dimensions are exact, so D passes always suffice; a flow
    near the identity needs a few.

    It takes `y` `[b, D]` and gives `x` `[b, D]` and log-determinants `[b]`.

    Args:
        tolerance: stops when no element has changed by more.

    Source: Song, Meng, Liao and Ermon, 2021, arXiv:2002.03629.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.flows import affine, jacobi
    >>> network, y = nn.MaskedMLP(features=2, hidden=(8,)), jnp.ones((2, 3))
    >>> variables = network.init(jax.random.key(0), y)
    >>> x, log_det = jacobi()(affine(), network, variables, y, None)
    >>> x.shape, log_det.shape
    ((2, 3), (2, 3))
    """

    def inverse(
        transform: Elementwise,
        model: NetworkLike,
        variables: Variables,
        y: Array,
        condition: Condition,
    ) -> tuple[Array, Array]:
        network = as_pure_network(model, user="masked_autoregressive")
        outputs = _outputs(transform, network, variables, condition)
        y = as_float(y)
        x = fixed_point(
            lambda x: transform.inverse(outputs(x), y)[0],
            jnp.zeros_like(y),
            tolerance=tolerance,
            iterations=y.shape[1],
        )
        return x, transform.inverse(outputs(x), y)[1]

    return inverse


def _outputs(
    transform: Elementwise,
    network: Network,
    variables: Variables,
    condition: Condition,
) -> Outputs:
    def apply(x: Array) -> Array:
        output = network.apply(variables, x, condition)
        expected = (*x.shape, transform.size)
        if output.shape != expected:
            raise InputError(
                "masked_autoregressive: the network must return the shape "
                f"{expected}, got {output.shape}."
            )
        return jnp.moveaxis(output, -1, 0)

    return apply
