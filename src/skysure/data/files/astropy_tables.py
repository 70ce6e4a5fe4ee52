"""ECSV, VOTable and FITS tables, through astropy, which knows their units and masks."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from skysure.errors import InputError

from .entries import Entry
from .names import ecsv_names, refuse_doubled, votable_fields

BATCH = 131_072
FORMATS = {"fits": "fits", "votable": "votable", "ecsv": "ascii.ecsv"}


class AstropyTable:
    """A table that astropy reads as a whole."""

    def __init__(self, entry: Entry, kind: str) -> None:
        self.entry, self._kind = entry, kind
        table = self._read()
        self.units = {c: str(table[c].unit or "") for c in table.colnames}
        self.schema = {c: _to_arrow(table[c][:1]).type for c in table.colnames}
        self._rows = len(table)

    def rows(self) -> int:
        """Number of rows."""
        return self._rows

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns."""
        table = self._read()
        whole = pa.table({c: _to_arrow(table[c]) for c in columns})
        yield from whole.to_batches(max_chunksize=BATCH)

    def _read(self):
        from astropy.io import fits
        from astropy.table import Table

        with self.entry.open() as stream:
            content = io.BytesIO(stream.read())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.filterwarnings("error", message=".*may have been truncated.*")
                if self._kind == "fits":
                    with fits.open(content, memmap=False) as file:
                        tables = [hdu for hdu in file if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
                        if not tables:
                            raise ValueError("it holds images, no table")
                        refuse_doubled(self.entry.name, tables[0].columns.names)
                        return Table.read(file, format="fits")
                if self._kind == "votable":
                    fields = votable_fields(io.BytesIO(content.getvalue()))
                    refuse_doubled(self.entry.name, [name for name, _ in fields])
                else:
                    refuse_doubled(self.entry.name, ecsv_names(content.getvalue()))
                return Table.read(content, format=FORMATS[self._kind])
        except InputError:
            raise
        except Exception as error:  # astropy's readers raise what their parsers raise
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            expected = {"fits": "a FITS table", "votable": "a VOTable", "ecsv": "an ECSV table"}[self._kind]
            raise InputError(
                self.entry.name,
                f"{expected}, whole and well-formed",
                f"truncated or damaged ({reason})",
                "fetch it again",
            ) from None


def _to_arrow(column) -> pa.Array:
    values = np.asarray(column)
    mask = np.asarray(getattr(column, "mask", np.zeros(values.shape, bool)))
    if mask.shape != values.shape:
        mask = np.broadcast_to(mask, values.shape)
    if values.ndim > 1 or values.dtype.kind == "O":
        rows = [np.ma.filled(np.ma.asarray(v), np.nan) if values.dtype.kind == "O" else v for v in column]
        return pa.array([None if r is None else np.asarray(r).tolist() for r in rows])
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind in "SU":
        values = np.char.strip(np.char.decode(values, "latin-1") if values.dtype.kind == "S" else values)
    return pa.array(values, mask=mask) if mask.any() else pa.array(values)
