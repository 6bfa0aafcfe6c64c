"""Branches that share their weights, each for the objects of its sizes.

Source: Li, Chen, Wang and Zhang, 2019, arXiv:1901.01892.
"""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax

from genjax.base import Head, Network, NetworkLike
from genjax.checks import check_is
from genjax.detection._boxes import Boxes
from genjax.detection._dense import cut_to_image
from genjax.detection.scales._merging import Merge, by_suppression, joined
from genjax.detection.scales._pyramid import Range, check_ranges, in_range
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array, Features, Key, Raw, Targets, Variables
from genjax.variables import passes_in_turn


def shared_branches(branches: Sequence[NetworkLike]) -> Network:
    """Networks side by side that differ in all but their weights, which they share.

    One of them alone, with the same variables, is called a fast TridentNet.

    Args:
        branches: networks from levels to levels whose variables have the same shapes,
            as `genjax.nn.ResidualStage` of several dilations.

    Returns:
        A network from levels to those of all branches, one branch after the other. Its
        variables are those of one branch.

    Raises:
        InputError: there is no branch, or, at `init`, their variables differ.

    Source: Li, Chen, Wang and Zhang, 2019, arXiv:1901.01892.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.detection.scales import shared_branches
    >>> stages = [nn.ResidualStage(width=4, dilation=d) for d in (1, 2, 3)]
    >>> network, levels = shared_branches(stages), (jnp.ones((1, 8, 8, 4)),)
    >>> variables = network.init(jax.random.key(0), levels)
    >>> [y.shape for y in network.apply(variables, levels)]
    [(1, 8, 8, 4), (1, 8, 8, 4), (1, 8, 8, 4)]
    """
    if not isinstance(branches, Sequence) or not branches:
        raise InputError(
            f"shared_branches: branches must be a sequence of networks, got {branches}."
        )
    networks = [as_network(branch, user="shared_branches") for branch in branches]

    def init(key: Key, /, *levels: Features) -> Variables:
        first, *others = (
            jax.tree_util.tree_leaves_with_path(jax.eval_shape(own.init, key, *levels))
            for own in networks
        )
        for place, own in enumerate(others, start=1):
            pairs = itertools.zip_longest(first, own)
            differs = next((pair for pair in pairs if pair[0] != pair[1]), None)
            if differs is not None:
                one, other = map(_leaf_text, differs)
                raise InputError(
                    "shared_branches: the variables of all branches must have the same "
                    f"names and shapes, got {one} in the first and {other} in branch "
                    f"{place}."
                )
        return networks[0].init(key, *levels)

    def apply(variables: Variables, /, *levels: Features) -> Features:
        return tuple(x for own in networks for x in own.apply(variables, *levels))

    def train(
        variables: Variables, key: Key, /, *levels: Features
    ) -> tuple[Features, Variables]:
        passes = [
            lambda seen, part, own=own: own.train(seen, part, *levels)
            for own in networks
        ]
        outputs, changed = passes_in_turn(variables, key, passes)
        return tuple(itertools.chain.from_iterable(outputs)), changed

    return Network(init, apply, train)


def _leaf_text(leaf: Any) -> str:
    if leaf is None:
        return "none"
    path, value = leaf
    return f"{jax.tree_util.keystr(path)} of {value.shape}"


