"""One way to say that something given cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class Fault(Exception):
    """A fault in what was given; the command line prints it without a traceback and exits with `status`.

    Parameters
    ----------
    given : str
        What was given: file, row, column or field by name.
    wanted : str
        What was wanted instead.
    cause : str
        The likely cause.
    cure : str
        What to do.
    """

    status = 1

    def __init__(self, given: str, wanted: str = "", cause: str = "", cure: str = "") -> None:
        self.given, self.wanted, self.cause, self.cure = given, wanted, cause, cure
        super().__init__(" — ".join(part for part in (given, wanted, cause, cure) if part))


class SettingsFault(Fault):
    """A setting that is unknown, of the wrong type, or contradicts another one."""

    status = 2


def nearest(name: str, known: Iterable[str]) -> str:
    """Offer the known names most like `name`, or all of them where there are few.

    >>> nearest("flx", ["time", "flux", "flux_error"])
    'nearest: flux'
    """
    known = sorted({str(k) for k in known})
    close = get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return "nearest: " + ", ".join(close)
    return "known: " + ", ".join(known[:20]) + (" ..." if len(known) > 20 else "") if known else ""
