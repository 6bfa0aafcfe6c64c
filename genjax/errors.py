"""The errors that a user can mend, each a complete sentence.

Whoever runs an experiment shows these without a traceback; any other exception is a
defect of the library.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class GenjaxError(Exception):
    """Something outside the library's code is wrong; the message says what."""


class InputError(GenjaxError, ValueError):
    """An argument, a file or a configuration is not what was expected."""


class RunError(GenjaxError, RuntimeError):
    """A run cannot go on: its loss is not finite, or its folder cannot be written."""


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Says how to install what an import inside needs.

    Args:
        name: the extra of this distribution that brings it.

    Raises:
        InputError: a module is not installed.

    >>> from genjax.errors import extra
    >>> with extra("data"):
    ...     import a_module_that_is_not_there
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: a_module_that_is_not_there is not installed: pip install
    'genjax-functional[data]'.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed: pip install 'genjax-functional[{name}]'."
        ) from error
