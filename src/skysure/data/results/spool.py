"""Finished chunks, kept in `OUT.partial/` until the whole table can be written: one Arrow file per chunk.

A format with fixed widths or a row count in its header (FITS, VOTable) needs all rows before it can write the first,
and an interrupted run is resumed from its finished chunks. One folder serves both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from skysure.errors import InputError

BATCH = 8_192  # rows that are in memory at a time while a table is written


class Spool:
    """A folder of chunks in their order, each with a key.

    Parameters
    ----------
    folder : Path
    prefix : str
        How the names of its chunks begin, where several spools share the folder.
    """

    def __init__(self, folder: Path, prefix: str = "") -> None:
        self.folder, self._prefix = folder, prefix
        self.schema: pa.Schema | None = None  # a type that differs between chunks becomes the wider one
        self.keys: list[str] = []
        self.rows = 0
        self._awaited: list[str] = []  # keys of chunks of the run that is resumed, not asked for yet

    @property
    def parts(self) -> int:
        """Number of chunks."""
        return len(self.keys)

    def resume(self) -> None:
        """Use the chunks in the folder; the first damaged one and all after it are removed, to be made again."""
        parts, is_intact = self._files(), True
        for i, part in enumerate(parts):
            try:
                is_intact = is_intact and part == self._part(i) and self._add_part(part)
            except (pa.ArrowException, OSError, ValueError):  # also text that is not UTF-8
                is_intact = False
            if not is_intact:
                part.unlink()
        self._awaited = self.keys[:]

    def has(self, key: str) -> bool:
        """Whether the run that is resumed has finished the chunk of this key; asked once for each chunk, in order.

        Raises
        ------
        InputError
            The chunk is another one than that of the interrupted run.
        """
        if not self._awaited:
            return False
        if self._awaited[0] != key:
            raise self._other_data()
        self._awaited.pop(0)
        return True

    def require_all(self) -> None:
        """Raise InputError where a chunk of the run that is resumed has not been asked for."""
        if self._awaited:
            raise self._other_data()

    def _other_data(self) -> InputError:
        n = self.parts - len(self._awaited)
        return InputError(
            f"{self.folder}: the data differ from those of the interrupted run, from chunk {n + 1} on",
            "the same data in the same order", "a file was changed, replaced or removed since",
            "restore it, or start again with --force and without --resume",
        )  # fmt: skip

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"{self._prefix}[0-9]*.arrow"))

    def _add_part(self, part: Path) -> bool:
        with part.open("rb") as file:
            reader = pa.ipc.open_file(file)
            rows = sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
            _ = reader.schema.names  # which raises an error where they are not UTF-8
            self._note(reader.schema)
        self.rows += rows
        return True

    def _note(self, schema: pa.Schema) -> None:
        self.schema = self._unify(schema.remove_metadata())
        self.keys.append((schema.metadata or {}).get(b"key", b"").decode())

    def _unify(self, schema: pa.Schema) -> pa.Schema:
        if self.schema is None or self.schema.equals(schema):
            return schema
        try:
            return pa.unify_schemas([self.schema, schema], promote_options="permissive")
        except pa.ArrowTypeError as error:
            raise InputError(
                f"a chunk with {', '.join(f'{f.name} ({f.type})' for f in schema)}",
                "the types of the chunks before it",
                str(error),
                "give every chunk numbers, booleans or text in the same columns",
            ) from error

    def _part(self, i: int) -> Path:
        return self.folder / f"{self._prefix}{i:08d}.arrow"

    @property
    def size(self) -> int:
        """Bytes of all chunks."""
        return sum(part.stat().st_size for part in self._files())

    def append(self, table: pa.Table, key: str) -> None:
        """Save a chunk; it counts as done once it has its final name."""
        self.require_all()
        part = self._part(self.parts)
        self._unify(table.schema)  # raises before the chunk is saved
        table = table.replace_schema_metadata({"key": key})
        unfinished = part.with_suffix(".unfinished")
        try:
            with unfinished.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            os.replace(unfinished, part)
        except BaseException:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        self.rows += table.num_rows
        self._note(table.schema)

    def batches(self, names: list[str]) -> Iterator[pa.Table]:
        """Iterate over columns in batches of equal size, whatever the sizes of the chunks."""
        waiting: list[pa.Table] = []
        rows = 0
        for i in range(self.parts):
            waiting.append(self._chunk(i, names))
            rows += len(waiting[-1])
            while rows >= BATCH:
                whole = pa.concat_tables(waiting)
                yield whole[:BATCH].combine_chunks()
                waiting, rows = [whole[BATCH:]], rows - BATCH
        if rows:
            yield pa.concat_tables(waiting).combine_chunks()

    def chunks(self) -> Iterator[pa.Table]:
        """Iterate over the chunks as they were saved."""
        assert self.schema is not None
        for i in range(self.parts):
            yield self._chunk(i, self.schema.names).combine_chunks()

    def _chunk(self, i: int, names: list[str]) -> pa.Table:
        assert self.schema is not None
        indices = [self.schema.get_field_index(name) for name in names]
        with self._part(i).open("rb") as file:
            options = pa.ipc.IpcReadOptions(included_fields=indices)
            chunk = pa.ipc.open_file(file, options=options).read_all()
        return chunk.select(names).cast(pa.schema([self.schema.field(name) for name in names]))
