"""Epoch photometry of Gaia: days since 2010.0 to MJD, electrons per second to nJy by the zero point of each band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from skysure.data.files.tables import Table
from skysure.data.files.values import numbers, texts
from skysure.errors import InputError

ZERO_POINTS = {"G": 25.8010446445, "BP": 25.3539555559, "RP": 25.1039837393}
"""AB magnitude of one electron per second (Riello et al. 2021, Gaia EDR3)."""
DAYS = 55197.0
"""MJD of the reference epoch: JD 2455197.5."""
NANOJANSKY = 31.4
"""AB magnitude of one nJy, to a thousandth."""
COLUMNS = {"source_id", "band", "time", "flux", "flux_error", "flux_over_error"}
TRANSITS = {"source_id", "g_transit_time", "g_transit_flux"}


def convert_gaia(table: Table) -> Table:
    """Return a table of Gaia's epoch photometry in our units; other tables as they are.

    Raises
    ------
    InputError
        For the form with all transits of a source as arrays in one row.
    """
    if set(table.schema) >= TRANSITS:
        raise InputError(
            f"{table.entry.name}: epoch photometry of Gaia with the transits as arrays", "a row a transit and band",
            "it was fetched in the structure RAW or COMBINED", "fetch it as INDIVIDUAL",
        )  # fmt: skip
    if not set(table.schema) >= COLUMNS or any(map(pa.types.is_nested, (table.schema[c] for c in COLUMNS))):
        return table
    return GaiaTable(table)


class GaiaTable:
    """A table of epoch photometry with `time` as MJD and `flux` and its error in nJy."""

    def __init__(self, table: Table) -> None:
        self.entry, self._table = table.entry, table
        self.schema = table.schema | dict.fromkeys(("time", "flux", "flux_error"), pa.float64())
        self.units = table.units | {"time": "d", "flux": "nJy", "flux_error": "nJy"}

    def rows(self) -> int | None:
        """Number of rows."""
        return self._table.rows()

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns."""
        for batch in self._table.batches(list(dict.fromkeys([*columns, "band"]))):
            values = dict(zip(batch.schema.names, batch.columns, strict=True))
            codes, names = texts(values["band"])
            factor = np.array([10 ** (0.4 * (NANOJANSKY - ZERO_POINTS.get(n, np.nan))) for n in names.tolist()])[codes]
            for name in {"flux", "flux_error"} & set(columns):
                values[name] = pa.array(numbers(values[name])[0] * factor)
            if "time" in columns:
                values["time"] = pa.array(numbers(values["time"])[0] + DAYS)
            yield pa.record_batch([values[c] for c in columns], names=list(columns))
