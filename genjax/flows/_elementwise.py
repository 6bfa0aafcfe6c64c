"""Scalar monotone maps, applied to every element, with their derivatives.

An `Elementwise` map is the innermost part of a flow: learnt for each dimension
(`elementwise`), or driven by a network (`coupling`, `autoregressive`).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from genjax.arrays import as_float, sum_event
from genjax.base import Bijector, Direction as BijectorDirection
from genjax.checks import check_is
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Float, Key, PerExample, Variables

Values = Float[Array, "*shape"]
Parameters = Float[Array, "size *shape"]
Mapped = tuple[Values, Values]
Interval = tuple[float, float]
Direction = Callable[[Parameters, Values], Mapped]


class Elementwise(NamedTuple):
    """A family of increasing scalar maps, each with `size` parameters.

    Fields:
        size: parameters per element; 0 for a fixed map.
        forward: `(raw [size, *shape], x [*shape]) -> (y, log dy/dx)`, both `[*shape]`.
        inverse: `(raw, y) -> (x, log dx/dy)`.

    With zero parameters a learnt map is the identity or close to it. An `x` outside the
    domain has the log-derivative -inf, so that a density is 0 there, and never NaN.
    """

    size: int
    forward: Direction
    inverse: Direction


def elementwise(transform: Elementwise) -> Bijector:
    """Applies a scalar map with parameters of its own to every dimension.

        y_d = f(x_d; theta_d),   log|det| = sum_d log f'(x_d; theta_d)

    Args:
        transform: the scalar map.

    Returns:
        A bijector with the parameter `raw` `[size, *event]`, zeros at first; a fixed
        map has none. With `scale()` it is the diagonal scaling layer of NICE.

    Source: Papamakarios, Nalisnick, Rezende, Mohamed and Lakshminarayanan, 2021,
    arXiv:1912.02762.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.flows import elementwise, exponential
    >>> layer = elementwise(exponential())
    >>> x = jnp.zeros((1, 2))
    >>> y, log_det = layer.forward(layer.init(jax.random.key(0), x), x)
    >>> y.tolist(), log_det.tolist()
    ([[1.0, 1.0]], [0.0])
    """
    check_is("elementwise", Elementwise, transform=transform)

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del key, condition
        if not transform.size:
            return {"params": {}}
        return {"params": {"raw": jnp.zeros((transform.size, *x.shape[1:]))}}

    def direction(function: Direction) -> BijectorDirection:
        def apply(
            variables: Variables, x: Event, /, condition: Condition = None
        ) -> tuple[Event, PerExample]:
            del condition
            x = as_float(x)
            if not transform.size:
                y, log_slope = function(jnp.zeros((0, *x.shape)), x)
                return y, sum_event(log_slope)
            params = variables["params"]["raw"]
            if x.shape[1:] != params.shape[1:]:
                raise InputError(
                    "elementwise: it was initialised on events of the shape "
                    f"{params.shape[1:]}, got an x of {x.shape}."
                )
            raw = jnp.broadcast_to(params[:, None], (transform.size, *x.shape))
            y, log_slope = function(raw, x)
            return y, sum_event(log_slope)

        return apply

    return Bijector(init, direction(transform.forward), direction(transform.inverse))


def swap_directions(transform: Elementwise) -> Elementwise:
    """Swaps the directions of a scalar map.

    Numbers are `[*shape]`, parameters `[size, *shape]`.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import exponential, swap_directions
    >>> y, _ = swap_directions(exponential()).forward(jnp.zeros((0, 1)), jnp.ones(1))
    >>> y.tolist()
    [0.0]
    """
    check_is("swap_directions", Elementwise, transform=transform)
    return Elementwise(transform.size, transform.inverse, transform.forward)


def shift() -> Elementwise:
    """Adds a parameter: `y = x + t` (NICE).

    Numbers are `[*shape]`, parameters `[size, *shape]`.

    Source: Dinh, Krueger and Bengio, 2014, arXiv:1410.8516.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import shift
    >>> y, log_slope = shift().forward(jnp.ones((1, 2)), jnp.array([2.0, 3.0]))
    >>> y.tolist(), log_slope.tolist()
    ([3.0, 4.0], [0.0, 0.0])
    """

    def forward(raw: Parameters, x: Values) -> Mapped:
        return x + raw[0], jnp.zeros_like(x)

    def inverse(raw: Parameters, y: Values) -> Mapped:
        return y - raw[0], jnp.zeros_like(y)

    return Elementwise(1, forward, inverse)


def scale() -> Elementwise:
    """Multiplies by the exponential of a parameter: `y = x exp(s)`.

    Numbers are `[*shape]`, parameters `[size, *shape]`.

    Source: Dinh, Krueger and Bengio, 2014, arXiv:1410.8516.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import scale
    >>> y, log_slope = scale().forward(jnp.zeros((1, 2)), jnp.array([2.0, 3.0]))
    >>> y.tolist(), log_slope.tolist()
    ([2.0, 3.0], [0.0, 0.0])
    """

    def forward(raw: Parameters, x: Values) -> Mapped:
        return x * jnp.exp(raw[0]), raw[0]

    def inverse(raw: Parameters, y: Values) -> Mapped:
        return y * jnp.exp(-raw[0]), -raw[0]

    return Elementwise(1, forward, inverse)


def affine(*, max_log_scale: float = 3.0) -> Elementwise:
    """Scales and shifts: `y = x exp(s) + t` (RealNVP, MAF).

    `s` is `max_log_scale tanh(raw / max_log_scale)`, the identity for small values, so
    that no layer can explode.

    Numbers are `[*shape]`, parameters `[size, *shape]`.

    Args:
        max_log_scale: the bound of `|s|`.

    Raises:
        InputError: `max_log_scale` is not positive.

    Source: Dinh, Sohl-Dickstein and Bengio, 2017, arXiv:1605.08803.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import affine
    >>> y, log_slope = affine().forward(jnp.zeros((2, 3)), jnp.arange(3.0))
    >>> y.tolist(), log_slope.tolist()
    ([0.0, 1.0, 2.0], [0.0, 0.0, 0.0])
    """
    if max_log_scale <= 0:
        raise InputError(f"affine: max_log_scale must be positive, got {max_log_scale}")

    def log_scale(raw: Parameters) -> Values:
        return max_log_scale * jnp.tanh(raw[0] / max_log_scale)

    def forward(raw: Parameters, x: Values) -> Mapped:
        s = log_scale(raw)
        return x * jnp.exp(s) + raw[1], s

    def inverse(raw: Parameters, y: Values) -> Mapped:
        s = log_scale(raw)
        return (y - raw[1]) * jnp.exp(-s), -s

    return Elementwise(2, forward, inverse)


def exponential() -> Elementwise:
    """`y = exp(x)`, from the real line to the positive numbers.

    Numbers are `[*shape]`; there are no parameters.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import exponential
    >>> y, log_slope = exponential().forward(jnp.zeros((0, 2)), jnp.array([0.0, 1.0]))
    >>> y.round(3).tolist(), log_slope.tolist()
    ([1.0, 2.718], [0.0, 1.0])
    """
    return _fixed(jnp.exp, jnp.log, lambda x: x, image=(0.0, math.inf))


def softplus() -> Elementwise:
    """`y = log(1 + exp(x))`, from the real line to the positive numbers.

    Numbers are `[*shape]`; there are no parameters.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import softplus
    >>> y, _ = softplus().forward(jnp.zeros((0, 2)), jnp.array([0.0, 2.0]))
    >>> y.round(3).tolist()
    [0.693, 2.127]
    """
    return _fixed(
        jax.nn.softplus,
        lambda y: y + jnp.log(-jnp.expm1(-y)),
        jax.nn.log_sigmoid,
        image=(0.0, math.inf),
    )


def sigmoid() -> Elementwise:
    """`y = 1 / (1 + exp(-x))`, from the real line to (0, 1); flipped, the logit.

    Numbers are `[*shape]`; there are no parameters.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import sigmoid
    >>> y, _ = sigmoid().forward(jnp.zeros((0, 2)), jnp.array([0.0, 2.0]))
    >>> y.round(3).tolist()
    [0.5, 0.881]
    """
    return _fixed(
        jax.nn.sigmoid,
        lambda y: jnp.log(y) - jnp.log1p(-y),
        lambda x: jax.nn.log_sigmoid(x) + jax.nn.log_sigmoid(-x),
        image=(0.0, 1.0),
    )


def tanh() -> Elementwise:
    """The hyperbolic tangent, from the real line to (-1, 1).

    Numbers are `[*shape]`; there are no parameters.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import tanh
    >>> y, _ = tanh().forward(jnp.zeros((0, 2)), jnp.array([0.0, 2.0]))
    >>> y.round(3).tolist()
    [0.0, 0.964]
    """
    return _fixed(
        jnp.tanh,
        jnp.arctanh,
        lambda x: 2 * (math.log(2) - x - jax.nn.softplus(-2 * x)),
        image=(-1.0, 1.0),
    )


def normal_cdf() -> Elementwise:
    """The standard normal's distribution function, from the real line to (0, 1).

    Numbers are `[*shape]`; there are no parameters.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import normal_cdf
    >>> y, _ = normal_cdf().forward(jnp.zeros((0, 2)), jnp.array([0.0, 1.96]))
    >>> y.round(3).tolist()
    [0.5, 0.975]
    """
    return _fixed(
        jax.scipy.special.ndtr,
        jax.scipy.special.ndtri,
        lambda x: -0.5 * (x**2 + math.log(2 * math.pi)),
        image=(0.0, 1.0),
    )


def leaky_relu(*, slope: float = 0.1) -> Elementwise:
    """`y = x` for positive x, `slope x` otherwise.

    Numbers are `[*shape]`; there are no parameters.

    Raises:
        InputError: `slope` is not positive.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import leaky_relu
    >>> y, _ = leaky_relu(slope=0.5).forward(jnp.zeros((0, 2)), jnp.array([-2.0, 3.0]))
    >>> y.tolist()
    [-1.0, 3.0]
    """
    if slope <= 0:
        raise InputError(f"leaky_relu: slope must be positive, got {slope}.")
    return _fixed(
        lambda x: jnp.where(x > 0, x, slope * x),
        lambda y: jnp.where(y > 0, y, y / slope),
        lambda x: jnp.where(x > 0, 0.0, math.log(slope)),
    )


def power(*, exponent: float) -> Elementwise:
    """`y = x^exponent`, over the positive numbers.

    Numbers are `[*shape]`; there are no parameters.

    Raises:
        InputError: `exponent` is not positive.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import power
    >>> y, _ = power(exponent=2.0).forward(jnp.zeros((0, 2)), jnp.array([2.0, 3.0]))
    >>> y.round(3).tolist()
    [4.0, 9.0]
    """
    if exponent <= 0:
        raise InputError(f"power: exponent must be positive, got {exponent}.")
    return _fixed(
        lambda x: x**exponent,
        lambda y: y ** (1 / exponent),
        lambda x: math.log(exponent) + (exponent - 1) * jnp.log(x),
        domain=(0.0, math.inf),
        image=(0.0, math.inf),
    )


def logistic_mixture_cdf(*, components: int) -> Elementwise:
    """The logit of a mixture of logistic distribution functions (Flow++).

        y = logit sum_k pi_k sigmoid((x - m_k) / s_k)

    Its parameters are the logits of `pi`, the centres `m` and `log s`, offset so that
    zeros spread the centres over [-1, 1]; its inverse is found by bisection.

    Args:
        components: of the mixture.

    Raises:
        InputError: there is no component.

    Source: Ho, Chen, Srinivas, Duan and Abbeel, 2019, arXiv:1902.00275.

    >>> import jax.numpy as jnp
    >>> from genjax.flows import logistic_mixture_cdf
    >>> transform = logistic_mixture_cdf(components=2)
    >>> raw, x = jnp.zeros((transform.size, 3)), jnp.arange(3.0)
    >>> y, _ = transform.forward(raw, x)
    >>> transform.inverse(raw, y)[0].round(3).tolist()
    [0.0, 1.0, 2.0]
    """
    if components < 1:
        raise InputError(
            f"logistic_mixture_cdf: components must be at least 1, got {components}."
        )
    spread = jnp.linspace(-1.0, 1.0, components) if components > 1 else jnp.zeros(1)

    def forward(raw: Parameters, x: Values) -> Mapped:
        logits, centres, log_scales = jnp.split(raw, 3)
        log_pi = jax.nn.log_softmax(logits, axis=0)
        log_scales = 5 * jnp.tanh(log_scales / 5)
        offsets = spread.reshape(-1, *[1] * x.ndim)
        z = (x[None] - centres - offsets) * jnp.exp(-log_scales)
        below = jax.nn.logsumexp(log_pi + jax.nn.log_sigmoid(z), axis=0)
        above = jax.nn.logsumexp(log_pi + jax.nn.log_sigmoid(-z), axis=0)
        slopes = jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z) - log_scales
        log_density = jax.nn.logsumexp(log_pi + slopes, axis=0)
        return below - above, log_density - below - above

    return Elementwise(3 * components, forward, inverse_by_bisection(forward))


def inverse_by_bisection(
    forward: Direction,
    *,
    low: float | Array = -1e4,
    high: float | Array = 1e4,
    iterations: int = 45,
) -> Direction:
    """The inverse of an increasing map that has no closed one.

    After the bisection, Newton steps polish the root, the last of which carries the
    exact first derivatives in the value and in the parameters.

    Args:
        forward: of an `Elementwise`.
        low: where roots begin, one number or one a root.
        high: where they end.
        iterations: halvings of the interval.
    """

    def inverse(raw: Parameters, y: Values) -> Mapped:
        fixed, target = jax.lax.stop_gradient((raw, y))

        def halve(bounds: tuple[Array, Array], _: None) -> tuple[Mapped, None]:
            middle = 0.5 * (bounds[0] + bounds[1])
            is_below = forward(fixed, middle)[0] < target
            return (
                jnp.where(is_below, middle, bounds[0]),
                jnp.where(is_below, bounds[1], middle),
            ), None

        def end(value: float | Array) -> Array:
            fixed = jax.lax.stop_gradient(jnp.asarray(value, y.dtype))
            return jnp.broadcast_to(fixed, y.shape)

        start = (end(low), end(high))
        bounds, _ = jax.lax.scan(halve, start, None, length=iterations)
        x = 0.5 * (bounds[0] + bounds[1])
        polish, log_slope = forward(raw, x)
        step = (polish - y) * jnp.exp(-jax.lax.stop_gradient(log_slope))
        x = x - jnp.clip(step, -1e-2, 1e-2)
        return x, -forward(raw, x)[1]

    return inverse


def _is_within(x: Values, interval: Interval | None) -> Array:
    if interval is None:
        return jnp.ones(x.shape, bool)
    low, high = interval
    return (x > low) & (x < high)


def _clip_into(y: Values, interval: Interval | None) -> Values:
    """Values inside an open interval that begins at 0 or below and ends above."""
    if interval is None:
        return y
    low, high = interval
    info = jnp.finfo(y.dtype)
    inwards = 1 - float(info.epsneg)
    least = low * inwards + float(info.tiny)
    return jnp.clip(y, least, min(high * inwards, float(info.max)))


def _fixed(
    forward: Callable[[Values], Values],
    inverse: Callable[[Values], Values],
    log_slope: Callable[[Values], Values],
    *,
    domain: Interval | None = None,
    image: Interval | None = None,
) -> Elementwise:
    """A map without parameters; 1/2 stands in for what is outside.

    Domain and image are open, the whole line where there is none. A value that would be
    rounded to an end of the image, or beyond, is the last number inside it, so that
    every value that is reached has an inverse.
    """

    def apply_forward(raw: Parameters, x: Values) -> Mapped:
        del raw
        inside = _is_within(x, domain)
        x = jnp.where(inside, x, 0.5)
        y = _clip_into(forward(x), image)
        return y, jnp.where(inside, log_slope(x), -jnp.inf)

    def apply_inverse(raw: Parameters, y: Values) -> Mapped:
        del raw
        inside = _is_within(y, image)
        x = inverse(jnp.where(inside, y, 0.5))
        return x, jnp.where(inside, -log_slope(x), -jnp.inf)

    return Elementwise(0, apply_forward, apply_inverse)
