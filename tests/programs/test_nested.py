import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.programs._nested import Analysis, called_program, interpret


def depth(function, *inputs):
    """How many additions lie between the inputs of a program and each output."""

    def add(equation, operands):
        return [max(operands) + 1]

    def otherwise(equation, operands):
        return [max(operands, default=0)] * len(equation.outvars)

    analysis = Analysis(
        constant=lambda array: 0, rules={"add": add}, otherwise=otherwise
    )
    program = jax.make_jaxpr(function)(*inputs)
    return interpret(analysis, program, [0] * len(inputs))


@jax.custom_vjp
def twice(x):
    return x + x


twice.defvjp(lambda x: (x + x, None), lambda _, g: (2 * g,))
DOORS = {
    "plain": lambda f: f,
    "jit": jax.jit,
    "checkpoint": jax.checkpoint,
    "jit in jit": lambda f: jax.jit(lambda x: jax.jit(f)(x)),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS.keys())
def test_programs_inside_are_read_in_place_of_their_call(door):
    def function(x):
        return x + 1.0, door(lambda y: (y + y) + y)(x + 2.0)

    assert depth(function, 1.0) == [1, 3]


def test_custom_derivatives_are_read_by_their_value():
    assert depth(lambda x: twice(twice(x)), 1.0) == [2]


def test_constants_have_their_own_value():
    table = jnp.arange(3.0)
    assert depth(lambda x: (x * 2.0, table, x + table), 1.0) == [0, 0, 1]


def test_only_calls_run_a_program_on_their_own_inputs():
    def function(x):
        total, _ = jax.lax.scan(lambda c, y: (c + y, None), 0.0, x)
        return jax.jit(jnp.sum)(x) + total

    equations = jax.make_jaxpr(function)(np.ones(3, np.float32)).jaxpr.eqns
    found = {e.primitive.name: called_program(e) is not None for e in equations}
    assert found["scan"] is False
    assert found["jit"] is True
    assert found["add"] is False
