"""Parquet, long or nested, read by row groups."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skysure import limits
from skysure.errors import InputError, reason_of

from .damage import file_errors
from .entries import Entry
from .names import refuse_doubled, votable_fields
from .packing import BOMB
from .types import plain_array, plain_type
from .yaml import check_yaml

BATCH = 131_072


class ParquetTable:
    """A Parquet file; units come from its fields or from astropy's header."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        with self._open() as file:
            schema = file.schema_arrow
            self._rows = file.metadata.num_rows
            for names in (schema.names, *map(_names_inside, schema.types)):
                refuse_doubled(entry.name, names)
            self.schema = {f.name: plain_type(f.type) for f in schema}
            noted = _astropy_units(schema.metadata or {}, entry.name)
            others = _votable_units(schema.metadata or {})
            self.units = {f.name: noted.get(f.name, unit_of(f) or others.get(f.name, "")) for f in schema}
        self._masks = {n: f"{n}.mask" for n in noted if n in self.schema and f"{n}.mask" in self.schema}

    def rows(self) -> int:
        """Number of rows."""
        return self._rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns in batches; they have fewer rows where a row holds lists.

        Astropy writes the mask of a column as a column of its own; masked values are null here.
        """
        size = 2048 if any(pa.types.is_nested(self.schema[c]) for c in columns) else BATCH
        with self._open() as file:
            rows = [file.metadata.row_group(k).num_rows for k in range(file.metadata.num_row_groups)]
            for groups in _batches_of_row_groups(rows, size):
                names = [*columns, *(self._masks[c] for c in columns if c in self._masks)]
                for batch in file.iter_batches(batch_size=size, row_groups=groups, columns=names, use_threads=False):
                    yield self._plain(self._unmask(batch, columns) if len(names) > len(columns) else batch)

    def _plain(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Bring the columns to their plain types."""
        values = []
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                values.append(plain_array(column))
            except pa.ArrowException as error:
                raise InputError(
                    f"{self.entry.name}: column '{name}' of type {column.type}", "numbers or text",
                    f"bytes that are no text ({reason_of(error)})", "write it as text, or leave it out",
                ) from error  # fmt: skip
        return pa.record_batch(values, names=batch.schema.names)

    def _unmask(self, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        values = [
            pc.if_else(batch[self._masks[c]], pa.scalar(None, batch[c].type), batch[c])
            if c in self._masks
            else batch[c]
            for c in columns
        ]
        return pa.record_batch(values, names=list(columns))

    @contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        with file_errors(self.entry.name, "a whole Parquet file", "fetch or write it again"):
            content = None if self.entry.plain else self.entry.read()
            packed = self.entry.path.stat().st_size if content is None else len(content)
            with pq.ParquetFile(self.entry.path if content is None else io.BytesIO(content)) as file:
                _check_unpacked(file.metadata, packed, self.entry.name)
                yield file


def _check_unpacked(metadata: pq.FileMetaData, packed: int, name: str) -> None:
    """Refuse a file whose row groups unpack to too many bytes for its size [byte].

    The metadata of single columns are not asked: where they are damaged, Arrow throws an exception that pyarrow does
    not catch when `RowGroupMetaData.column` asks for them, and ends the process. When columns are read, it is an error.
    """
    unpacked = sum(metadata.row_group(k).total_byte_size for k in range(metadata.num_row_groups))
    if unpacked > max(limits.RATIO_FROM, limits.current().unpacked_ratio * packed):
        raise limits.exceeded(name, f"{packed:,} bytes that unpack to {unpacked:,}", "unpacked_ratio", BOMB)


def _batches_of_row_groups(rows: Sequence[int], size: int) -> Iterator[list[int]]:
    """Row groups to read with one reader: Arrow keeps in memory what a reader has passed, so each reads few."""
    groups: list[int] = []
    for k in range(len(rows)):
        groups.append(k)
        if sum(rows[g] for g in groups) >= size:
            yield groups
            groups = []
    if groups:
        yield groups


def unit_of(field: pa.Field) -> str:
    """Unit of a column, or of a field of a nested one, by its metadata; "" where they say none."""
    metadata = {key.lower(): value for key, value in (field.metadata or {}).items()}
    return (metadata.get(b"unit") or metadata.get(b"units") or b"").decode(errors="replace").strip()


def _names_inside(kind: pa.DataType) -> list[str]:
    """Names of the fields of a struct, or of a list of structs."""
    kind = kind.value_type if hasattr(kind, "value_type") else kind
    return [field.name for field in kind] if pa.types.is_struct(kind) else []


def _votable_units(metadata: dict[bytes, bytes]) -> dict[str, str]:
    """Units from the VOTable that some archives write into Parquet (VOParquet)."""
    content = metadata.get(b"IVOA.VOTable-Parquet.content")
    return dict(votable_fields(io.BytesIO(content))) if content else {}


def _astropy_units(metadata: dict[bytes, bytes], name: str) -> dict[str, str]:
    """Units from the header that astropy writes into Parquet."""
    if b"table_meta_yaml" not in metadata:
        return {}
    from astropy.table.meta import get_header_from_yaml

    text = metadata[b"table_meta_yaml"].decode("utf-8", "replace")
    check_yaml(text, name)
    header = get_header_from_yaml(text.splitlines())
    return {column["name"]: str(column.get("unit") or "") for column in header["datatype"]}
