"""Which outputs of a program differ between the devices that run it."""

from collections.abc import Sequence

from jax.extend.core import ClosedJaxpr, JaxprEqn

from genjax.programs._nested import Analysis, interpret, scan_operands

REDUCTIONS = frozenset(
    {"all_gather", "pmax", "pmin", "psum", "psum2", "psum_invariant"}
)
"""Collectives whose result is the same on every device."""

EXCHANGES = frozenset({"all_to_all", "ppermute", "pbroadcast", "reduce_scatter"})
"""Collectives whose result differs, even of what is the same everywhere."""


def device_varying(
    program: ClosedJaxpr, varying: Sequence[bool], *, axis: str
) -> list[bool]:
    """Tells which outputs of a per-device program may differ between devices.

    What is computed from rows of a batch, or from a device's index, differs; a sum, a
    mean or a gathering over the devices does not.

    Args:
        program: a traced program, with collectives over `axis`.
        varying: which of its inputs differ.
        axis: the name of the devices.

    Returns:
        One answer for each output.

    Source: the types of values that vary over manual mesh axes, in JAX's `shard_map`.

    >>> from genjax.programs import device_varying
    >>> import jax, jax.numpy as jnp
    >>> program = jax.make_jaxpr(lambda w, x: (w + 1, w * x))(1.0, 2.0)
    >>> device_varying(program, [False, True], axis="devices")
    [False, True]
    """

    def reduced(equation: JaxprEqn, operands: Sequence[bool]) -> list[bool]:
        names = equation.params.get("axes", equation.params.get("axis_name", ()))
        names = names if isinstance(names, tuple | list) else (names,)
        if axis not in names:
            return _as_operands(equation, operands)
        is_grouped = equation.params.get("axis_index_groups") is not None
        return [is_grouped] * len(equation.outvars)

    def index(equation: JaxprEqn, operands: Sequence[bool]) -> list[bool]:
        del operands
        return [equation.params.get("axis_name") == axis]

    def scan(equation: JaxprEqn, operands: Sequence[bool]) -> list[bool]:
        inner = equation.params["jaxpr"]
        consts, carry, items = scan_operands(equation, operands)
        while True:
            found = interpret(analysis, inner, [*consts, *carry, *items])
            after = [a or b for a, b in zip(carry, found, strict=False)]
            if after == list(carry):
                return [*after, *found[len(carry) :]]
            carry = after

    def loop(equation: JaxprEqn, operands: Sequence[bool]) -> list[bool]:
        p = equation.params
        of_cond, of_body = p["cond_nconsts"], p["body_nconsts"]
        cond, body = operands[:of_cond], operands[of_cond : of_cond + of_body]
        carry = list(operands[of_cond + of_body :])
        while True:
            found = interpret(analysis, p["body_jaxpr"], [*body, *carry])
            (stops,) = interpret(analysis, p["cond_jaxpr"], [*cond, *carry])
            after = [a or b or stops for a, b in zip(carry, found, strict=True)]
            if after == carry:
                return after
            carry = after

    def branch(equation: JaxprEqn, operands: Sequence[bool]) -> list[bool]:
        which, *rest = operands
        results = [
            interpret(analysis, one, rest) for one in equation.params["branches"]
        ]
        return [which or any(each) for each in zip(*results, strict=True)]

    analysis = Analysis(
        constant=lambda array: False,
        rules={
            **dict.fromkeys(REDUCTIONS, reduced),
            **dict.fromkeys(EXCHANGES, _exchanged),
            "axis_index": index,
            "scan": scan,
            "while": loop,
            "cond": branch,
        },
        otherwise=_as_operands,
    )
    return interpret(analysis, program, varying)


def _as_operands(equation: JaxprEqn, operands: Sequence[bool]) -> list[bool]:
    return [any(operands)] * len(equation.outvars)


def _exchanged(equation: JaxprEqn, operands: Sequence[bool]) -> list[bool]:
    del operands
    return [True] * len(equation.outvars)
