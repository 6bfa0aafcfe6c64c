"""Features of small objects, made like those of large ones.

Source: Li, Liang, Wei, Xu, Feng and Yan, 2017, arXiv:1706.05424.
"""

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp

from genjax.arrays import drawn_boxes, widened
from genjax.base import BatchInit, Network, NetworkLike, Objective
from genjax.checks import check_scaled
from genjax.detection._boxes import centre_and_size
from genjax.detection.scales._pyramid import in_range, placement_in, resized
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array, Batch, Features, Float, Key, Outcome, Variables
from genjax.variables import passes_in_turn

Levels = tuple[Array, ...]
Pairs = Callable[[Variables, Batch, Key], tuple[Levels, Levels]]
"""`(variables, batch, key) -> (what is wanted, what is made)`, arrays of one shape."""
TWICE = 2
"""How many times as large as its input a generator's output is."""


def with_enlarged(generator: NetworkLike) -> Network:
    """Levels, or images, and what a generator makes of them: twice as large.

    After a neck, `in_turn(neck, with_enlarged(generator))`, or before it, `in_turn(
    with_enlarged(generator), for_each_image(neck, levels=...))`, it makes features as a
    detector would have them of an image enlarged. In the place of a backbone, with
    `for_each_image(in_turn(backbone, neck))` as the neck, it makes images to find small
    objects in. The head `by_branch(head, scales=(1, 2), ...)` takes them all.

    Args:
        generator: from levels to as many of twice the size, as
            `genjax.nn.SuperResolution`.

    Returns:
        A network from levels, or images as a single one, to those and the generator's.
        Its variables are the generator's.

    Raises:
        InputError: the generator returns other sizes.

    Source: Li et al., 2017, arXiv:1706.05424 (features); Haris, Shakhnarovich and
    Ukita, 2018, arXiv:1803.11316 (images).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.detection.scales import with_enlarged
    >>> network = with_enlarged(nn.SuperResolution(width=4))
    >>> levels = (jnp.ones((1, 8, 8, 4)), jnp.ones((1, 4, 4, 4)))
    >>> found = network.apply(network.init(jax.random.key(0), levels), levels)
    >>> [x.shape for x in found]
    [(1, 8, 8, 4), (1, 4, 4, 4), (1, 16, 16, 4), (1, 8, 8, 4)]
    """
    network = as_network(generator, user="with_enlarged")

    def with_made(levels: Levels, made: Sequence[Array]) -> Levels:
        shapes = [x.shape for x in made]
        sizes = (x.shape for x in levels)
        wanted = [(b, TWICE * h, TWICE * w, c) for b, h, w, c in sizes]
        if shapes != wanted:
            raise InputError(
                "with_enlarged: the generator must return levels of twice the size, "
                f"{wanted}, got {shapes}."
            )
        return (*levels, *made)

    def init(key: Key, /, *inputs: Features) -> Variables:
        return network.init(key, _as_levels(*inputs))

    def apply(variables: Variables, /, *inputs: Features) -> Levels:
        levels = _as_levels(*inputs)
        return with_made(levels, network.apply(variables, levels))

    def train(
        variables: Variables, key: Key, /, *inputs: Features
    ) -> tuple[Levels, Variables]:
        levels = _as_levels(*inputs)
        made, changed = network.train(variables, key, levels)
        return with_made(levels, made), changed

    return Network(init, apply, train)


def _as_levels(x: Features) -> Levels:
    return (x,) if hasattr(x, "ndim") else tuple(x)


