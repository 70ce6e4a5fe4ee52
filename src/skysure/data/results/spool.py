"""Finished chunks set aside in `OUT.partial/` until the whole table can be written: one arrow file a chunk.

A format with fixed widths or a row count in its header (FITS, VOTable) has to see all rows before it writes the
first; a run that was interrupted wants its finished chunks back. One folder serves both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from skysure.errors import InputError

BATCH = 8_192  # rows that are in memory at a time while a table is written


class Spool:
    """A folder of chunks, in the order in which they came, and what run they belong to.

    Parameters
    ----------
    folder : Path
    identity : mapping or None
        What makes two runs the same (JSON); None: the chunks are of no use to a later run.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any] | None) -> None:
        self.folder = folder
        self.identity = None if identity is None else json.dumps(identity, sort_keys=True, default=str)
        self.schema: pa.Schema | None = None  # a kind that changes from chunk to chunk becomes the wider one
        self.keys: set[str] = set()
        self.parts = self.rows = 0

    def begin(self) -> None:
        """Make the folder and note whose it is."""
        self.folder.mkdir()
        if self.identity is not None:
            (self.folder / "run.json").write_text(self.identity)

    def found(self) -> str | None:
        """Return the identity of the run that left the folder, None where it cannot be resumed."""
        note = self.folder / "run.json"
        return note.read_text() if note.exists() else None

    def resume(self) -> None:
        """Take up the chunks that lie there; from the first damaged one on they are made again."""
        parts, sound = sorted(self.folder.glob("*.arrow")), True
        for i, part in enumerate(parts):
            try:
                sound = sound and part == self._part(i) and self._count(part)
            except (pa.ArrowInvalid, OSError):
                sound = False
            if not sound:
                part.unlink()

    def _count(self, part: Path) -> bool:
        with part.open("rb") as file:
            reader = pa.ipc.open_file(file)
            self.rows += sum(reader.get_batch(i).num_rows for i in range(reader.num_record_batches))
            self._note(reader.schema)
        return True

    def _note(self, schema: pa.Schema) -> None:
        self.keys.add((schema.metadata or {}).get(b"key", b"").decode())
        self.parts += 1
        self.schema = self._joined(schema.remove_metadata())

    def _joined(self, schema: pa.Schema) -> pa.Schema:
        if self.schema is None or self.schema.equals(schema):
            return schema
        try:
            return pa.unify_schemas([self.schema, schema], promote_options="permissive")
        except pa.ArrowTypeError as error:
            raise InputError(
                f"a chunk with {', '.join(f'{f.name} ({f.type})' for f in schema)}",
                "the kinds of the chunks before it",
                str(error),
                "give every chunk numbers, truth values or text in the same columns",
            ) from error

    def _part(self, i: int) -> Path:
        return self.folder / f"{i:08d}.arrow"

    def append(self, table: pa.Table, key: str) -> None:
        """Set a chunk aside; it counts as done once it has its name."""
        part = self._part(self.parts)
        self._joined(table.schema)  # what does not fit is told before it is kept
        table = table.replace_schema_metadata({"key": key})
        unfinished = part.with_suffix(".unfinished")
        with unfinished.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        os.replace(unfinished, part)
        self.rows += table.num_rows
        self._note(table.schema)

    def batches(self, names: list[str]) -> Iterator[pa.Table]:
        """Walk the named columns in batches of equal size, however the chunks were cut."""
        waiting: list[pa.Table] = []
        held = 0
        for i in range(self.parts):
            waiting.append(self._chunk(i, names))
            held += len(waiting[-1])
            while held >= BATCH:
                whole = pa.concat_tables(waiting)
                yield whole[:BATCH].combine_chunks()
                waiting, held = [whole[BATCH:]], held - BATCH
        if held:
            yield pa.concat_tables(waiting).combine_chunks()

    def _chunk(self, i: int, names: list[str]) -> pa.Table:
        assert self.schema is not None
        wanted = [self.schema.get_field_index(name) for name in names]
        with self._part(i).open("rb") as file:
            options = pa.ipc.IpcReadOptions(included_fields=wanted)
            chunk = pa.ipc.open_file(file, options=options).read_all()
        return chunk.select(names).cast(pa.schema([self.schema.field(name) for name in names]))

    def remove(self) -> None:
        """Remove the folder; a file in it that is not ours is left, and then an OSError says so."""
        if self.folder.exists():
            for ours in ("*.arrow", "*.unfinished", "run.json"):
                for file in self.folder.glob(ours):
                    file.unlink()
            self.folder.rmdir()
