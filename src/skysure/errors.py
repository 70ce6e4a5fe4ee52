"""One way to say that an input cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(Exception):
    """An input that cannot be used; the command line prints it without a traceback and exits with `status`.

    Its text has a labelled line for each part that is given: Problem, Expected, Cause, Fix.

    Parameters
    ----------
    problem : str
        What was given: the file, row, column or field by name.
    expected : str
        What was expected instead.
    cause : str
        The likely cause.
    fix : str
        What to do.

    Examples
    --------
    >>> print(InputError("night.csv: no column 'flux'", "a flux or a magnitude", fix='columns.flux = "..."'))
    Problem:  night.csv: no column 'flux'
    Expected: a flux or a magnitude
    Fix:      columns.flux = "..."
    """

    status = 1

    def __init__(self, problem: str, expected: str = "", cause: str = "", fix: str = "") -> None:
        self.problem, self.expected, self.cause, self.fix = problem, expected, cause, fix
        super().__init__(problem, expected, cause, fix)

    def __str__(self) -> str:
        lines = {"Problem": self.problem, "Expected": self.expected, "Cause": self.cause, "Fix": self.fix}
        return "\n".join(f"{label + ':':<9} {shorten(text, 20_000)}" for label, text in lines.items() if text)


class SettingsError(InputError):
    """A setting that is unknown, of the wrong type, or contradicts another one."""

    status = 2


def nearest(name: str, names: Iterable[str]) -> str:
    """Offer the known names most like `name`, or all of them where there are few.

    >>> nearest("flx", ["time", "flux", "flux_error"])
    'nearest: flux'
    """
    names = sorted({str(k) for k in names})
    close = get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return "nearest: " + ", ".join(close)
    return "known: " + ", ".join(names[:20]) + (" ..." if len(names) > 20 else "") if names else ""


def reason_of(error: BaseException) -> str:
    """Say in a line what an error of a library says; its type too, where the text alone says little.

    >>> reason_of(ValueError("no digits")), reason_of(KeyError("band"))
    ('no digits', "KeyError: 'band'")
    """
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # a text that cannot be made: its type has to do
        lines = []
    text = shorten(lines[0]) if lines else ""
    if not text:
        return type(error).__name__
    return text if isinstance(error, (ValueError, OSError)) else f"{type(error).__name__}: {text}"


def shorten(text: str, most: int = 200) -> str:
    """Cut a text to a length that a message can hold.

    >>> shorten("abcdef", 4)
    'a...'
    """
    return text if len(text) <= most else text[: most - 3] + "..."


def quote(value: object, most: int = 100) -> str:
    """Write a value of any size as a message can hold it.

    >>> quote("a" * 200, 8), quote(10 ** 5000)
    ("'aaaa...", 'a number of 16610 bits')
    """
    if isinstance(value, int) and value.bit_length() > 1000:
        return f"a number of {value.bit_length()} bits"
    try:
        return shorten(repr(value), most)
    except (ValueError, RecursionError):
        return f"a value of type {type(value).__name__}"
