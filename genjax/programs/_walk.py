"""The walk through a program: what every rule may ask for, and what is written down."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from jax._src import source_info_util
from jax.extend.core import ClosedJaxpr, JaxprEqn

from genjax.programs._constants import Constant, constants, shape_of
from genjax.programs._fits import fitted
from genjax.programs._nested import Analysis, Rule, interpret
from genjax.programs._sights import (
    MOST,
    Sight,
    any_along,
    blank,
    of_constant,
    settled,
    united,
)

Value: TypeAlias = Sight | Constant
"""What is known of a variable."""

SightRule: TypeAlias = Callable[["Step"], Sight | list[Sight]]
"""What the results of an equation see, given what its operands do."""

Visit: TypeAlias = Callable[["Step", Sight], None]
"""`(equation with what its operands see, what its first result sees)`."""

LoopRule: TypeAlias = Callable[..., list[Value]]
"""`(walk, equation, values) -> values of the results`."""


class Join(NamedTuple):
    """Two paths that come together with other centres, or other strides.

    Fields:
        where: the equation, and the line that wrote it.
        axis: of the input.
        centres: how far apart the centres of a unit's two fields are, in pixels.
        strides: of either path.
    """

    where: str
    axis: int
    centres: Fraction
    strides: tuple[Fraction, Fraction]


@dataclass
class Notes:
    """What an analysis has come across.

    Attributes:
        joins: paths that do not fit.
        unknown: equations whose operands were taken to be seen whole.
        unions: equations after which what is seen is no product of sets along axes.
    """

    joins: list[Join] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unions: list[str] = field(default_factory=list)


def where(equation: JaxprEqn) -> str:
    """The name of an equation and the line that wrote it."""
    frame = source_info_util.user_frame(equation.source_info.traceback)
    stack = str(equation.source_info.name_stack)
    name = equation.primitive.name
    name = f"{stack}/{name}" if stack else name
    if frame is None:
        return name
    return f"{name} ({frame.file_name.rsplit('/', 1)[-1]}:{frame.start_line})"


class Walk:
    """An analysis of one program.

    Args:
        widths: of the sets of each axis.
        whole: as in `dependence`.
        constants: as in `dependence`.
        narrow: as in `dependence`.
        visit: as in `dependence`.
        rules: of sights.
        loops: of values.
        otherwise: of what has no rule.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        *,
        whole: bool,
        constants: bool,
        narrow: bool,
        visit: Visit | None,
        rules: Mapping[str, SightRule],
        loops: Mapping[str, LoopRule],
        otherwise: SightRule,
    ) -> None:
        self.widths, self.whole, self.constants = widths, whole, constants
        self.narrow, self.visit, self.notes = narrow, visit, Notes()
        table: dict[str, Rule] = {n: self._followed(r) for n, r in rules.items()}
        table.update({name: partial(loop, self) for name, loop in loops.items()})
        self.analysis = Analysis(self.constant, table, self._followed(otherwise))

    def run(self, program: ClosedJaxpr, inputs: Sequence[Value]) -> list[Value]:
        """Follows values through a program."""
        return interpret(self.analysis, program, inputs)

    def constant(self, array: Any) -> Value:
        """What is known of a literal, or of a closed-over array."""
        shape, dtype = np.shape(array), getattr(array, "dtype", np.dtype(float))
        if jax.dtypes.issubdtype(dtype, jax.dtypes.extended):
            return Constant(shape)
        is_parameter = isinstance(array, jax.Array) and not self.constants
        if shape and is_parameter and np.issubdtype(dtype, np.inexact):
            return blank(self.widths, len(shape))
        return Constant(shape, lambda: np.asarray(array))

    def sight(self, value: Value) -> Sight:
        """What a value sees: nothing, if it is a constant."""
        if isinstance(value, Constant):
            return of_constant(value, self.widths)
        return value

    def _followed(self, rule: SightRule) -> Rule:
        """A rule of sights, as one of values: what is constant stays so."""

        def follow(equation: JaxprEqn, values: Sequence[Value]) -> list[Value]:
            known = [v for v in values if isinstance(v, Constant)]
            if len(known) == len(values):
                return list(constants(equation, known))
            sights = [self.sight(v) for v in values]
            step = Step(self, equation, sights, values)
            found = rule(step)
            results = [*map(settled, [found] if isinstance(found, Sight) else found)]
            if self.visit is not None:
                self.visit(step, results[0])
            return [*results]

        return follow


