"""Tables of predictions in files: the form that every kind of prediction can take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from skysure.data.results.suffixes import SUFFIXES
from skysure.data.results.writer import ResultWriter

from .writers import Answer, Form, Task, register


class TableWriter:
    """Write `prediction.to_table()`, chunk by chunk, to the tables of a task; see `ResultWriter`."""

    is_full = False

    def __init__(self, paths: Sequence[Path], task: Task) -> None:
        self._writer = ResultWriter(
            paths, force=task.force, resume=task.resume, metadata=task.metadata, identity=task.identity,
            publication=task.publication,
        )  # fmt: skip

    @property
    def rows(self) -> int:
        """Number of rows, with those of an interrupted prediction that is resumed."""
        return self._writer.rows

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the files has to know, once they are written."""
        return self._writer.notes

    def has(self, key: str) -> bool:
        """Whether the interrupted prediction that is resumed has finished the chunk of this key."""
        return self._writer.has(key)

    def write(self, answer: Answer) -> None:
        """Add the rows of an answer."""
        self._writer.write(answer.prediction.to_table(), answer.key)

    def require_space(self, share: float) -> str:
        """Say how much disk space all rows will need; raises InputError where there is less."""
        return self._writer.require_space(share)

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)


register(Form("table", tuple(SUFFIXES), TableWriter))
