"""Names of classes and columns that every format of tables can hold, each once.

Column names are made of class names, `p_Ia`, `p_Ia_error`, `in_set_Ia`: a class "Ia_error" beside "Ia" would have a
column twice. FITS does not distinguish upper from lower case and has 68 characters; XML has no control characters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from skysure.errors import InputError

LONGEST = 60
"""Characters of a class name: with `p_` and `_error` the 68 of a column in FITS."""
COLUMNS = ("p_{}", "p_{}_error", "in_set_{}")
FIX = '[reading.labels] {} = "another name"'


def require_class_names(classes: Sequence[str]) -> None:
    """Raise an InputError where the names of classes cannot be names of columns.

    >>> require_class_names(["Ia", "II", "a/b"])
    >>> require_class_names(["Ia", "Ia_error"])
    Traceback (most recent call last):
    ...
    skysure.errors.InputError: Problem:  the class 'Ia_error' has the column p_Ia_error, which class 'Ia' has too
    Expected: names of classes whose columns differ, whatever their case
    Cause:    names that differ in case or blanks, or that end as a column does
    Fix:      [reading.labels] "Ia_error" = "another name"
    """
    used: dict[str, str] = {}
    for name in classes:
        if name != printable(name):
            raise InputError(
                f"the class {name!r}", f"1 to {LONGEST} printable characters, without blanks at either end",
                "a label that was read with a line break, or a column of other text", FIX.format(json.dumps(name)),
            )  # fmt: skip
        for column in columns_of(name):
            if owner := used.get(column.lower()):
                raise InputError(
                    f"the class {name!r} has the column {column}, which class {owner!r} has too",
                    "names of classes whose columns differ, whatever their case",
                    "names that differ in case or blanks, or that end as a column does", FIX.format(json.dumps(name)),
                )  # fmt: skip
        used |= {column.lower(): name for column in columns_of(name)}


def class_names_in_columns(classes: Sequence[str]) -> list[str]:
    """Return a name for each class, for its columns: its own where that is possible.

    >>> class_names_in_columns(["Ia", "II\\n", "Ia_error", "ia"])
    ['Ia', 'II', 'Ia_error_2', 'ia_2']
    """
    used: set[str] = set()
    names = []
    for text in map(printable, classes):
        tried, k = text, 2
        while used & set(map(str.lower, columns_of(tried))):
            tried, k = f"{text}_{k}", k + 1
        used |= set(map(str.lower, columns_of(tried)))
        names.append(tried)
    return names


def unused_name(name: str, used: Iterable[str], prefix: str) -> str:
    """Return a name that is not used, whatever the case: as it is, with a prefix, or with a number after it.

    >>> unused_name("RA", {"ra", "data_ra"}, "data_")
    'data_RA_2'
    """
    used, text = set(map(str.lower, used)), printable(name, longest=len(name) + 1)
    tried, k = text, 1
    while tried.lower() in used:
        tried = f"{prefix}{text}" + (f"_{k}" if k > 1 else "")
        k += 1
    return tried


def columns_of(name: str) -> tuple[str, ...]:
    """Return the columns that a class of this name has."""
    return tuple(column.format(name) for column in COLUMNS)


def printable(text: str, longest: int = LONGEST) -> str:
    """Return a text with "_" for what cannot be printed, without blanks at either end, and not too long.

    >>> printable(" SN\\tIa\\n")
    'SN_Ia'
    """
    clean = "".join(c if c.isprintable() else "_" for c in str(text).strip())
    return clean[:longest].strip() or "unnamed"
