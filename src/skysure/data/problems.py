"""Several things wrong with an input, collected and reported together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from skysure.errors import InputError

LISTED = 20
"""Errors listed in one message."""
INDENT = "\n" + " " * 10


class InputErrors(InputError):
    """Several errors as one: each part of the message has a line for each of them.

    Parameters
    ----------
    errors : sequence of InputError
        Two or more.

    Examples
    --------
    >>> print(InputErrors([InputError("no column 'time'", fix="time = ..."), InputError("no column 'band'")]))
    Problem:  no column 'time'
              no column 'band'
    Fix:      time = ...
    """

    def __init__(self, errors: Sequence[InputError]) -> None:
        self.errors = tuple(errors)
        listed = errors[:LISTED]
        more = [f"and {len(errors) - LISTED} more"] if len(errors) > LISTED else []
        parts = ([getattr(e, part) for e in listed] for part in ("problem", "expected", "cause", "fix"))
        problem, expected, cause, fix = (INDENT.join(dict.fromkeys(filter(None, lines))) for lines in parts)
        super().__init__(INDENT.join([problem, *more]), expected, cause, fix)


class Problems:
    """A list of errors that grows while checks go on."""

    def __init__(self) -> None:
        self.errors: list[InputError] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Add an InputError of the block to the list, once, and continue after the block."""
        try:
            yield
        except InputError as error:
            self.add(*errors_in(error))

    def add(self, *errors: InputError) -> None:
        """Add errors that are not in the list yet."""
        texts = {str(error) for error in self.errors}
        self.errors += [error for error in errors if str(error) not in texts]

    def raise_all(self) -> None:
        """Raise what was collected, if anything was."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise InputErrors(self.errors)


def errors_in(error: InputError) -> tuple[InputError, ...]:
    """Return the errors that one error stands for."""
    return error.errors if isinstance(error, InputErrors) else (error,)
