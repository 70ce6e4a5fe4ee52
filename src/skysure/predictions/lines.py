"""Lines of text from which files of detections are made, kept chunk by chunk until the whole file can be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

import pyarrow as pa

from skysure.data.results.spool import Spool
from skysure.data.targets import os_errors

from .detections import Detections
from .writers import Answer, Task

SOURCE, IMAGE, CLASSES = "source", "image", "classes"
SCHEMA = pa.schema([("kind", pa.string()), ("image", pa.string()), ("text", pa.string())])


class Line(NamedTuple):
    """A line: what it is about ("source", "image", "classes"), the id of its image, and its text."""

    kind: str
    image: str
    text: str


class LineWriter:
    """Write detections line by line; an interrupted prediction continues after its finished chunks.

    Parameters
    ----------
    paths : sequence of Path
    task : Task
    prefix : str
        How the names of its chunks begin.
    lines : callable
        Prediction to lines.
    content : callable
        (file, lines, metadata): writes a file; `lines()` iterates over the lines of all chunks.
    """

    is_full = False
    notes = ()

    def __init__(
        self,
        paths: Sequence[Path],
        task: Task,
        *,
        prefix: str,
        lines: Callable[[Detections], Iterator[Line]],
        content: Callable[[IO[bytes], Callable[[], Iterable[Line]], Mapping[str, Any]], None],
    ) -> None:
        assert task.publication is not None, "files of detections are published together with the others"
        self.paths, self._task, self._publication = tuple(paths), task, task.publication
        self._lines, self._content = lines, content
        self._spool = Spool(task.publication.folder, prefix=prefix)
        self._rows = 0

    @property
    def rows(self) -> int:
        """Number of sources so far, with those of an interrupted prediction that is resumed."""
        return self._publication.rows if self._publication.is_complete else self._rows

    def has(self, key: str) -> bool:
        """Whether the interrupted prediction that is resumed has finished the chunk of this key."""
        return self._publication.is_complete or self._spool.has(key)

    def write(self, answer: Answer) -> None:
        """Add the sources of an answer."""
        assert isinstance(answer.prediction, Detections)
        rows = [line._asdict() for line in self._lines(answer.prediction)]
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        with os_errors(self._spool.folder):
            self._spool.append(table, answer.key)
        self._rows += len(answer.prediction)

    def _all_lines(self) -> Iterator[Line]:
        for chunk in self._spool.chunks():
            yield from map(Line, *(chunk[name].to_pylist() for name in SCHEMA.names))

    def __enter__(self) -> Self:
        if self._publication.is_resumed and not self._publication.is_complete:
            with os_errors(self._spool.folder):
                self._spool.resume()
            if self._spool.parts:
                self._rows = sum(line.kind == SOURCE for line in self._all_lines())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and not self._publication.is_complete:
            self._spool.require_all()
            about = {"data": self._task.data} | dict(self._task.metadata)
            for path in self.paths:
                with self._publication.file(path) as file:
                    self._content(file, self._all_lines, about)
