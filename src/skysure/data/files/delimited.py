"""CSV and other delimited text; numbers stay text until they are checked, so that bad ones can be reported."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

from skysure.errors import InputError

from .entries import Entry
from .lines import Pieces, blocks_of_lines, read_head
from .names import refuse_doubled

BLOCK = 1 << 23
UNIT = "\x1f"
"""Separates the fields of white-space tables once their blanks are gone: no field holds it."""
SAMPLE = 200
"""Lines below the header that tell how numbers are written."""
COMMA_NUMBER = r"[+-]?\d+,\d+([eE][+-]?\d+)?"
POINT_NUMBER = r"[+-]?\d*\.\d+([eE][+-]?\d+)?"
THOUSANDS = r"[+-]?\d{1,3}(,\d{3})+"


class DelimitedTable:
    """Text with one header line; comments (#) may precede it, one of them may be the header itself.

    Numbers with a decimal comma are read where the delimiter is another or they are quoted.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        with entry.open() as stream:
            head = read_head(stream, entry.name)
        lines = split_lines(_decode(head))
        self._skip = next((k for k, line in enumerate(lines) if line.strip() and not _is_comment(line)), len(lines))
        header = lines[self._skip] if self._skip < len(lines) else ""
        self._delimiter = max(",\t;|", key=header.count) if re.search(r"[,\t;|]", header) else " "
        below = lines[self._skip + 1] if self._skip + 1 < len(lines) else ""
        if self._delimiter == "," and _is_between_blanks(header, below):
            self._delimiter = " "
        names = self._split(header, below)
        if self._skip and _numeric(names):
            above = self._split(lines[self._skip - 1].lstrip("# "), header)
            names = above if len(above) == len(names) else names
        else:
            self._skip += 1
        self._start = _start_of_line(head, self._skip)
        if not _numeric(names):
            refuse_doubled(entry.name, names)
        if len(names) < 2 or _numeric(names):
            raise InputError(
                entry.name, "a table of text with a line of column names",
                f"its first line is '{header[:60]}'", "add a first line with the names of the columns",
            )  # fmt: skip
        self.schema = {name: pa.string() for name in names}
        self.units = dict.fromkeys(names, "")
        sample = self._fields(lines[self._skip : self._skip + SAMPLE])
        self._commas = {names[k] for k in decimal_commas(sample, len(names))}

    def rows(self) -> None:
        """Text files do not state their number of rows."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns as text."""
        blanks = self._delimiter == " "
        options = {
            "read_options": ReadOptions(
                use_threads=False, block_size=BLOCK, column_names=list(self.schema),
                encoding="utf8",
            ),
            "parse_options": ParseOptions(
                delimiter=UNIT if blanks else self._delimiter, quote_char=False if blanks else '"'
            ),
            "convert_options": ConvertOptions(
                column_types=self.schema, include_columns=list(columns), strings_can_be_null=False
            ),
        }  # fmt: skip
        with self._stream() as stream:
            try:
                for batch in open_csv(stream, **options):
                    yield self._with_points(batch)
            except pa.ArrowInvalid as error:
                if "Empty CSV" in str(error):
                    return
                commas = "; numbers with a decimal comma need a point, quotes or another delimiter"
                raise InputError(
                    self.entry.name, f"rows of {len(self.schema)} fields", str(error).splitlines()[0],
                    "correct or remove that row; where it is the last, the file is truncated: fetch it again"
                    + commas * (self._delimiter == ","),
                ) from error  # fmt: skip

    def _with_points(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Write decimal commas as points, in the columns that have them."""
        names = batch.schema.names
        if not self._commas.intersection(names):
            return batch
        columns = [
            pc.replace_substring_regex(column, r"^\s*([+-]?\d+),(\d+(?:[eE][+-]?\d+)?)\s*$", r"\1.\2")
            if name in self._commas
            else column
            for name, column in zip(names, batch.columns, strict=True)
        ]
        return pa.record_batch(columns, names=names)

    def _split(self, line: str, below: str) -> list[str]:
        """Names of a header; between blanks also with commas, unless the row below has a field for each word."""
        if self._delimiter != " ":
            return [name.strip().strip('"') for name in line.split(self._delimiter)]
        words = line.split()
        if len(words) == len(below.split()) and not any(word.strip(",") != word for word in words):
            return words
        return [name for name in re.split(r"[,\s]+", line.strip()) if name]

    def _fields(self, lines: list[str]) -> list[list[str]]:
        if self._delimiter == " ":
            return [line.split() for line in lines]
        try:
            return list(csv.reader(lines, delimiter=self._delimiter))
        except csv.Error:  # its rows are checked when they are read
            return []

    @contextmanager
    def _stream(self) -> Iterator[IO[bytes]]:
        with self.entry.open() as stream:
            stream.read(self._start)
            if self._delimiter != " ":
                yield stream
                return
            yield io.BufferedReader(Pieces(self._without_blanks(stream)), BLOCK)

    def _without_blanks(self, stream: IO[bytes]) -> Iterator[bytes]:
        """Rows of a table whose columns are separated by white space, with UNIT instead, block by block."""
        unit = UNIT.encode()
        for lines in blocks_of_lines(stream, self.entry.name, BLOCK):
            yield b"".join(unit.join(x.split()) + b"\n" for x in lines if x.strip() and x[:1] != b"#")


def decimal_commas(rows: Sequence[Sequence[str]], width: int) -> set[int]:
    """Find the columns of text in which numbers have a decimal comma.

    A comma may also part thousands; it is taken for a decimal comma where a number of the column can be nothing else,
    and in the columns beside it where none has a decimal point.

    >>> sorted(decimal_commas([["a", "59998,01", "1,250"], ["b", "60001,0", "2"]], 3))
    [0, 1, 2]
    >>> decimal_commas([["a", "1,250", "2.5"]], 3)
    set()
    """
    columns = [[row[k].strip() for row in rows if len(row) == width] for k in range(width)]
    pointed = {k for k, column in enumerate(columns) if any(re.fullmatch(POINT_NUMBER, field) for field in column)}
    certain = {
        k for k, column in enumerate(columns)
        if any(re.fullmatch(COMMA_NUMBER, f) and not re.fullmatch(THOUSANDS, f) for f in column)
    } - pointed  # fmt: skip
    return set(range(width)) if certain and not pointed else certain


def _is_between_blanks(header: str, below: str) -> bool:
    """Whether the fields below a header with commas stand between blanks; a field may hold a comma (`56,63`)."""
    words, commas = len(below.split()), below.count(",")
    names = len(re.split(r"[,\s]+", header.strip(", \t")))
    return commas != header.count(",") and (words == names or (words > 1 and not commas))


def _is_comment(line: str) -> bool:
    """Whether a line before the header is none: a comment, or the delimiter as spreadsheets state it (sep=;)."""
    return line[0] == "#" or bool(re.fullmatch(r'"?sep=.?"?\s*', line.lstrip("\ufeff"), re.IGNORECASE))


def split_lines(text: str) -> list[str]:
    """Split text into lines as Arrow does: form feeds and the line ends of Unicode are characters like others.

    >>> split_lines("a\\u2028b\\r\\nc\\x0cd\\n")
    ['a\\u2028b', 'c\\x0cd', '']
    """
    return re.split("\r\n|\n|\r", text)


def _start_of_line(head: bytes, count: int) -> int:
    """Number of bytes of the first lines."""
    ends = [match.end() for match in re.finditer(b"\r\n|\n|\r", head)]
    return ends[count - 1] if count <= len(ends) else len(head)


def _decode(head: bytes) -> str:
    """Decode the begin of a file, which may end within a character: UTF-8, or else Latin 1."""
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return head.decode("latin-1")


def _numeric(names: list[str]) -> bool:
    return any(re.fullmatch(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", name) for name in names)
