"""What one dimension is drawn from: a bit, a class, a real number, a grey level."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from genjax.densities._bernoulli import bernoulli_log_prob, smoothed_logits
from genjax.densities._normal import standard_log_density
from genjax.errors import InputError
from genjax.typing import Array, Float, Key

Values = Float[Array, "*b"]
Outputs = Float[Array, "*b size"]


class Conditional(NamedTuple):
    """The distribution of one dimension.

    Fields:
        size: how many numbers determine it.
        inputs: how many numbers tell a network of a value.
        log_prob: `(outputs [*b, size], x [*b]) -> [*b]`, in nats.
        sample: `(key, outputs [*b, size]) -> x [*b]`.
        embed: `x [*b] -> [*b, inputs]`.
        marginal: `x [b, D] -> [D, size]`: the outputs of each dimension by itself, near
            its maximum likelihood; where training starts.
        check: raises an `InputError` for concrete values outside the domain.
        outputs_are_logits: so that a temperature divides them.
        at: `d -> Conditional`, that of column `d`, which may be traced, where columns
            differ; then `log_prob` and its like take whole rows, `[b, D]`.
    """

    size: int
    inputs: int
    log_prob: Callable[[Array, Array], Array]
    sample: Callable[[Key, Array], Array]
    embed: Callable[[Array], Array]
    marginal: Callable[[Array], Array]
    check: Callable[[Array], None] = lambda x: None
    outputs_are_logits: bool = False
    at: Callable[[Array], Any] | None = None

    def of(self, d: Array) -> "Conditional":
        """The conditional of one column."""
        return self if self.at is None else self.at(d)


def binary() -> Conditional:
    """Zero or one, by a logit.

    Values are `[*b]`, their logits `[*b, 1]`.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import binary
    >>> binary().log_prob(jnp.zeros((1, 1)), jnp.ones(1)).round(4).tolist()
    [-0.6931]
    """

    def log_prob(outputs: Outputs, x: Values) -> Values:
        return bernoulli_log_prob(outputs[..., 0], x)

    def sample(key: Key, outputs: Outputs) -> Values:
        probability = jax.nn.sigmoid(outputs[..., 0])
        return jax.random.bernoulli(key, probability).astype(outputs.dtype)

    return Conditional(
        1,
        1,
        log_prob,
        sample,
        lambda x: x[..., None],
        lambda x: smoothed_logits(x)[:, None],
        lambda x: _check_integers("binary", x, 2),
        outputs_are_logits=True,
    )


def categorical(classes: int) -> Conditional:
    """One of `classes` integers 0, 1, ..., as floats; a network sees them one-hot.

    Values are `[*b]`, their logits `[*b, classes]`.

    Args:
        classes: how many.

    Raises:
        InputError: there are fewer than two.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import categorical
    >>> categorical(4).log_prob(jnp.zeros((1, 4)), jnp.ones(1)).round(4).tolist()
    [-1.3863]
    """
    if classes < 2:
        raise InputError(f"categorical: classes must be at least 2, got {classes}.")

    def log_prob(outputs: Outputs, x: Values) -> Values:
        is_class = _one_hot(x, classes) > 0
        log_p = jax.nn.log_softmax(outputs)
        value = jnp.sum(jnp.where(is_class, log_p, 0.0), axis=-1)
        return jnp.where(jnp.any(is_class, axis=-1), value, -jnp.inf)

    def marginal(x: Array) -> Array:
        return jnp.log((1 + _one_hot(x, classes).sum(axis=0)) / (len(x) + classes))

    return Conditional(
        classes,
        classes,
        log_prob,
        lambda key, outputs: jax.random.categorical(key, outputs).astype(jnp.float32),
        lambda x: _one_hot(x, classes),
        marginal,
        lambda x: _check_integers(f"categorical({classes})", x, classes),
        outputs_are_logits=True,
    )


def normal_mixture(components: int) -> Conditional:
    """A mixture of normals, the scale of each above a learnt floor: RNADE's.

        p(x) = sum_k pi_k N(x; m_k, s_k^2),   s_k = exp(a_k) + softplus(f) + 1e-3

    Its numbers are the logits of `pi`, the means `m`, the `a` and the floor's `f`.

    Values are `[*b]`, what determines them `[*b, 3 components + 1]`.

    Args:
        components: of the mixture.

    Raises:
        InputError: there is no component.

    Source: Uria, Murray and Larochelle, 2013, arXiv:1306.0186.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import normal_mixture
    >>> conditional = normal_mixture(2)
    >>> conditional.log_prob(jnp.zeros((3, conditional.size)), jnp.zeros(3)).shape
    (3,)
    """
    return _mixture(
        "normal_mixture",
        components,
        standard_log_density,
        jax.random.normal,
    )


def laplace_mixture(components: int) -> Conditional:
    """A mixture of Laplace densities; see `normal_mixture`.

        p(x) = sum_k pi_k exp(-|x - m_k| / s_k) / 2 s_k

    Values are `[*b]`, what determines them `[*b, 3 components + 1]`.

    Args:
        components: of the mixture.

    Raises:
        InputError: there is no component.

    Source: Uria, Murray and Larochelle, 2013, arXiv:1306.0186.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import laplace_mixture
    >>> conditional = laplace_mixture(2)
    >>> conditional.log_prob(jnp.zeros((3, conditional.size)), jnp.zeros(3)).shape
    (3,)
    """
    return _mixture(
        "laplace_mixture",
        components,
        lambda z: -jnp.abs(z) - math.log(2),
        jax.random.laplace,
    )


def grey_levels(*, levels: int, components: int) -> Conditional:
    """Integers 0 ... levels - 1 by a mixture of logistics, cut into bins: PixelCNN++.

        P(x) = sum_k pi_k (F((x + 1/2 - m_k) / s_k) - F((x - 1/2 - m_k) / s_k)),

    with the outermost bins reaching to infinity. A network sees `2 x / (levels - 1) -
    1`, and the `m` and `s` are on that scale.

    Values are `[*b]`, what determines them `[*b, 3 components]`.

    Args:
        levels: how many.
        components: of the mixture.

    Raises:
        InputError: there are fewer than two levels, or no component.

    Source: Salimans, Karpathy, Chen and Kingma, 2017, arXiv:1701.05517.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import grey_levels
    >>> conditional = grey_levels(levels=4, components=2)
    >>> outputs = jnp.zeros((4, conditional.size))
    >>> x = jnp.arange(4.0)
    >>> jnp.exp(conditional.log_prob(outputs, x)).sum().round(5).item()
    1.0
    """
    if levels < 2 or components < 1:
        raise InputError(
            "grey_levels: levels must be at least 2 and components at least 1, "
            f"got {levels} and {components}."
        )
    half = 1 / (levels - 1)

    def scaled(x: Array) -> Array:
        return 2 * half * x - 1

    def parts(outputs: Array) -> tuple[Array, Array, Array]:
        logits, means, log_scales = jnp.split(outputs, 3, axis=-1)
        return logits, means, jnp.clip(log_scales, -7.0, 7.0)

    def log_prob(outputs: Outputs, x: Values) -> Values:
        logits, means, log_scales = parts(outputs)
        x = x[..., None]
        rate = jnp.exp(-log_scales)
        upper = (scaled(x) + half - means) * rate
        lower = (scaled(x) - half - means) * rate
        # F(u) - F(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)), without cancellation.
        inside = jax.nn.log_sigmoid(upper) + jax.nn.log_sigmoid(-lower)
        inside = inside + jnp.log(-jnp.expm1(-2 * half * rate))
        first, last = jax.nn.log_sigmoid(upper), jax.nn.log_sigmoid(-lower)
        each = jnp.where(x < 0.5, first, jnp.where(x > levels - 1.5, last, inside))
        return jax.nn.logsumexp(jax.nn.log_softmax(logits) + each, axis=-1)

    def sample(key: Key, outputs: Outputs) -> Values:
        logits, means, log_scales = parts(outputs)
        key_component, key_value = jax.random.split(key)
        chosen = jax.random.categorical(key_component, logits)
        mean, log_scale = (_choose(leaf, chosen) for leaf in (means, log_scales))
        noise = jax.random.logistic(key_value, mean.shape)
        x = (mean + jnp.exp(log_scale) * noise + 1) / (2 * half)
        return jnp.clip(jnp.round(x), 0.0, levels - 1.0)

    def marginal(x: Array) -> Array:
        return _spread(scaled(x), components, smallest=half)

    return Conditional(
        3 * components,
        1,
        log_prob,
        sample,
        lambda x: scaled(x)[..., None],
        marginal,
        lambda x: _check_integers("grey_levels", x, levels),
    )


def cooled(conditional: Conditional, *, temperature: float) -> Conditional:
    """A discrete conditional at another temperature: `p(x)^(1 / T)`, normalised.

    A model built on it takes the parameters of the model at temperature 1, and is a
    density like any other: its samples carry their own log-probability.

    Shapes are those of `conditional`: values `[*b]`, logits `[*b, size]`.

    Args:
        conditional: `binary()` or `categorical(classes)`, whose outputs are logits.
        temperature: T; below 1 the likely becomes likelier.

    Raises:
        InputError: `temperature` is not positive, or the outputs are no logits.

    >>> import jax.numpy as jnp
    >>> from genjax.autoregressive import binary, cooled
    >>> cold = cooled(binary(), temperature=0.5)
    >>> cold.log_prob(jnp.ones((1, 1)), jnp.ones(1)).round(4).tolist()
    [-0.1269]
    """
    if not temperature > 0:
        raise InputError(f"cooled: temperature must be positive, got {temperature}.")
    if not conditional.outputs_are_logits:
        raise InputError(
            "cooled: only conditionals whose outputs are logits have a temperature: "
            "binary() and categorical(classes)."
        )
    return conditional._replace(
        log_prob=lambda outputs, x: conditional.log_prob(outputs / temperature, x),
        sample=lambda key, outputs: conditional.sample(key, outputs / temperature),
    )


def _mixture(
    name: str,
    components: int,
    log_density: Callable[[Array], Array],
    draw: Callable[[Key, tuple[int, ...]], Array],
) -> Conditional:
    if components < 1:
        raise InputError(f"{name}: components must be at least 1, got {components}.")

    def parts(outputs: Array) -> tuple[Array, Array, Array]:
        logits, means, log_scales = jnp.split(outputs[..., :-1], 3, axis=-1)
        floor = jax.nn.softplus(outputs[..., -1:]) + 1e-3
        return logits, means, jnp.exp(jnp.clip(log_scales, -20.0, 20.0)) + floor

    def log_prob(outputs: Outputs, x: Values) -> Values:
        logits, means, scales = parts(outputs)
        each = log_density((x[..., None] - means) / scales) - jnp.log(scales)
        return jax.nn.logsumexp(jax.nn.log_softmax(logits) + each, axis=-1)

    def sample(key: Key, outputs: Outputs) -> Values:
        logits, means, scales = parts(outputs)
        key_component, key_value = jax.random.split(key)
        chosen = jax.random.categorical(key_component, logits)
        mean, scale = _choose(means, chosen), _choose(scales, chosen)
        return mean + scale * draw(key_value, mean.shape)

    def marginal(x: Array) -> Array:
        floor = jnp.full((x.shape[1], 1), -5.0)
        return jnp.concatenate([_spread(x, components, smallest=1e-3), floor], axis=1)

    return Conditional(
        3 * components + 1,
        1,
        log_prob,
        sample,
        lambda x: x[..., None],
        marginal,
        lambda x: _check(name, x, np.isfinite, "finite"),
    )


def _spread(x: Array, components: int, *, smallest: float) -> Array:
    """Equal components, spread over a deviation on either side of the mean."""
    places = (
        jnp.linspace(-1.0, 1.0, components, dtype=jnp.float32)
        if components > 1
        else jnp.zeros(1, jnp.float32)
    )
    deviation = jnp.maximum(x.std(axis=0), smallest)[:, None]
    means = x.mean(axis=0)[:, None] + deviation * places[None]
    log_scales = jnp.broadcast_to(jnp.log(deviation), means.shape)
    return jnp.concatenate([jnp.zeros_like(means), means, log_scales], axis=1)


def _one_hot(x: Array, classes: int) -> Array:
    ticks = jnp.arange(float(classes)).reshape(*[1] * x.ndim, classes)
    return (x[..., None] == ticks).astype(jnp.float32)


def _choose(values: Array, index: Array) -> Array:
    return jnp.take_along_axis(values, index[..., None], axis=-1)[..., 0]


def _check_integers(name: str, x: Array, levels: int) -> None:
    ticks = np.arange(levels)
    rule = f"integers from 0 to {levels - 1}"
    _check(name, x, lambda values: np.isin(values, ticks), rule)


def _check(
    name: str, x: Array, is_right: Callable[[np.ndarray], np.ndarray], rule: str
) -> None:
    if isinstance(x, jax.core.Tracer):
        return
    values = np.asarray(x, np.float32)
    wrong = np.argwhere(~is_right(values))
    if len(wrong):
        row, column = wrong[0]
        raise InputError(
            f"{name}: values must be {rule}, got {values[row, column]} in column "
            f"{column} (row {row})."
        )
