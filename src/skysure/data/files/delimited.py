"""CSV and other delimited text; numbers stay text until they are checked, so that bad ones can be reported."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import pyarrow as pa
import pyarrow.csv as csv

from skysure.errors import InputError

from .entries import HEAD, Entry

BLOCK = 1 << 23


class DelimitedTable:
    """Text with one header line; comments (#) may precede it, one of them may be the header itself."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        with entry.open() as stream:
            head = stream.read(HEAD)
        try:
            text = head.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = head.decode("latin-1")
        lines = text.splitlines()
        self._skip = next((k for k, line in enumerate(lines) if line.strip() and line[0] != "#"), len(lines))
        header = lines[self._skip] if self._skip < len(lines) else ""
        self._delimiter = max(",\t;|", key=header.count) if re.search(r"[,\t;|]", header) else " "
        below = lines[self._skip + 1] if self._skip + 1 < len(lines) else ""
        if self._delimiter == "," and below and "," not in below and len(below.split()) > 1:
            self._delimiter = " "
        names = self._split(header)
        if self._skip and _numeric(names):
            above = self._split(lines[self._skip - 1].lstrip("# "))
            names = above if len(above) == len(names) else names
        else:
            self._skip += 1
        if len(names) < 2 or _numeric(names) or len(set(names)) < len(names):
            raise InputError(
                entry.name, "a table of text with a line of column names",
                f"its first line is '{header[:60]}'", "add a first line with the names of the columns",
            )  # fmt: skip
        self.schema = {name: pa.string() for name in names}
        self.units = dict.fromkeys(names, "")

    def rows(self) -> None:
        """Text files do not state their number of rows."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns as text."""
        options = {
            "read_options": csv.ReadOptions(
                use_threads=False, block_size=BLOCK, column_names=list(self.schema),
                skip_rows=0 if self._delimiter == " " else self._skip, encoding="utf8",
            ),
            "parse_options": csv.ParseOptions(delimiter="," if self._delimiter == " " else self._delimiter),
            "convert_options": csv.ConvertOptions(
                column_types=self.schema, include_columns=list(columns), strings_can_be_null=False
            ),
        }  # fmt: skip
        with self._stream() as stream:
            try:
                yield from csv.open_csv(stream, **options)
            except pa.ArrowInvalid as error:
                if "Empty CSV" in str(error):
                    return
                raise InputError(
                    self.entry.name, f"rows of {len(self.schema)} fields", str(error).splitlines()[0],
                    "correct or remove that row; where it is the last, the file is truncated: fetch it again",
                ) from None  # fmt: skip

    def _split(self, line: str) -> list[str]:
        if self._delimiter == " ":
            return [name for name in re.split(r"[,\s]+", line.strip()) if name]
        return [name.strip().strip('"') for name in line.split(self._delimiter)]

    @contextmanager
    def _stream(self) -> Iterator[IO[bytes]]:
        with self.entry.open() as stream:
            if self._delimiter != " ":
                yield stream
                return
            lines = stream.read().splitlines()[self._skip :]
            yield io.BytesIO(b"\n".join(b",".join(x.split()) for x in lines if x.strip() and x[:1] != b"#"))


def _numeric(names: list[str]) -> bool:
    return any(re.fullmatch(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", name) for name in names)
