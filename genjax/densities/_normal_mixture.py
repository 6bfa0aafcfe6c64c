"""Mixtures of normals, initialised by k-means."""

import jax
import jax.numpy as jnp

from genjax.arrays import as_float, matmul
from genjax.base import Density
from genjax.checks import check_event
from genjax.densities._normal import standard_log_density
from genjax.errors import InputError
from genjax.typing import Array, Condition, Event, Float, Key, PerExample, Variables


def diagonal_normal_mixture(*, components: int) -> Density:
    """A mixture of normals with diagonal covariances, over vectors.

        log p(x) = log sum_k pi_k N(x; mean_k, scale_k^2)

    Examples are `[b, d]`, log-densities `[b]`.

    Args:
        components: of the mixture.

    Returns:
        A density with the parameters `logits`, `mean` and `log_scale`: the clusters of
        k-means on the first batch, their shares and their spreads.

    Raises:
        InputError: there is no component, or the first batch has fewer rows.

    Source: Dempster, Laird and Rubin, 1977.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities import diagonal_normal_mixture
    >>> model = diagonal_normal_mixture(components=2)
    >>> x = jnp.array([[0.0], [0.2], [5.0], [5.2]])
    >>> params = model.init(jax.random.key(0), x)["params"]
    >>> sorted(params["mean"][:, 0].round(4).tolist())
    [0.1, 5.1]
    """
    if components < 1:
        raise InputError(
            f"diagonal_normal_mixture: components must be at least 1, got {components}."
        )

    def init(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        x = as_float(x)
        mean = k_means(key, x, components=components)
        member = jax.nn.one_hot(_nearest(x, mean), components, dtype=x.dtype)
        count = member.sum(axis=0)
        squares = matmul(member.T, (x - mean[_nearest(x, mean)]) ** 2)
        scale = jnp.sqrt(squares / jnp.maximum(count, 1.0)[:, None])
        return {
            "params": {
                "logits": jnp.log(jnp.maximum(count, 1.0) / len(x)),
                "mean": mean,
                "log_scale": jnp.log(jnp.maximum(scale, 1e-2)),
            }
        }

    def log_prob(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> PerExample:
        del condition
        params = variables["params"]
        log_scale = params["log_scale"]
        check_event("diagonal_normal_mixture", log_scale.shape[1:], x)
        noise = (x[:, None] - params["mean"][None]) * jnp.exp(-log_scale)[None]
        terms = standard_log_density(noise) - log_scale[None]
        log_pi = jax.nn.log_softmax(params["logits"])
        return jax.nn.logsumexp(log_pi[None] + terms.sum(axis=2), axis=1)

    def sample(
        variables: Variables, key: Key, n: int, /, condition: Condition = None
    ) -> tuple[Array, Array]:
        params = variables["params"]
        key_component, key_noise = jax.random.split(key)
        k = jax.random.categorical(key_component, params["logits"], shape=(n,))
        noise = jax.random.normal(key_noise, (n, params["mean"].shape[1]))
        x = params["mean"][k] + jnp.exp(params["log_scale"])[k] * noise
        return x, log_prob(variables, x, condition)

    return Density(init, log_prob, sample)


def k_means(
    key: Key, x: Float[Array, "b d"], *, components: int, iterations: int = 20
) -> Float[Array, "k d"]:
    """Returns the centres of k-means, from the starts of k-means++.

    Args:
        key: draws the starts.
        x: the points.
        components: how many centres.
        iterations: of Lloyd's algorithm.

    Raises:
        InputError: there are fewer points than centres.

    Source: Arthur and Vassilvitskii, 2007, "k-means++".

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.densities._normal_mixture import k_means
    >>> centres = k_means(jax.random.key(0), jnp.array([[0.0], [9.0]]), components=2)
    >>> sorted(centres[:, 0].tolist())
    [0.0, 9.0]
    """
    if len(x) < components:
        raise InputError(
            f"k_means: {components} centres need as many points, got {len(x)}."
        )
    x = as_float(x)
    key_first, key_rest = jax.random.split(key)
    first = x[jax.random.randint(key_first, (), 0, len(x))]

    def choose(distance: Array, key: Key) -> tuple[Array, Array]:
        # Where all points are centres already, any will do.
        logits = jnp.where(distance > 0, jnp.log(jnp.maximum(distance, 1e-30)), -1e9)
        centre = x[jax.random.categorical(key, logits)]
        return jnp.minimum(distance, _squares(x, centre[None])[:, 0]), centre

    start = _squares(x, first[None])[:, 0]
    _, others = jax.lax.scan(choose, start, jax.random.split(key_rest, components - 1))

    def improve(centres: Array, _: None) -> tuple[Array, None]:
        member = jax.nn.one_hot(_nearest(x, centres), components, dtype=x.dtype)
        count = member.sum(axis=0)[:, None]
        means = matmul(member.T, x) / jnp.maximum(count, 1.0)
        return jnp.where(count > 0, means, centres), None

    centres = jnp.concatenate([first[None], others])
    return jax.lax.scan(improve, centres, None, length=iterations)[0]


def _squares(x: Array, centres: Array) -> Array:
    return jnp.sum((x[:, None] - centres[None]) ** 2, axis=2)


def _nearest(x: Array, centres: Array) -> Array:
    return jnp.argmin(_squares(x, centres), axis=1)
