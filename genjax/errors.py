"""The errors that a user can mend, each a complete sentence.

Whoever runs an experiment shows these without a traceback; any other exception is a
defect of the library.
"""


class GenjaxError(Exception):
    """Something outside the library's code is wrong; the message says what."""


class InputError(GenjaxError, ValueError):
    """An argument, a file or a configuration is not what was expected."""


class RunError(GenjaxError, RuntimeError):
    """A run cannot go on: its loss is not finite, or its folder cannot be written."""