def for_each_image(network: NetworkLike, *, levels: int | None = None) -> Network:
    """A network of every one of several images, which may have any sizes.

    Args:
        network: from images to levels, or from levels to levels.
        levels: how many each image has; None where the network takes images.

    Returns:
        A network from a sequence of images, or of the levels of all, one image after
        the other, to the levels of all. Its variables are those of `network`.

    Raises:
        InputError: the levels are not as many for each image.

    Source: Adelson et al., 1984, Pyramid methods in image processing.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.detection.scales import for_each_image
    >>> network = for_each_image(nn.PyramidBackbone(widths=(4,), levels=1, stem=4))
    >>> images = (jnp.ones((1, 16, 16, 3)), jnp.ones((1, 32, 32, 3)))
    >>> variables = network.init(jax.random.key(0), images)
    >>> [x.shape for x in network.apply(variables, images)]
    [(1, 4, 4, 4), (1, 8, 8, 4)]
    """
    own = as_network(network, user="for_each_image")
    if levels is not None and levels < 1:
        raise InputError(f"for_each_image: levels must be at least 1, got {levels}.")

    def each(inputs: Features) -> Sequence[Features]:
        if levels is None:
            return inputs
        if len(inputs) % levels:
            raise InputError(
                f"for_each_image: {len(inputs)} levels are not {levels} for each image."
            )
        starts = range(0, len(inputs), levels)
        return [inputs[start : start + levels] for start in starts]

    def init(key: Key, /, *inputs: Features) -> Variables:
        (given,) = inputs
        return own.init(key, each(given)[0])

    def apply(variables: Variables, /, *inputs: Features) -> Levels:
        (given,) = inputs
        found = [_as_levels(own.apply(variables, x)) for x in each(given)]
        return tuple(itertools.chain.from_iterable(found))

    def train(
        variables: Variables, key: Key, /, *inputs: Features
    ) -> tuple[Levels, Variables]:
        (given,) = inputs
        passes = [lambda seen, part, x=x: own.train(seen, part, x) for x in each(given)]
        found, changed = passes_in_turn(variables, key, passes)
        return tuple(itertools.chain.from_iterable(map(_as_levels, found))), changed

    return Network(init, apply, train)


