"""Inverting plain JAX functions: an interpreter that runs a program backwards.

What is known spreads through the traced program in both directions: an equation whose
inputs are known is evaluated, one whose output and all inputs but one are known is
solved for that one. So the halves of a coupling come out in the right order by
themselves.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var

from genjax.base import Bijector
from genjax.errors import InputError
from genjax.programs._nested import called_program
from genjax.programs._primitives import INDEXED, MOVEMENTS, RULES, Equation
from genjax.typing import (
    Array,
    Condition,
    Event,
    Float,
    Key,
    Params,
    PerExample,
    Scalar,
    Variables,
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
        inverse, its log-determinant is -inf. Powers that are no integers, and their
        inverses, are those of positive numbers.

    Raises:
        InputError: while it is traced, a primitive has no inverse; the sentence names
            it.

    >>> import jax.numpy as jnp
    >>> from genjax.programs import inverse_and_log_det
    >>> function = lambda x: jnp.concatenate([x[:1], x[1:] * jnp.exp(jnp.sin(x[:1]))])
    >>> x = jnp.array([1.0, 2.0, 3.0])
    >>> back, log_det = inverse_and_log_det(function)(function(x))
    >>> back.round(4).tolist(), round(float(log_det + 2 * jnp.sin(1.0)), 4)
    ([1.0, 2.0, 3.0], 0.0)
    """

    def inverse(y: Array) -> tuple[Array, Scalar]:
        example = jax.ShapeDtypeStruct(y.shape if shape is None else shape, y.dtype)
        solver = _Solver(function, example)
        if solver.shape != y.shape:
            raise InputError(
                f"inverse_and_log_det: the function returns the shape {solver.shape}, "
                f"got a y of {y.shape}."
            )
        return solver.solve(y)

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

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.programs import invertible
    >>> flow = invertible(lambda p, x: jnp.sinh(x * p), lambda key, x: jnp.array(2.0))
    >>> x = jnp.ones((3, 2))
    >>> variables = flow.init(jax.random.key(0), x)
    >>> y, _ = flow.forward(variables, x)
    >>> bool(jnp.allclose(flow.inverse(variables, y)[0], x))
    True
    """

    def inverse(
        variables: Variables, y: Event, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        del condition
        params = variables["params"]
        return jax.vmap(inverse_and_log_det(lambda x: function(params, x)))(y)

    def forward(
        variables: Variables, x: Event, /, condition: Condition = None
    ) -> tuple[Array, PerExample]:
        del condition
        params = variables["params"]

        def of_example(x: Array) -> tuple[Array, Array]:
            example = jax.ShapeDtypeStruct(x.shape, x.dtype)
            return _Solver(lambda x: function(params, x), example).follow(x)

        return jax.vmap(of_example)(x)

    def first(key: Key, x: Event, /, condition: Condition = None) -> Variables:
        del condition
        return {"params": init(key, x[0])}

    return Bijector(first, forward, inverse)


class _Solver:
    """The state of one inversion: what is known, and the log-determinant so far."""

    def __init__(self, function: Callable[[Example], Array], example: Any) -> None:
        closed = jax.make_jaxpr(function)(example)
        shapes = [aval.shape for aval in closed.out_avals]
        if len(shapes) != 1 or math.prod(shapes[0]) != math.prod(example.shape):
            raise InputError(
                "inverse_and_log_det: the function must return one array and keep the "
                f"number of dimensions, got {example.shape} -> {shapes}."
            )
        (self.shape,) = shapes
        self.equations: list[Equation] = []
        self.avals: list[Any] = []
        self.x = self._new(closed.jaxpr.invars[0].aval)
        (self.y,) = self._write_out(closed.jaxpr, closed.consts, [self.x])
        if not isinstance(self.y, int):
            raise InputError("inverse_and_log_det: the function ignores its input.")
        self.known: dict[int, Known] = {}
        self.truth: dict[int, Array] = {}
        self.log_det = jnp.zeros(())
        self.labels: dict[int, Any] = {}
        self.touching: dict[int, list[int]] = {}
        for index, equation in enumerate(self.equations):
            numbers = [a for a in equation.inputs if isinstance(a, int)]
            for atom in {*numbers, *equation.outputs}:
                self.touching.setdefault(atom, []).append(index)

    def follow(self, x: Array) -> tuple[Array, Array]:
        """`function(x)` and its log-determinant, from the true values on the way."""
        self.truth[self.x] = x
        for equation in self.equations:
            given = [
                self.truth[a] if isinstance(a, int) else a for a in equation.inputs
            ]
            values = equation.evaluate(*given)
            self.truth |= dict(zip(equation.outputs, values, strict=True))
        y = self.truth[self.y]
        self._run(y)
        is_defined = jnp.isfinite(y).all() & jnp.isfinite(self.log_det)
        return y, jnp.where(is_defined, -self.log_det, -jnp.inf)

    def solve(self, y: Array) -> tuple[Array, Array]:
        """The x of a y, and the log-determinant of the inverse."""
        self._run(y)
        x = self.known[self.x].value
        is_solved = jnp.isfinite(x).all() & ~jnp.isnan(self.log_det)
        return x, jnp.where(is_solved, self.log_det, -jnp.inf)

    def _run(self, y: Array) -> None:
        """Visits equations as long as something new is known of their values."""
        self.queue = deque(range(len(self.equations)))
        self.waiting = set(self.queue)
        self._learn(self.y, y)
        while self.queue and not self._is_known(self.x):
            index = self.queue.pop()
            self.waiting.discard(index)
            if not self._is_done(self.equations[index]):
                self._advance(index)
        if not self._is_known(self.x):
            raise InputError(self._obstacle())

    def _new(self, aval: Any) -> int:
        self.avals.append(aval)
        return len(self.avals) - 1

    def _write_out(self, jaxpr: Jaxpr, consts: Sequence[Any], inputs: list[Any]) -> Any:
        """Appends a program's equations, inner programs in place of their calls."""
        names = dict(zip(jaxpr.constvars, consts, strict=True))
        names |= dict(zip(jaxpr.invars, inputs, strict=True))

        def read(atom: Var | Literal) -> Any:
            if isinstance(atom, Literal):
                aval: Any = atom.aval
                return np.asarray(atom.val, aval.dtype)
            return names[atom]

        for eqn in jaxpr.eqns:
            given = [read(atom) for atom in eqn.invars]
            inner = None if _is_softplus(eqn) else called_program(eqn)
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

    def _learn(self, atom: int, value: Array, mask: np.ndarray | None = None) -> None:
        """Adds elements to what is known of a value."""
        mask = np.ones(self.avals[atom].shape, bool) if mask is None else mask
        before = self.known.get(atom)
        if before is None:
            is_new = bool(mask.any()) or mask.size == 0
            self.known[atom] = Known(value, mask)
        else:
            is_new = bool((mask & ~before.mask).any())
            merged = jnp.where(before.mask, before.value, value)
            self.known[atom] = Known(merged, np.asarray(before.mask | mask))
        if is_new:
            fresh = [i for i in self.touching.get(atom, ()) if i not in self.waiting]
            self.waiting.update(fresh)
            self.queue.extend(fresh)

    def _advance(self, index: int) -> None:
        equation = self.equations[index]
        unknown = [a for a in equation.inputs if not self._is_known(a)]
        if not unknown:
            values = equation.evaluate(*map(self._value, equation.inputs))
            for output, value in zip(equation.outputs, values, strict=True):
                self._learn(output, value)
        elif equation.name in MOVEMENTS:
            self._move(index)
        elif len(unknown) == 1 and all(map(self._is_known, equation.outputs)):
            self._solve_for(unknown[0], equation)

    def _solve_for(self, unknown: int, equation: Equation) -> None:
        rule = RULES.get(equation.name)
        if rule is None:
            return
        place = next(i for i, a in enumerate(equation.inputs) if a is unknown)
        inputs = [
            None if i == place else self._value(a)
            for i, a in enumerate(equation.inputs)
        ]
        y = self._value(equation.outputs[0])
        solved = rule.solve(equation, y, inputs, place)
        if solved is None:
            return
        x = self.truth.get(unknown, solved)
        slopes = rule.log_slope(equation, x, y, inputs, place)
        self.log_det = self.log_det - jnp.sum(slopes)
        self._learn(unknown, x)

    def _moved_labels(self, index: int) -> Any:
        """The numbers of an equation's input elements, where it moves them to.

        None where indices depend on what is traced.
        """
        equation, sizes, starts = self._layout(index)
        labels = []
        for i, (a, start, size) in enumerate(
            zip(equation.inputs, starts, sizes, strict=True)
        ):
            is_index = equation.name in INDEXED and i > 0
            if is_index and isinstance(a, int | jax.core.Tracer):
                return None
            if isinstance(a, int):
                ticks = start + np.arange(size, dtype=np.int32)
                labels.append(ticks.reshape(self.avals[a].shape))
            else:
                labels.append(a if is_index else np.full(np.shape(a), -1, np.int32))
        moved = _of_constants(equation.evaluate, labels)
        return [np.asarray(label) for label in moved]

    def _layout(self, index: int) -> tuple[Equation, list[int], list[int]]:
        """An equation, its inputs' sizes, and where their numbers begin."""
        equation = self.equations[index]
        sizes = [
            self.avals[a].size if isinstance(a, int) else 0 for a in equation.inputs
        ]
        return equation, sizes, list(itertools.accumulate([0, *sizes[:-1]]))

    def _move(self, index: int) -> None:
        """Carries elements both ways through an equation that only moves them."""
        if index not in self.labels:
            self.labels[index] = self._moved_labels(index)
        moved = self.labels[index]
        if moved is None:
            return
        equation, sizes, starts = self._layout(index)
        for a, start, size in zip(equation.inputs, starts, sizes, strict=True):
            if isinstance(a, int):
                self._pull(a, equation.outputs, moved, start, size)
        for output, label in zip(equation.outputs, moved, strict=True):
            self._push(equation, output, label, starts, sizes)

    def _pull(self, atom: int, outputs: Any, moved: Any, start: int, size: int) -> None:
        for output, label in zip(outputs, moved, strict=True):
            if output not in self.known:
                continue
            known = self.known[output]
            is_own = (label >= start) & (label < start + size) & known.mask
            value = jnp.zeros(size, known.value.dtype)
            value = value.at[label[is_own] - start].set(
                known.value.ravel()[is_own.ravel()]
            )
            mask = np.zeros(size, bool)
            mask[label[is_own] - start] = True
            shape = self.avals[atom].shape
            self._learn(atom, value.reshape(shape), mask.reshape(shape))

    def _push(
        self,
        equation: Equation,
        output: int,
        label: np.ndarray,
        starts: Any,
        sizes: Any,
    ) -> None:
        atoms = [a for a in equation.inputs if isinstance(a, int)]
        mask = np.zeros(sum(sizes) + 1, bool)
        values = jnp.zeros(sum(sizes) + 1, self.avals[output].dtype)
        for a, start, size in zip(equation.inputs, starts, sizes, strict=True):
            if isinstance(a, int) and a in self.known:
                mask[start : start + size] = self.known[a].mask.ravel()
                values = values.at[start : start + size].set(
                    self.known[a].value.ravel()
                )
        if mask.any() and atoms and not (label < 0).any():
            self._learn(output, values[label], np.asarray(mask[label]))

    def _has_traced_index(self, equation: Equation) -> bool:
        return any(isinstance(a, int | jax.core.Tracer) for a in equation.inputs[1:])

    def _obstacle(self) -> str:
        """Says which equation nothing could be learnt from."""
        for equation in reversed(self.equations):
            known = all(map(self._is_known, equation.outputs))
            unknown = [a for a in equation.inputs if not self._is_known(a)]
            if not (known and unknown):
                continue
            if equation.name in INDEXED and self._has_traced_index(equation):
                return (
                    f"inverse_and_log_det: the primitive '{equation.name}' has indices "
                    "that depend on x, or are traced; close over NumPy arrays instead."
                )
            if equation.name in MOVEMENTS:
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


def _name(eqn: JaxprEqn) -> str:
    return "softplus" if _is_softplus(eqn) else eqn.primitive.name


def _is_softplus(eqn: JaxprEqn) -> bool:
    """Whether an equation calls `jax.nn.softplus`, which is solved as a whole."""
    if eqn.params.get("name") != "softplus" or len(eqn.invars) != 1:
        return False
    (reference,) = jax.make_jaxpr(jax.nn.softplus)(eqn.invars[0].aval).jaxpr.eqns
    return str(reference.params["jaxpr"]) == str(eqn.params["jaxpr"])


def _evaluate(eqn: JaxprEqn) -> Callable[..., Sequence[Array]]:
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
