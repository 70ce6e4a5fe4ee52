"""What `inspect` says about files: what is in them, how they would be read, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TableFindings:
    """One table among the files.

    Parameters
    ----------
    file : str
    part : str
        What its rows are.
    rows : int, optional
        None where the format does not say.
    columns : dict of str to dict
        "type" and "unit" of each column.
    """

    file: str
    part: str
    rows: int | None = None
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        columns = {name: dict(facts) for name, facts in self.columns.items()}
        return {"file": self.file, "part": self.part, "rows": self.rows, "columns": columns}


@dataclass(frozen=True)
class Findings:
    """What is in some files, for one application.

    Parameters
    ----------
    kind : str
        What the files hold, such as "light curves".
    recognised : bool
        Whether they hold what the application reads, be it with problems.
    tables : tuple of TableFindings
    facts : dict of str to plain data
        What the application says of the data: numbers of objects, ranges, classes.
    reading : dict, optional
        The `[reading]` table that would read the files, as far as their names tell.
    candidates : dict of str to tuple of str
        Fields that the reading leaves open, and the columns of the files that they may be.
    hints : dict of str to str
        What to write for fields that no column of the files can be.
    problems : tuple of str
        All that is wrong, each with what was expected, the likely cause and the fix.
    """

    kind: str
    recognised: bool = True
    tables: tuple[TableFindings, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] | None = None
    candidates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as `skysure inspect --json` prints it."""
        out: dict[str, Any] = {"kind": self.kind, "problems": list(self.problems)} | dict(self.facts)
        if self.tables:
            out["tables"] = [table.to_dict() for table in self.tables]
        if self.reading is not None:
            out["reading"] = dict(self.reading)
        if self.candidates:
            out["candidates"] = {name: list(columns) for name, columns in self.candidates.items()}
        if self.hints:
            out["hints"] = dict(self.hints)
        return out