def feature_pairs(
    network: Callable[[Variables, Array], Sequence[Array]],
    *,
    window: int,
    largest: float,
    objects: int = 4,
) -> Pairs:
    """Features of objects, and those that are made of the same objects shrunk.

    The image is seen in its size and in half of it; what the generator makes of the
    latter is to be like the former. Both are cut about the same objects.

    Args:
        network: `(variables, images) -> levels`, those of the image first, then
            those that are made of them, as `with_enlarged` after a neck.
        window: the side of what is cut out of the finest level, in its places; from
            coarser levels as much of the image.
        largest: the greatest root of an object's area, in pixels of the image shrunk.
        objects: how many windows of each image, drawn with replacement; about places
            drawn from the whole image where it shows no such object.

    Returns:
        `(variables, batch, key) -> (features, those that are made)`, tuples of levels
        `[b objects, h, w, c]`, of batches as `detection_objective` takes them. The
        former have no gradient, and both are those of evaluation.

    Raises:
        InputError: a number is not positive, or, where it is used, a window is larger
            than its level, or the shrunk image has other levels.

    Source: Li et al., 2017, arXiv:1706.05424; Noh, Bae, Lee, Seo and Kim, 2019,
    doi:10.1109/ICCV.2019.00982 (pairs by shrinking).

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection.scales import feature_pairs
    >>> def network(variables, x):  # "features" are means; "made" ones are copies
    ...     small = x[:, ::2, ::2]
    ...     return (small, x)
    >>> pairs = feature_pairs(network, window=4, largest=8.0)
    >>> box, valid = jnp.array([[[2.0, 2, 9, 9]]]), jnp.ones((1, 1), bool)
    >>> batch = {"image": jnp.ones((1, 32, 32, 1)), "xyxy": box, "valid": valid}
    >>> wanted, made = pairs({}, batch, jax.random.key(0))
    >>> wanted[0].shape, made[0].shape
    ((4, 4, 4, 1), (4, 4, 4, 1))
    """
    if min(window, largest, objects) <= 0:
        raise InputError(
            "feature_pairs: window, largest and objects must be positive, got "
            f"{window}, {largest} and {objects}."
        )

    def pairs(variables: Variables, batch: Batch, key: Key) -> tuple[Levels, Levels]:
        image = batch["image"]
        small = _shrunk("feature_pairs", image)
        levels, of_small = network(variables, image), network(variables, small)
        half = len(levels) // 2
        wanted, made = tuple(levels[:half]), tuple(of_small[half:])
        shapes = [[x.shape for x in part] for part in (wanted, made)]
        if len(levels) % 2 or shapes[0] != shapes[1]:
            raise InputError(
                "feature_pairs: what is made of the image shrunk must have the shapes "
                f"of the image's own levels, got {shapes[1]} and {shapes[0]}."
            )
        is_small = in_range(placement_in(image, small).of(batch["xyxy"]), 0.0, largest)
        is_object = batch["valid"] & is_small
        if "ignore" in batch:
            is_object = is_object & ~batch["ignore"]
        place = _places(key, batch["xyxy"], is_object, image.shape[1:3], objects)
        finest = wanted[0].shape[1]
        sides = [max(window * x.shape[1] // finest, 1) for x in wanted]

        def cut(levels: Levels) -> Levels:
            pairs = zip(levels, sides, strict=True)
            return tuple(_windows(x, place, side) for x, side in pairs)

        return cut(jax.lax.stop_gradient(wanted)), cut(made)

    return pairs


def _shrunk(user: str, image: Array) -> Array:
    check_scaled(user, image)
    if image.shape[1] % TWICE or image.shape[2] % TWICE:
        raise InputError(
            f"{user}: the sides of images must be even, got {image.shape[1]} x "
            f"{image.shape[2]}."
        )
    return resized(image, 1 / TWICE)


def _places(
    key: Key, xyxy: Array, is_object: Array, size: tuple[int, int], count: int
) -> Float[Array, "b k 2"]:
    """Centres of objects, or any places, as shares of the image's sides."""
    key_object, key_place = jax.random.split(key)
    keys = jax.random.split(key_object, len(xyxy))
    boxes, some = jax.vmap(partial(drawn_boxes, count=count))(keys, xyxy, is_object)
    sides = jnp.array([size[1], size[0]], jnp.float32)[None, None]
    centre = centre_and_size(boxes)[0] / sides
    anywhere = jax.random.uniform(key_place, centre.shape)
    return jnp.where(some[:, None, None], centre, anywhere)


def _windows(
    level: Float[Array, "b h w c"], place: Float[Array, "b k 2"], side: int
) -> Float[Array, "bk side side c"]:
    """What is about places, moved inside the level at its edges."""
    _, height, width, channels = level.shape
    if side > min(height, width):
        raise InputError(
            f"feature_pairs: a window of {side} places is larger than a level of "
            f"{height} x {width}."
        )
    sides = jnp.array([width, height], jnp.float32)[None, None]
    start = jnp.clip(jnp.round(place * sides - side / 2), 0.0, sides - side)
    start = start.astype(jnp.int32)
    cut = jax.vmap(
        jax.vmap(
            lambda x, at: jax.lax.dynamic_slice(
                x, (at[1], at[0], 0), (side, side, channels)
            ),
            in_axes=(None, 0),
        )
    )(level, start)
    return cut.reshape(-1, side, side, channels)


def image_pairs(enlarge: Callable[[Variables, Array], Array]) -> Pairs:
    """Images, and those that are made of the same images shrunk.

    Args:
        enlarge: `(variables, images) -> images` of twice the size.

    Returns:
        `(variables, batch, key) -> (images, those that are made)`, of batches with
        `"image"`, a tuple of one array each.

    Source: Dong, Loy, He and Tang, 2016, arXiv:1501.00092.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection.scales import image_pairs, resized
    >>> pairs = image_pairs(lambda variables, x: resized(x, 2.0))
    >>> (x,), (made,) = pairs({}, {"image": jnp.ones((1, 8, 8, 1))}, jax.random.key(0))
    >>> x.shape, made.shape
    ((1, 8, 8, 1), (1, 8, 8, 1))
    """

    def pairs(variables: Variables, batch: Batch, key: Key) -> tuple[Levels, Levels]:
        del key
        image = batch["image"]
        return (image,), (enlarge(variables, _shrunk("image_pairs", image)),)

    return pairs


def content_loss(init: BatchInit, pairs: Pairs) -> Objective:
    """How far what is made is from what is wanted.

        loss = sum over the levels of mean (wanted - made)^2

    Args:
        init: `(key, batch) -> variables`, those of `pairs`.
        pairs: as `feature_pairs` or `image_pairs`.

    Returns:
        An objective of the batches of `pairs`.

    Raises:
        InputError: where it is used, what is made has other shapes.

    Source: Noh et al., 2019, doi:10.1109/ICCV.2019.00982.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.detection.scales import content_loss
    >>> pairs = lambda v, batch, key: ((batch["x"],), (batch["x"] / 2,))
    >>> objective = content_loss(lambda key, batch: {"params": {}}, pairs)
    >>> batch = {"x": jnp.full((1, 4), 2.0)}
    >>> objective.loss({"params": {}}, batch, jax.random.key(0))[0].item()
    1.0
    """

    def loss(variables: Variables, batch: Batch, key: Key, /) -> Outcome:
        wanted, made = pairs(variables, batch, key)
        shapes = [[x.shape for x in part] for part in (wanted, made)]
        if shapes[0] != shapes[1]:
            raise InputError(
                "content_loss: what is made must have the shapes of what is wanted, "
                f"{shapes[0]}, got {shapes[1]}."
            )
        both = zip(widened(wanted), widened(made), strict=True)
        value = sum((jnp.mean((x - y) ** 2) for x, y in both), jnp.zeros(()))
        return value, ({}, {"loss": value})

    return Objective(init, loss)
