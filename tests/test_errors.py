from genjax.errors import GenjaxError, InputError, RunError


def test_errors_are_also_the_builtin_ones():
    assert issubclass(InputError, ValueError)
    assert issubclass(RunError, RuntimeError)
    assert issubclass(InputError, GenjaxError)
    assert issubclass(RunError, GenjaxError)