@dataclass(frozen=True)
class Step:
    """An equation, as a rule sees it.

    Attributes:
        walk: what is analysed.
        equation: of a jaxpr.
        sights: of its operands.
        values: the same, with constants as what they are.
    """

    walk: Walk
    equation: JaxprEqn
    sights: Sequence[Sight]
    values: Sequence[Value]

    @property
    def name(self) -> str:
        """Of the primitive."""
        return self.equation.primitive.name

    @property
    def where(self) -> str:
        """The equation and the line that wrote it."""
        return where(self.equation)

    @property
    def params(self) -> Mapping[str, Any]:
        """Of the equation."""
        return self.equation.params

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of the operands."""
        return [shape_of(v) for v in self.equation.invars]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first operand."""
        return self.shapes[0]

    @property
    def result(self) -> tuple[int, ...]:
        """The shape of the first result."""
        return shape_of(self.equation.outvars[0])

    @property
    def count(self) -> int:
        """How many results there are."""
        return len(self.equation.outvars)

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the sets of each axis."""
        return self.walk.widths

    @property
    def whole(self) -> bool:
        """Whether sums over all that there is are seen."""
        return self.walk.whole

    def known(self, place: int) -> np.ndarray | None:
        """The value of an operand in its full shape, where it is a constant."""
        value = self.values[place]
        return value.whole() if isinstance(value, Constant) else None

    def unknown(self, why: str = "no rule") -> None:
        """Writes down that operands are taken to be seen whole."""
        note = f"{self.where}: {why}"
        if note not in self.walk.notes.unknown:
            self.walk.notes.unknown.append(note)

    def is_union(self) -> None:
        """Writes down that what is seen is no product of sets along the axes."""
        if self.where not in self.walk.notes.unions:
            self.walk.notes.unions.append(self.where)

    def united(self, sights: Sequence[Sight]) -> Sight:
        """A union; sets that would be too large are taken whole, or as context."""
        shapes = (
            np.broadcast_shapes(*(p.shape for p in parts))
            for parts in zip(*(s.seen for s in sights), strict=True)
        )
        large = [math.prod(shape) > MOST for shape in shapes]
        if not any(large):
            return united(sights)
        if self.whole:
            self.unknown("too large to be followed")
        return united([self._reduced(sight, large) for sight in sights])

    def _reduced(self, sight: Sight, large: Sequence[bool]) -> Sight:
        seen, context = list(sight.seen), list(sight.context)
        for axis, part in enumerate(sight.seen):
            if large[axis]:
                whole = any_along(part, range(part.ndim - 1), keep=True)
                seen[axis] = whole if self.whole else np.zeros_like(whole)
                context[axis] = context[axis] | {self.where}
        return replace(sight, seen=tuple(seen), context=tuple(context), origin=None)

    def joined(self, sights: Sequence[Sight]) -> Sight:
        """A union; where paths are no slices of one array, joins are looked at."""
        result = self.united(sights)
        paths = [s for s in sights if any(part.any() for part in s.seen)]
        origin = paths[0].origin if paths else None
        if origin is not None and all(s.origin is origin for s in paths):
            return replace(result, origin=origin)
        varying = [s for s in paths if _varies(s)]
        if self.walk.narrow and len(varying) > 1:
            return min(varying, key=lambda s: sum(part.sum() for part in s.seen))
        for one, other in pairwise(varying):
            self._look_at(one.seen, other.seen)
        return result

    def _look_at(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> None:
        """Writes down other centres or strides, and unions that are no products."""
        pairs = list(zip(one, other, strict=True))
        unlike = [axis for axis, (a, b) in enumerate(pairs) if not np.array_equal(a, b)]
        for axis in unlike:
            a, b = pairs[axis]
            along = [d for d in range(a.ndim - 1) if a.shape[d] > 1]
            if a.shape != b.shape or len(along) != 1:
                continue
            first, second = (fitted(p.reshape(-1, p.shape[-1])) for p in (a, b))
            if first is None or second is None:
                continue
            apart = abs(first.centre - second.centre)
            join = Join(self.where, axis, apart, (first.stride, second.stride))
            is_aligned = not apart and first.stride == second.stride
            if not is_aligned and join not in self.walk.notes.joins:
                self.walk.notes.joins.append(join)
        if len(unlike) > 1 and not _nested(pairs):
            self.is_union()


def _varies(sight: Sight) -> bool:
    return any(part.size > part.shape[-1] for part in sight.seen)


def _nested(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether one path sees all that the other does, along every axis."""
    return all(not (a & ~b).any() for a, b in pairs) or all(
        not (b & ~a).any() for a, b in pairs
    )