def by_branch(
    head: Head,
    *,
    ranges: Sequence[Range],
    scales: Sequence[int] | None = None,
    merge: Merge | None = None,
) -> Head:
    """A head that every branch has, for the objects of its range of sizes.

    Objects out of a branch's range are ignored in it: neither learnt nor background.
    What a branch finds is taken where it is in its range, and that of all is merged.

    Args:
        head: of the levels of one branch; its weights are those of all branches.
        ranges: for each branch, the least and the greatest root of an object's area, in
            pixels of the image; they may overlap.
        scales: how many times as large each branch sees the image, with levels that
            are larger than those of the image by as much; 1 without it.
        merge: of all that is found; suppression class by class without it.

    Returns:
        A head of the levels of `shared_branches` or of `with_enlarged`, as many for
        each branch. Its raw predictions and its targets are tuples, of each branch.

    Raises:
        InputError: the ranges leave sizes to no branch, a scale is no whole number or
            missing, or the levels are not those of as many branches.

    Source: Li, Chen, Wang and Zhang, 2019, arXiv:1901.01892.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax import nn
    >>> from genjax.detection import by_size, fcos, fcos_outputs
    >>> from genjax.detection.scales import by_branch
    >>> tower = nn.DenseTower(outputs=fcos_outputs(2), width=4)
    >>> one = fcos(tower, classes=2, strides=(4,), matching=by_size(ranges=()))
    >>> head = by_branch(one, ranges=((0, 16), (12, float("inf"))))
    >>> levels = (jnp.ones((1, 8, 8, 4)), jnp.ones((1, 8, 8, 4)))
    >>> raw = head.apply(head.init(jax.random.key(0), levels), levels)
    >>> len(raw), head.decode(raw).xyxy.shape
    (2, (1, 100, 4))
    """
    check_is("by_branch", Head, head=head)
    check_ranges("by_branch", ranges)
    sizes = [1] * len(ranges) if scales is None else scales
    _check_scales(sizes, len(ranges))
    merged = by_suppression() if merge is None else merge

    of_branches = partial(_of_branches, scales=sizes)

    def train(
        variables: Variables, key: Key, levels: Features
    ) -> tuple[Raw, Variables]:
        passes = [
            lambda seen, part, own=own: head.train(seen, part, own)
            for own in of_branches(levels)
        ]
        found, changed = passes_in_turn(variables, key, passes)
        return tuple(found), changed

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        seen = cut_to_image(boxes.xyxy, image_size)
        height, width = image_size
        return tuple(
            head.assign(
                boxes._replace(
                    xyxy=boxes.xyxy * size, ignore=boxes.ignore | ~in_range(seen, *own)
                ),
                (height * size, width * size),
            )
            for size, own in zip(sizes, ranges, strict=True)
        )

    def loss(raw: Raw, targets: Targets) -> tuple[dict[str, Array], dict[str, Array]]:
        parts = [head.loss(*pair) for pair in zip(raw, targets, strict=True)]
        sums, counts = jax.tree.map(lambda *values: sum(values), *parts)
        return sums, counts

    def decode(raw: Raw) -> Boxes:
        parts = []
        for own, size, valid_range in zip(raw, sizes, ranges, strict=True):
            found = head.decode(own)
            xyxy = found.xyxy / size
            valid = found.valid & in_range(xyxy, *valid_range)
            parts.append(found._replace(xyxy=xyxy, valid=valid))
        return merged(joined(parts))

    return Head(
        lambda key, levels: head.init(key, of_branches(levels)[0]),
        lambda variables, levels: tuple(
            head.apply(variables, part) for part in of_branches(levels)
        ),
        train,
        assign,
        loss,
        decode,
    )


def _check_scales(scales: Sequence[int], branches: int) -> None:
    whole = isinstance(scales, Sequence) and all(
        isinstance(size, int) and size > 0 for size in scales
    )
    if not whole or len(scales) != branches:
        raise InputError(
            "by_branch: every branch needs a scale, a whole number of at least 1, got "
            f"{branches} ranges and scales {scales}."
        )


def _of_branches(levels: Features, *, scales: Sequence[int]) -> list[Features]:
    """The levels of each branch, as large as their scales say."""
    if len(levels) % len(scales):
        raise InputError(
            f"by_branch: {len(levels)} levels are not those of {len(scales)} branches."
        )
    each = len(levels) // len(scales)
    parts = [levels[start : start + each] for start in range(0, len(levels), each)]
    shapes = [[x.shape[1:] for x in part] for part in parts]
    wanted = [
        [(h * own // scales[0], w * own // scales[0], c) for h, w, c in shapes[0]]
        for own in scales
    ]
    if shapes != wanted:
        raise InputError(
            "by_branch: the levels of all branches must be alike, as large as the "
            f"scales {list(scales)} say, got {shapes}."
        )
    return parts
