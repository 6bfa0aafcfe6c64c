"""Branches that share their weights, each for the objects of its sizes.

Source: Li, Chen, Wang and Zhang, 2019, arXiv:1901.01892.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from genjax.base import Head, Network, NetworkLike
from genjax.checks import check_is
from genjax.detection._boxes import Boxes
from genjax.detection._dense import cut_to_image
from genjax.detection.scales._merging import Merge, by_suppression, joined
from genjax.detection.scales._pyramid import Range, check_ranges, in_range
from genjax.errors import InputError
from genjax.nn.adapters import as_network
from genjax.typing import Array, Features, Key, Targets, Variables
from genjax.variables import updated


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
        outputs, changed = [], {}
        for own, part in zip(
            networks, jax.random.split(key, len(networks)), strict=True
        ):
            found, more = own.train(updated(variables, changed), part, *levels)
            outputs += found
            changed = updated(changed, more)
        return tuple(outputs), changed

    return Network(init, apply, train)


def _leaf_text(leaf: Any) -> str:
    if leaf is None:
        return "none"
    path, value = leaf
    return f"{jax.tree_util.keystr(path)} of {value.shape}"


def by_branch(
    head: Head, *, ranges: Sequence[Range], merge: Merge | None = None
) -> Head:
    """A head that every branch has, for the objects of its range of sizes.

    Objects out of a branch's range are ignored in it: neither learnt nor background.
    What a branch finds is taken where it is in its range, and that of all is merged.

    Args:
        head: of the levels of one branch; its weights are those of all branches.
        ranges: for each branch, the least and the greatest root of an object's area, in
            pixels; they may overlap.
        merge: of all that is found; suppression class by class without it.

    Returns:
        A head of the levels of `shared_branches`, as many for each branch. Its raw
        predictions and targets have a row for each branch and image.

    Raises:
        InputError: the ranges leave sizes to no branch, or the levels do not divide
            into as many branches.

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
    >>> raw.logits[0].shape, head.decode(raw).xyxy.shape
    ((2, 8, 8, 2), (1, 100, 4))
    """
    check_is("by_branch", Head, head=head)
    check_ranges("by_branch", ranges)
    merged = by_suppression() if merge is None else merge
    count = len(ranges)

    def stacked(levels: Features) -> Features:
        if len(levels) % count:
            raise InputError(
                f"by_branch: {len(levels)} levels are not those of {count} branches."
            )
        each = len(levels) // count
        parts = [levels[start : start + each] for start in range(0, len(levels), each)]
        shapes = [[x.shape for x in part] for part in parts]
        if any(own != shapes[0] for own in shapes):
            raise InputError(
                f"by_branch: the levels of all branches must be alike, got {shapes}."
            )
        return jax.tree.map(lambda *rows: jnp.concatenate(rows), *parts)

    def assign(boxes: Boxes, image_size: tuple[int, int]) -> Targets:
        seen = cut_to_image(boxes.xyxy, image_size)
        rows = [
            boxes._replace(ignore=boxes.ignore | ~in_range(seen, *own))
            for own in ranges
        ]
        every = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *rows)
        return head.assign(every, image_size)

    def decode(raw: Array) -> Boxes:
        found = head.decode(raw)
        each = len(found.valid) // count
        parts = [
            jax.tree.map(lambda x, i=i: x[i * each : (i + 1) * each], found)
            for i in range(count)
        ]
        kept = [
            part._replace(valid=part.valid & in_range(part.xyxy, *own))
            for part, own in zip(parts, ranges, strict=True)
        ]
        return merged(joined(kept))

    return Head(
        lambda key, levels: head.init(key, stacked(levels)),
        lambda variables, levels: head.apply(variables, stacked(levels)),
        lambda variables, key, levels: head.train(variables, key, stacked(levels)),
        assign,
        head.loss,
        decode,
    )
