"""Inverting plain JAX functions: an interpreter that runs a program backwards.

What is known spreads through the traced program in both directions: an equation whose
inputs are known is evaluated, one whose output and all inputs but one are known is
solved for that one. So the halves of a coupling come out in the right order by
themselves.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from genjax.base import Bijector
from genjax.errors import InputError
from genjax.flows.primitives import INDEXED, MOVEMENTS, NAMED, RULES, Equation
from genjax.typing import (
    Array,
    Condition,
    Event,
    Float,
    Key,
    Params,
    PerExample,
    Scalar,
)

Example = Float[Array, "*event"]


class Known(NamedTuple):
    """What is known of a value: its elements, where `mask` is true."""

    value: Array
    mask: np.ndarray


def inverse_and_log_det(
    function: Callable[[Example], Array], *, shape: tuple[int, ...] | None = None
) -> Callable[[Array], tuple[Array, Scalar]]:
    """The inverse of a plain JAX function, with its log-determinant.

        y -> (x, log|det dx/dy|),   function(x) = y

    A program transformation like `jax.grad`: the function is traced, and solved
    backwards through element-wise maps (exp, log, tanh, powers, ...), arithmetic with
    what is known, movements (slices, concatenations, permutations, reshapes), products
    with square matrices and cumulative sums. What does not depend on x may be anything,
    and so may what depends on parts of x that are found first: a coupling's network.

    Args:
        function: of one example.
        shape: of x, where it is not that of y.

    Returns:
        A function of one example y; `jax.vmap` makes it one of a batch. Where y has no
        inverse, its log-determinant is -inf.

    Raises:
        InputError: while it is traced, a primitive has no inverse; the sentence names
            it.

    >>> function = lambda x: jnp.concatenate([x[:1], x[1:] * jnp.exp(jnp.sin(x[:1]))])
    >>> x = jnp.array([1.0, 2.0, 3.0])
    >>> back, log_det = inverse_and_log_det(function)(function(x))
    >>> back.round(4).tolist(), round(float(log_det + 2 * jnp.sin(1.0)), 4)
    ([1.0, 2.0, 3.0], 0.0)
    """

    def inverse(y: Array) -> tuple[Array, Scalar]:
        example = jax.ShapeDtypeStruct(y.shape if shape is None else shape, y.dtype)
        closed = jax.make_jaxpr(function)(example)
        (found,) = closed.out_avals if len(closed.out_avals) == 1 else (None,)
        if (
            found is None
            or found.shape != y.shape
            or math.prod(example.shape) != y.size
        ):
            raise InputError(
                "inverse_and_log_det: the function must map "
                f"{example.shape} to {y.shape} and keep the number of dimensions, got "
                f"{[aval.shape for aval in closed.out_avals]}."
            )
        return _Solver(closed).solve(y)

    return inverse


def invertible(
    function: Callable[[Params, Example], Array],
    init: Callable[[Key, Example], Params],
) -> Bijector:
    """A bijector of a plain function, by `inverse_and_log_det`.

    Args:
        function: `(params, x) -> y`, of one example.
        init: `(key, x) -> params`, of one example.

    Raises:
        InputError: while it is traced, a primitive has no inverse.

    >>> flow = invertible(lambda p, x: jnp.sinh(x * p), lambda key, x: jnp.array(2.0))
    >>> x = jnp.ones((3, 2))
    >>> params = flow.init(jax.random.key(0), x)
    >>> bool(jnp.allclose(flow.inverse(params, flow.forward(params, x)[0])[0], x))
    True
    """

    def inverse(
        params: Params, y: Event, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        del condition
        return jax.vmap(inverse_and_log_det(lambda x: function(params, x)))(y)

    def forward(
        params: Params, x: Event, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        y = jax.vmap(lambda x: function(params, x))(x)
        return y, -inverse(params, y, condition)[1]

    def first(key: Key, x: Event, condition: Condition = None) -> Params:
        del condition
        return init(key, x[0])

    return Bijector(first, forward, inverse)


class _Solver:
    """The state of one inversion: what is known, and the log-determinant so far."""

    def __init__(self, closed: Any) -> None:
        self.equations: list[Equation] = []
        self.avals: list[Any] = []
        self.x = self._new(closed.jaxpr.invars[0].aval)
        (self.y,) = self._write_out(closed.jaxpr, closed.consts, [self.x])
        self.known: dict[int, Known] = {}
        self.log_det = jnp.zeros(())

    def solve(self, y: Array) -> tuple[Array, Array]:
        if not isinstance(self.y, int):
            raise InputError("inverse_and_log_det: the function ignores its input.")
        self._learn(self.y, y)
        while not self._is_known(self.x):
            open_ones = [e for e in self.equations if not self._is_done(e)]
            if not any([self._advance(equation) for equation in open_ones]):
                raise InputError(self._obstacle())
        x = self.known[self.x].value
        is_solved = jnp.isfinite(x).all() & ~jnp.isnan(self.log_det)
        return x, jnp.where(is_solved, self.log_det, -jnp.inf)

    def _new(self, aval: Any) -> int:
        self.avals.append(aval)
        return len(self.avals) - 1

    def _write_out(self, jaxpr: Any, consts: Sequence[Any], inputs: list[Any]) -> Any:
        """Appends a program's equations, inner programs in place of their calls."""
        names = dict(zip(jaxpr.constvars, consts, strict=True))
        names |= dict(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Any) -> Any:
            if isinstance(atom, Literal):
                aval: Any = atom.aval
                return np.asarray(atom.val, aval.dtype)
            return names[atom]

        for eqn in jaxpr.eqns:
            given = [read(atom) for atom in eqn.invars]
            inner = _inner_program(eqn)
            if inner is not None:
                outputs = self._write_out(inner.jaxpr, inner.consts, given)
            elif not any(isinstance(atom, int) for atom in given):
                outputs = _of_constants(_evaluate(eqn), given)
            else:
                outputs = [self._new(var.aval) for var in eqn.outvars]
                self.equations.append(
                    Equation(
                        _name(eqn),
                        _evaluate(eqn),
                        eqn.params,
                        tuple(given),
                        tuple(outputs),
                    )
                )
            names |= dict(zip(eqn.outvars, outputs, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _is_known(self, atom: Any) -> bool:
        if not isinstance(atom, int):
            return True
        return atom in self.known and bool(self.known[atom].mask.all())

    def _is_done(self, equation: Equation) -> bool:
        return all(map(self._is_known, (*equation.inputs, *equation.outputs)))

    def _value(self, atom: Any) -> Array:
        return self.known[atom].value if isinstance(atom, int) else jnp.asarray(atom)

    def _learn(self, atom: int, value: Array, mask: np.ndarray | None = None) -> bool:
        """Adds elements to what is known of a value; tells whether any is new."""
        shape = self.avals[atom].shape
        mask = np.ones(shape, bool) if mask is None else mask
        if atom not in self.known:
            self.known[atom] = Known(value, mask)
            return bool(mask.any())
        before = self.known[atom]
        merged = jnp.where(before.mask, before.value, value)
        self.known[atom] = Known(merged, np.asarray(before.mask | mask))
        return bool((mask & ~before.mask).any())

    def _advance(self, equation: Equation) -> bool:
        unknown = [a for a in equation.inputs if not self._is_known(a)]
        if not unknown:
            values = equation.evaluate(*map(self._value, equation.inputs))
            pairs = zip(equation.outputs, values, strict=True)
            return any([self._learn(output, value) for output, value in pairs])
        if equation.name in MOVEMENTS:
            return self._move(equation)
        if not all(map(self._is_known, equation.outputs)):
            return False
        rule = RULES.get(equation.name)
        if rule is None or len(unknown) > 1:
            return False
        place = next(i for i, a in enumerate(equation.inputs) if not self._is_known(a))
        inputs = [
            None if i == place else self._value(a)
            for i, a in enumerate(equation.inputs)
        ]
        solved = rule(equation, self._value(equation.outputs[0]), inputs, place)
        if solved is None:
            return False
        x, log_slopes = solved
        self.log_det = self.log_det - jnp.sum(log_slopes)
        return self._learn(unknown[0], x)

    def _move(self, equation: Equation) -> bool:
        """Carries elements both ways through an equation that only moves them."""
        sizes = [
            self.avals[a].size if isinstance(a, int) else 0 for a in equation.inputs
        ]
        starts = list(itertools.accumulate([0, *sizes[:-1]]))
        labels = [
            start + np.arange(size, dtype=np.int32).reshape(self.avals[a].shape)
            if isinstance(a, int)
            else a
            if equation.name in INDEXED and i > 0
            else np.full(np.shape(a), -1, np.int32)
            for i, (a, start, size) in enumerate(
                zip(equation.inputs, starts, sizes, strict=True)
            )
        ]
        if any(isinstance(label, jax.core.Tracer) for label in labels):
            return False
        moved = [
            np.asarray(label) for label in _of_constants(equation.evaluate, labels)
        ]
        news = []
        for a, start, size in zip(equation.inputs, starts, sizes, strict=True):
            if isinstance(a, int):
                news += self._pull(a, equation.outputs, moved, start, size)
        for output, label in zip(equation.outputs, moved, strict=True):
            news.append(self._push(equation, output, label, starts, sizes))
        return any(news)

    def _pull(
        self, atom: int, outputs: Any, moved: Any, start: int, size: int
    ) -> list[bool]:
        news = []
        for output, label in zip(outputs, moved, strict=True):
            if output not in self.known:
                continue
            known = self.known[output]
            mine = (label >= start) & (label < start + size) & known.mask
            value = jnp.zeros(size, known.value.dtype)
            value = value.at[label[mine] - start].set(known.value.ravel()[mine.ravel()])
            mask = np.zeros(size, bool)
            mask[label[mine] - start] = True
            shape = self.avals[atom].shape
            news.append(self._learn(atom, value.reshape(shape), mask.reshape(shape)))
        return news

    def _push(
        self,
        equation: Equation,
        output: int,
        label: np.ndarray,
        starts: Any,
        sizes: Any,
    ) -> bool:
        atoms = [a for a in equation.inputs if isinstance(a, int)]
        mask = np.zeros(sum(sizes) + 1, bool)
        values = jnp.zeros(sum(sizes) + 1, self.avals[output].dtype)
        for a, start, size in zip(equation.inputs, starts, sizes, strict=True):
            if isinstance(a, int) and a in self.known:
                mask[start : start + size] = self.known[a].mask.ravel()
                values = values.at[start : start + size].set(
                    self.known[a].value.ravel()
                )
        if not mask.any() or (label < 0).any() or not atoms:
            return False
        return self._learn(output, values[label], np.asarray(mask[label]))

    def _obstacle(self) -> str:
        """Says which equation nothing could be learnt from."""
        for equation in reversed(self.equations):
            known = all(map(self._is_known, equation.outputs))
            unknown = [a for a in equation.inputs if not self._is_known(a)]
            if not (known and unknown) or equation.name in MOVEMENTS:
                continue
            if equation.name not in RULES:
                return (
                    f"inverse_and_log_det: the primitive '{equation.name}' has no "
                    "inverse."
                )
            if len(unknown) > 1:
                return (
                    f"inverse_and_log_det: the primitive '{equation.name}' has more "
                    "than one input that depends on what is not yet known."
                )
            return (
                f"inverse_and_log_det: the primitive '{equation.name}' with the "
                f"settings {equation.params} has no inverse."
            )
        return (
            "inverse_and_log_det: the output does not determine every element of the "
            "input."
        )


def _inner_program(eqn: Any) -> Any:
    if _name(eqn) in RULES:
        return None
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        inner = eqn.params.get(key)
        if inner is not None and eqn.primitive.name not in ("scan", "while"):
            has_consts = hasattr(inner, "consts")
            return inner if has_consts else jax.extend.core.ClosedJaxpr(inner, ())
    return None


def _name(eqn: Any) -> str:
    """A primitive's name; that of the function, for calls which have a rule."""
    called = eqn.params.get("name")
    return called if called in NAMED else eqn.primitive.name


def _evaluate(eqn: Any) -> Callable[..., Sequence[Array]]:
    def evaluate(*inputs: Any) -> Sequence[Array]:
        outputs = eqn.primitive.bind(*inputs, **eqn.params)
        return outputs if eqn.primitive.multiple_results else [outputs]

    return evaluate


def _of_constants(evaluate: Callable[..., Any], given: Sequence[Any]) -> Any:
    """Evaluates at once what nothing traced goes into: indices have to be concrete."""
    if any(isinstance(value, jax.core.Tracer) for value in given):
        return evaluate(*given)
    with jax.ensure_compile_time_eval():
        return evaluate(*given)
