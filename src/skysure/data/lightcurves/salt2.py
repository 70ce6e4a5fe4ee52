"""Light curves as SALT2 and sncosmo write them as text: one object a file, facts about it in lines with @.

SALT2 (JLA, SNLS) names its columns in lines `#Date :`, closed by `#end`; sncosmo in one line of names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa

from skysure.data.files.entries import Entry
from skysure.errors import InputError

IDS = ("SN", "SNID", "NAME", "ID", "OBJECTID")
"""Facts that name the object, in capitals; a file without one is named as the file."""


def is_salt2(head: bytes) -> bool:
    r"""Whether text begins with a line of @ and a word and a value, or names its columns between # and #end.

    >>> is_salt2(b"@Z_HELIO 0.3\n#Date :\n#end\n"), is_salt2(b"# a comment\nid,mjd,band\n")
    (True, False)
    """
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"@\w+[ \t]+\S", first):
        return True
    names = re.match(rb"(?:#[^\n]*\n|@[^\n]*\n|[ \t\r]*\n)+", first)
    return bool(
        names and re.search(rb"^#[ \t]*\w+[ \t]*:", names[0], re.M) and re.search(rb"^#[ \t]*end\b", names[0], re.M)
    )


class Salt2Table:
    """One object: its columns as text, and what the lines with @ say of it as columns of one value.

    Raises
    ------
    InputError
        Where it names no columns, or a row has another number of values.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        lines = entry.read().decode("utf-8-sig", "replace").splitlines()
        self._facts = dict(_fact(line) for line in lines if re.match(r"@\w", line))
        named = _names_above_end(lines)
        rows = [(k, re.split(r"[,\s]+", line.strip())) for k, line in _below(lines)]
        names = named or (rows.pop(0)[1] if rows else [])
        self._check(names, rows)
        self._columns = {name: [row[k] for _, row in rows] for k, name in enumerate(names)}
        self._facts = {name: value for name, value in self._facts.items() if name not in self._columns}
        if not any(name.upper() in IDS for name in (*self._columns, *self._facts)):
            self._facts["id"] = entry.leaf.split(".")[0]
        self._rows = len(rows)
        self.schema = dict.fromkeys((*self._columns, *self._facts), pa.string())
        self.units = dict.fromkeys(self.schema, "")

    def rows(self) -> int:
        """Number of rows."""
        return self._rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns as text."""
        values = [self._columns.get(c) or [self._facts.get(c, "")] * self._rows for c in columns]
        yield pa.record_batch([pa.array(v, pa.string()) for v in values], names=list(columns))

    def _check(self, names: list[str], rows: list[tuple[int, list[str]]]) -> None:
        if len(names) < 2 or len(set(names)) < len(names):
            raise InputError(
                self.entry.name, "names of columns: a line of them, or lines '#Date :' before '#end'",
                f"it has {', '.join(names) or 'none'}", "add the line of names",
            )  # fmt: skip
        for line, row in rows:
            if len(row) != len(names):
                raise InputError(
                    f"{self.entry.name}: line {line} has {len(row)} values", f"{len(names)}: {', '.join(names)}",
                    "a truncated file, or a name that is missing", "correct that line, or fetch the file again",
                )  # fmt: skip


def _fact(line: str) -> tuple[str, str]:
    name, *value = line[1:].split(None, 1)
    return name, value[0].strip() if value else ""


def _names_above_end(lines: Sequence[str]) -> list[str]:
    """Names of the columns in lines such as '#Date :' that '#end' closes; none where there is no such line."""
    notes = [line.lstrip("# \t") for line in lines if line.startswith("#")]
    end = next((k for k, note in enumerate(notes) if re.match(r"end\b", note)), 0)
    return [match[1] for note in notes[:end] if (match := re.match(r"(\w+)\s*:", note))]


def _below(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines of values with their numbers; comments are left out."""
    for k, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text and not text.startswith("@"):
            yield k, text
