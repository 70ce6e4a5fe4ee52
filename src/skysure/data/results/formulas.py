"""Text that a spreadsheet would compute, in CSV files: it gets an apostrophe in front, which `read_table` removes.

A spreadsheet takes a cell that begins with = + - or @, also after a tab or line break, for a formula, whatever quotes
the file has; an object called `=HYPERLINK("http://...")` would become a link (OWASP: "CSV Injection"). Text that has
an apostrophe before such a character gets one more, so that every text is read back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

BEGINS = "[' ]*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""How such a text begins, apostrophes of its own included; the last four are the wide forms of = + - @."""
FORMULA = re.compile(BEGINS)
NOTE = (
    "text that begins with = + - or @ has an apostrophe in front in CSV files, so that a spreadsheet does not compute "
    "it; skysure.data.read_table removes it, other formats keep the text as it is"
)


def neutralise(text: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would compute; anything else stays as it is.

    >>> neutralise("=1+1"), neutralise("SN 2011fe"), neutralise(-1.5)
    ("'=1+1", 'SN 2011fe', -1.5)
    """
    return f"'{text}" if isinstance(text, str) and FORMULA.match(text) else text


def restore(text: str) -> str:
    """Give the text that `neutralise` was given.

    >>> restore("'=1+1"), restore("'quoted'")
    ('=1+1', "'quoted'")
    """
    return text[1:] if text.startswith("'") and FORMULA.match(text[1:]) else text


def any_formula(texts: Iterable[Any]) -> bool:
    """Whether any of some texts would be computed."""
    return any(isinstance(text, str) and FORMULA.match(text) is not None for text in texts)


def any_in(column: pa.ChunkedArray) -> bool:
    """Whether any text of a column would be computed."""
    return bool(pc.any(pc.match_substring_regex(column, f"^{BEGINS}")).as_py())


def neutralise_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Neutralise each text of a column."""
    return pc.replace_substring_regex(column, f"^({BEGINS})", "'\\1") if any_in(column) else column
