"""Tables of results: written in chunks to one or more files, all of them or none.

Chunks are saved in `OUT.partial/` as they come. After the last one, every file is written under a temporary name in its
own folder, its rows are counted, it is synchronised to disk, and all are renamed (`Publication`). Memory does not grow
with the rows.
"""

from __future__ import annotations

import csv
import errno
import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import pyarrow as pa
from astropy.table import QTable, Table

from skysure.data.targets import os_errors, replacing, synced, unfinished
from skysure.errors import InputError

from . import formulas, layout, space
from .publication import Publication
from .spool import Spool
from .suffixes import format_of, suffix_of

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
REJECTED = ("id", "file", "row", "reason")


class ResultWriter:
    """Write a table of results, chunk by chunk, to files in the formats of their suffixes.

    Suffixes are `.parquet`, `.fits`, `.fit`, `.fits.gz`, `.ecsv`, `.csv`, `.csv.gz`, `.vot`, `.votable` and `.xml`.
    After an exception, an interruption (KeyboardInterrupt) or a kill, the finished chunks remain in `OUT.partial/` if
    `identity` is given, and no other file.

    Parameters
    ----------
    paths : path-like or sequence of path-like
        The files; `OUT.partial/` is beside the first.
    force : bool
        Replace existing files, and the chunks of an interrupted run.
    metadata : mapping
        Metadata of the table: text, numbers, or what JSON can hold. CSV has none.
    identity : mapping, optional
        What makes two runs the same (model, query, data): only then can one resume the other.
    resume : bool
        Continue an interrupted run of the same identity; where there is none, start from the beginning. Chunks come in
        the same order, and `has` is asked for each.
    publication : Publication, optional
        To publish these files together with others: entered before the writer, and left after it. It says then whether
        to replace, what the identity is and whether to resume.

    Raises
    ------
    InputError
        A suffix is unknown, a file exists, a folder is missing, not writable or full, `OUT.partial/` belongs to another
        run or to a process that is running, the data changed since the interruption, or chunks do not fit together.

    Examples
    --------
    >>> import tempfile
    >>> from astropy.table import QTable
    >>> out = Path(tempfile.mkdtemp()) / "classes.fits"
    >>> with ResultWriter([out], metadata={"run": "demo"}) as writer:
    ...     writer.write(QTable({"id": ["a", "b"], "p_Ia": [0.9, 0.2]}))
    >>> read_table(out)["id"].tolist()
    ['a', 'b']
    """

    def __init__(
        self,
        paths: Paths,
        *,
        force: bool = False,
        metadata: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
        resume: bool = False,
        publication: Publication | None = None,
    ) -> None:
        self.paths = [Path(p) for p in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
        self.metadata = dict(metadata or {})
        self._is_alone = publication is None
        self._publication = publication or Publication(self.paths, identity=identity, force=force, resume=resume)
        self._spool = Spool(self._publication.folder)
        self._exits = ExitStack()
        self._has_formulas = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the files has to know, once they are written."""
        is_csv = any(suffix_of(path).startswith(".csv") for path in self.paths)
        return (formulas.NOTE,) if is_csv and self._has_formulas else ()

    @property
    def rows(self) -> int:
        """Number of rows so far, with those of the run that is resumed."""
        return self._publication.rows if self._publication.is_complete else self._spool.rows

    def __enter__(self) -> Self:
        for path in self.paths:
            suffix_of(path)
        with ExitStack() as stack:
            if self._is_alone:
                stack.enter_context(self._publication)
            if self._publication.is_resumed and not self._publication.is_complete:
                with os_errors(self._spool.folder):
                    self._spool.resume()
            stack.push(self._finish_without_error)
            self._exits = stack.pop_all()
        return self

    def has(self, key: str) -> bool:
        """Whether the run that is resumed has finished the chunk of this key; asked once for each chunk, in order.

        Raises
        ------
        InputError
            The chunk is another one than that of the interrupted run.
        """
        return self._publication.is_complete or self._spool.has(key)

    def write(self, chunk: Table, key: str = "") -> None:
        """Add a chunk of scalar columns.

        Parameters
        ----------
        chunk : Table or QTable
            With the same names in every chunk; values are converted to the units of the first.
        key : str
            Identifies the chunk when a run is resumed, for instance the hash of its ids.
        """
        table = layout.arrow_table(chunk, like=self._spool.schema)
        with os_errors(self._spool.folder):
            self._spool.append(table, key)

    def require_space(self, share: float) -> str:
        """Say how much disk space all rows will need, judged by the share of them that is written.

        Raises
        ------
        InputError
            A disk has less.
        """
        used = self._spool.size
        needed = space.expected_bytes(used / share, self._spool.folder, self.paths)
        return space.require_space(needed, used, self._spool.folder)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exits.__exit__(kind, error, trace)

    def _finish_without_error(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._publication.is_complete:
            self._finish()

    def _finish(self) -> None:
        self._spool.require_all()
        schema = self._spool.schema
        if schema is None:
            raise InputError(
                f"no rows for {self.paths[0]}",
                "at least one chunk",
                "there were no data, or every object was set aside",
                f"see {rejected_path(self.paths[0]).name} if there is one",
            )
        texts = [f.name for f in schema if pa.types.is_string(f.type)]
        batches = self._spool.batches(texts or schema.names[:1])
        table_layout = layout.measure(schema, self._noting_formulas(batches), self.metadata)
        for path in self.paths:
            with self._publication.file(path) as file:
                self._write(path, file, table_layout)
        if self._is_alone:
            self._publication.rows = table_layout.rows

    def _noting_formulas(self, batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Pass on batches, and note whether any of their text would be computed by a spreadsheet."""
        self._has_formulas = formulas.any_formula(self._spool.schema.names if self._spool.schema else ())
        for batch in batches:
            texts = (c for c in batch.columns if pa.types.is_string(c.type))
            self._has_formulas = self._has_formulas or any(map(formulas.any_in, texts))
            yield batch

    def _write(self, path: Path, file: IO[bytes], table_layout: layout.Layout) -> None:
        table_format = format_of(path)
        with _compressed(file, path, "wb") as stream:
            table_format.write(stream, table_layout, self._spool.batches([c.name for c in table_layout.columns]))
        synced(file)
        with unfinished(path).open("rb") as written, _compressed(written, path, "rb") as stream:
            try:
                rows = table_format.count(stream)
            except Exception as error:
                raise OSError(errno.EIO, f"the written file is damaged: {error}") from error
        if rows != table_layout.rows:
            raise OSError(errno.EIO, f"only {rows} rows of {table_layout.rows} are on the disk")


@contextmanager
def _compressed(file: IO[bytes], path: Path, mode: str) -> Iterator[IO[bytes]]:
    if path.suffix.lower() != ".gz":
        yield file
        return
    with gzip.GzipFile(filename="", fileobj=file, mode=mode, mtime=0) as stream:
        yield stream  # type: ignore[misc]


def write_tables(
    paths: Paths,
    chunks: Iterable[Table],
    *,
    force: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> int:
    """Write chunks of a table to one or more files and return the number of rows; see `ResultWriter`."""
    with ResultWriter(paths, force=force, metadata=metadata) as writer:
        for chunk in chunks:
            writer.write(chunk)
    return writer.rows


def read_table(path: str | os.PathLike[str]) -> QTable:
    """Read a table of results in any of the formats of `ResultWriter`, with units where the format has them.

    Raises
    ------
    InputError
        There is no such file, its suffix is unknown, or its content is of another format.
    """
    path = Path(path)
    table_format = format_of(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file", "a table of results", "a typing error", "check the name")
    try:
        return table_format.read(path)
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{path} cannot be read",
            f"an intact table in the format of {suffix_of(path)}",
            f"it is damaged, of another format, or not readable: {reason}",
            "write it again, or give it the suffix of its format",
        ) from error


def write_rejected(
    out: str | os.PathLike[str],
    rows: Iterable[Sequence[Any]],
    opened: Callable[[Path], AbstractContextManager[IO[bytes]]] = replacing,
) -> int:
    """List rejected objects in `OUT.rejected.csv` and return their number; no file where there are none.

    Parameters
    ----------
    out : path-like
        The table beside which the list is written; a list of an earlier run is replaced.
    rows : iterable of (id, file, row, reason)
    opened : callable
        Opens the list to be written; `Publication.file` publishes it together with the table.
    """
    path = rejected_path(out)
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        with os_errors(path):
            path.unlink(missing_ok=True)
        return 0
    with opened(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)  # for what may end a line
        writer.writerow(REJECTED)
        cells = ([formulas.neutralise(cell) for cell in row] for row in chain([first], rows))
        n = sum(1 for row in cells if (quoting if "\r" in "".join(map(str, row)) else writer).writerow(row))
        text.detach()  # flush, and leave the file open
    return n


def rejected_path(out: str | os.PathLike[str]) -> Path:
    """Return the path of the list of rejected objects.

    >>> rejected_path("classes.fits").name
    'classes.fits.rejected.csv'
    """
    return Path(out).with_name(Path(out).name + ".rejected.csv")
