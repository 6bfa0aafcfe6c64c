"""The core of every analysis: a traced program, with the programs inside it, read once.

An analysis follows one abstract value per variable through a jaxpr. It is a table of
rules, by primitives, and what holds without one; programs that an equation merely runs
(jit, remat, custom derivatives) are read in place of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

Value = TypeVar("Value")

Rule: TypeAlias = Callable[[JaxprEqn, Sequence[Any]], Sequence[Any]]
"""`(equation, values of its operands) -> values of its results`."""

CALLS = frozenset(
    {
        "checkpoint",
        "call",
        "closed_call",
        "composite",
        "core_call",
        "custom_jvp_call",
        "custom_vmap_call",
        "custom_vjp_call",
        "jit",
        "pjit",
        "remat2",
    }
)
"""Primitives that do nothing but run an inner program."""


@dataclass(frozen=True)
class Analysis(Generic[Value]):
    """What an analysis says of each equation.

    Attributes:
        constant: the value of a literal, or of an array that a program closes over.
        rules: primitive -> rule.
        otherwise: the rule of every other primitive.
    """

    constant: Callable[[Any], Value]
    rules: Mapping[str, Rule]
    otherwise: Rule


def called_program(equation: JaxprEqn) -> ClosedJaxpr | None:
    """Returns the program that an equation runs on its own inputs, where it runs one.

    Args:
        equation: of a jaxpr.
    """
    if equation.primitive.name not in CALLS:
        return None
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr", "call"):
        inner = equation.params.get(name)
        if isinstance(inner, ClosedJaxpr):
            return inner
        if isinstance(inner, Jaxpr):
            return ClosedJaxpr(inner, ())
    return None


def scan_operands(
    equation: JaxprEqn, operands: Sequence[Value]
) -> tuple[Sequence[Value], Sequence[Value], Sequence[Value]]:
    """Splits the operands of a scan into its constants, its carry and what it scans.

    Args:
        equation: a scan.
        operands: one value for each of its operands.
    """
    p = equation.params
    if "ft_in" in p:  # Since JAX 0.12 a scan holds the trees of its operands.
        constants, carry, _ = map(len, p["ft_in"].unpack())
    else:
        constants, carry = p["num_consts"], p["num_carry"]
    stop = constants + carry
    return operands[:constants], operands[constants:stop], operands[stop:]


def interpret(
    analysis: Analysis[Value], program: ClosedJaxpr, inputs: Sequence[Value]
) -> list[Value]:
    """Follows abstract values from the inputs of a program to its outputs.

    Args:
        analysis: its rules.
        program: with the arrays that it closes over.
        inputs: one value for each of its inputs.
    """
    jaxpr = program.jaxpr
    known: dict[Any, Value] = dict(zip(jaxpr.invars, inputs, strict=True))
    known.update(
        zip(jaxpr.constvars, map(analysis.constant, program.consts), strict=True)
    )

    def value(atom: Any) -> Value:
        if isinstance(atom, Literal):
            return analysis.constant(atom.val)
        return known[atom]

    for equation in jaxpr.eqns:
        operands = [value(atom) for atom in equation.invars]
        inner = called_program(equation)
        rule = analysis.rules.get(equation.primitive.name)
        if rule is not None:
            results = rule(equation, operands)
        elif inner is not None and len(inner.jaxpr.invars) == len(operands):
            results = interpret(analysis, inner, operands)
        else:
            results = analysis.otherwise(equation, operands)
        known.update(zip(equation.outvars, results, strict=True))
    return [value(atom) for atom in jaxpr.outvars]
