"""Two lines of Python that write the records inside of JSON as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INDENT = "\n" + " " * 10


def lines_to_csv(document: Any, by_line: bool, file: str) -> str:
    """Return the lines for a document: they look for its longest list of records, at most two levels deep."""
    text = f"Path({file!r}).read_text()"
    load = f"[json.loads(line) for line in {text}.splitlines() if line]" if by_line else f"json.loads({text})"
    out = file.rsplit(".", 1)[0] + ".csv"
    return INDENT.join([
        "write its records as CSV and read that, in Python:",
        f"import json; from pathlib import Path; from astropy.table import Table; d = {load}",
        f"Table({_rows(document)}).write({out!r})",
    ])  # fmt: skip


def _rows(d: Any) -> str:
    """Write the arguments of the table that has the records of a document as rows."""
    if isinstance(d, Mapping):
        if isinstance(d.get("columns"), list) and isinstance(d.get("data"), list):
            return 'rows=d["data"], names=d["columns"]'
        if name := next((n for n, v in d.items() if _is_columns(v)), None):
            return f"d[{_quote(name)}]"
        if name := _records_in(d):
            return f"rows=[{{{_with_id(d, 'd')}**r}} for r in d[{_quote(name)}]]"
        first = next((v for v in d.values() if isinstance(v, Mapping)), {})
        if name := _records_in(first):
            return f'rows=[{{"id": k, **r}} for k, o in d.items() for r in o[{_quote(name)}]]'
        if any(isinstance(v, list) and v and isinstance(v[0], Mapping) for v in d.values()):
            name = next(n for n, v in d.items() if isinstance(v, list) and v and isinstance(v[0], Mapping))
            return f"rows=d[{_quote(name)}]"
    first = d[0] if isinstance(d, list) and d and isinstance(d[0], Mapping) else {}
    if name := _records_in(first):
        return f"rows=[{{{_with_id(first, 'o')}**r}} for o in d for r in o[{_quote(name)}]]"
    return 'rows=d["..."]'


def _is_columns(value: Any) -> bool:
    """Whether a value holds one list of single values for each column."""
    if not isinstance(value, Mapping) or not value:
        return False
    lists = list(value.values())
    return all(isinstance(v, list) and len(v) == len(lists[0]) for v in lists) and not any(
        isinstance(x, (list, Mapping)) for v in lists for x in v
    )


def _records_in(d: Mapping[str, Any]) -> str:
    """Name the list of records in an object: of several the one whose records have most fields."""
    lists = {n: v for n, v in d.items() if isinstance(v, list) and v and all(isinstance(r, Mapping) for r in v)}
    return max(lists, key=lambda n: len(lists[n][0]), default="")


def _with_id(d: Mapping[str, Any], variable: str) -> str:
    """Write the entry for the id of an object, where it has one; the records keep their own."""
    names = [n for n, v in d.items() if isinstance(v, (str, int)) and (n.lower().endswith("id") or n.lower() == "name")]
    return f"{_quote(names[0])}: {variable}[{_quote(names[0])}], " if names else ""


def _quote(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
