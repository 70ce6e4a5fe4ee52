"""Light curves in files or in memory, as a source for the classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from skysure.data.findings import Findings
from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.data.lightcurves.memory_columns import column_names
from skysure.data.lightcurves.reading import Reading
from skysure.data.sources import ChunkCache, DerivedSource, Index, InMemorySource, Source, cached_index
from skysure.errors import InputError

from .settings import Schema

ERRORS_PER_CHUNK = 2000
"""Number of flux errors of a chunk that the range of errors is estimated from."""


def read(data: Sequence[str | LightCurves], reading: Reading | Mapping[str, Any] | None = None) -> LightCurveFiles:
    """Open light curves in files, folders, globs and archives of any known format, or in memory.

    Raises
    ------
    InputError
        Where a file cannot be read, or a column, unit or band is missing or unknown.
    """
    chunks = [d for d in data if isinstance(d, LightCurves)]
    return LightCurveFiles(
        InMemorySource(None, chunks) if chunks else open_lightcurves([str(d) for d in data], reading)
    )


def from_table(table: Any, reading: Reading | Mapping[str, Any] | None = None) -> LightCurves:
    """Build light curves from a table in memory; of a reading, its columns, unit or zero point, and `carry` count.

    Raises
    ------
    InputError
        Where the reading has other fields, or as `LightCurves.from_table` says.
    """
    reading = Reading.of(reading)
    if others := set(reading.to_toml()) - {"columns", "unit", "zero_point", "carry"}:
        raise InputError(
            f"[reading] {', '.join(sorted(others))}, of a table in memory", "columns, unit, zero_point, carry",
            "the fields are for files", "change the table before, and give reading = {}",
        )  # fmt: skip
    names = column_names(table)
    columns = {}
    for column in reading.columns:
        options = reading.names_of(column)
        columns[column] = next((name for name in options if name in names), options[0])
    zero_point = (1 * u.Unit(reading.unit)).to_value(u.ABmag) if reading.unit else reading.zero_point
    return LightCurves.from_table(table, columns, zero_point=zero_point, carry=reading.carry)


def inspect(paths: Sequence[str | Path], reading: Reading | Mapping[str, Any] | None = None) -> Findings:
    """Say what is in files of light curves, how they would be read, and what is wrong with them."""
    from skysure.data.lightcurves.inspection import describe

    return describe(paths, reading)


@dataclass(frozen=True)
class LightCurveFiles(DerivedSource):
    """A source of light curves in files or in memory.

    The index needs the points, since they decide which objects can be used; so does the schema. Both come from one
    walk, whose light curves stay in memory for the parts of a training where they fit.

    Parameters
    ----------
    source : Source
        Of light curves; without a schema.
    """

    source: Source
    _cache: ChunkCache = field(default_factory=ChunkCache, repr=False, compare=False)

    def chunks(self, part: str | None = None) -> Iterator[LightCurves]:
        """Walk through the objects; without parts, every part is the whole."""
        return iter(self._cache.kept) if self._cache.kept is not None else self.source.chunks()

    def index(self, progress: Callable[[int], None] | None = None) -> Index:
        """Return ids and groups; the first call reads all objects."""
        return cached_index(self, self._survey, progress)

    @property
    def schema(self) -> Schema:
        """Bands, labels, and the ranges of redshift and error."""
        self.index()
        return vars(self)["_schema"]

    def _survey(self) -> Iterator[LightCurves]:
        """Walk through all objects once, keep them where they fit, and find the schema."""
        bands: dict[str, None] = {}
        labels: set[str] = set()
        redshifts, errors = [np.zeros(0)], []
        for curves in self._cache.keep(self.source.chunks()):
            bands |= dict.fromkeys(curves.bands)
            labels |= set(np.unique(curves.objects.get("label", np.array([], str))).tolist()) - {""}
            redshift = curves.column("redshift")
            redshifts.append(redshift[np.isfinite(redshift)])
            errors.append(curves.flux_error[:: max(1, len(curves.flux_error) // ERRORS_PER_CHUNK)])
            yield curves
        redshift = np.concatenate(redshifts)
        vars(self)["_schema"] = Schema(
            tuple(sorted(bands, key=_place)), tuple(sorted(labels)),
            redshift=(float(redshift.min()), float(redshift.max())) if len(redshift) else Schema.redshift,
            flux_error=tuple(np.quantile(np.concatenate(errors), [0.01, 0.99])) if errors else Schema.flux_error,
        )  # fmt: skip


def _place(band: str) -> tuple[int, str]:
    """Order bands by wavelength where we know it."""
    return ("ugrizyY".find(band) % 8 if len(band) == 1 else 8, band)
