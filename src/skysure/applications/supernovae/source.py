"""Light curves in files, as a source for the classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from astropy import units as u

from skysure.data.lightcurves import LightCurves, LightCurveSource, open_lightcurves
from skysure.data.lightcurves.reading import Reading
from skysure.data.sources import InMemorySource
from skysure.errors import InputError

from .settings import Schema


def read(data: Sequence[str | LightCurves], reading: Reading) -> Files:
    """Open light curves in files, folders, globs and archives of any known format, or in memory.

    Raises
    ------
    Fault
        Where a file cannot be read, or a column, unit or band is missing or unknown.
    """
    held = [d for d in data if isinstance(d, LightCurves)]
    return Files(InMemorySource(None, held) if held else open_lightcurves([str(d) for d in data], reading))


def from_table(table: Any, reading: Mapping[str, Any]) -> LightCurves:
    """Build light curves from a table in memory; of a reading, its columns, unit or zero point, and `carry` count.

    Raises
    ------
    InputError
        Where the reading has other fields, or as `LightCurves.from_table` says.
    """
    reading = Reading.from_toml(reading)
    if others := set(reading.to_toml()) - {"columns", "unit", "zero_point", "carry"}:
        cause = "a table in memory can be changed before"
        raise InputError(
            f"[reading] {', '.join(sorted(others))}, of a table in memory", "columns, unit, zero_point, carry", cause
        )
    names = list(getattr(table, "column_names", None) or getattr(table, "colnames", None) or table.keys())
    columns = {}
    for ours in reading.columns:
        options = reading.names_of(ours)
        columns[ours] = next((name for name in options if name in names), options[0])
    zero_point = (1 * u.Unit(reading.unit)).to_value(u.ABmag) if reading.unit else reading.zero_point
    more = {"carry": reading.carry} if reading.carry else {}
    return LightCurves.from_table(table, columns, zero_point=zero_point, **more)


@dataclass(frozen=True)
class Files:
    """A source of light curves in files or in memory.

    Parameters
    ----------
    source : LightCurveSource or Memory
    """

    source: LightCurveSource | InMemorySource

    def chunks(self, part: str | None = None) -> Iterator[LightCurves]:
        """Walk through the objects; without parts, every part is the whole."""
        return self.source.chunks()

    @property
    def rejected(self) -> list[Any]:
        """Objects that the last walk set aside."""
        return getattr(self.source, "rejected", [])

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the data."""
        return getattr(self.source, "notes", ())

    @cached_property
    def schema(self) -> Schema:
        """Bands, labels, and the ranges of redshift and error; found by walking through all once."""
        bands: dict[str, None] = {}
        labels: set[str] = set()
        redshifts, errors = [], []
        for curves in self.source.chunks():
            bands |= dict.fromkeys(curves.bands)
            labels |= set(np.unique(curves.objects.get("label", np.array([], str))).tolist()) - {""}
            redshifts.append(curves.column("redshift"))
            errors.append(curves.flux_error[:: max(1, len(curves.flux_error) // 2000)])
        known = np.concatenate([z[np.isfinite(z)] for z in redshifts] or [np.array([])])
        return Schema(
            tuple(sorted(bands, key=_place)), tuple(sorted(labels)),
            redshift=(float(known.min()), float(known.max())) if len(known) else Schema.redshift,
            flux_error=tuple(np.quantile(np.concatenate(errors), [0.01, 0.99])) if errors else Schema.flux_error,
        )  # fmt: skip


def _place(band: str) -> tuple[int, str]:
    """Order bands by wavelength where we know it."""
    return ("ugrizyY".find(band) % 8 if len(band) == 1 else 8, band)
