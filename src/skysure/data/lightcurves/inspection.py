"""What is in files of light curves, the reading that fits them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from skysure.data.files.tables import Table
from skysure.data.findings import Findings, TableFindings
from skysure.data.problems import Problems, errors_in
from skysure.errors import InputError

from . import checks, nested, plan
from .bands import UnknownBands, band_names_in, known_band
from .column_names import time_format_in, unit_in
from .columns import find, meant
from .cures import LIMITS, SYSTEMS, ZERO_POINTS, named, quoted
from .fluxes import COUNTS, ZERO_POINT
from .passbands import BANDS, is_colour
from .plan import Plan
from .reading import DROPPABLE, ERROR_OF, OBJECT_COLUMNS, POINT_COLUMNS, Reading
from .source import LightCurveSource

ZERO_POINT_HINT = 'AB magnitude of a flux of one (27.5, 31.4 for nJy, ...); or unit = "..."'
NAMED_BY_OTHERS = ("zero_point", "flux_error", "mag_error")
"""Columns whose names say what they are where the column that they belong to is known."""
OPTIONAL = ("zero_point", "sign", "mag", "mag_error")
"""Columns of points that a file may do without where it has fluxes."""


def propose(paths: Sequence[str | Path], reading: Reading | Mapping[str, Any] | None = None) -> Reading:
    """Propose a reading for files: the survey format where it is recognised, else columns, unit and bands by name.

    What names do not say stays open, such as the zero point of a flux without unit.

    Raises
    ------
    InputError
        Where a file does not exist, is damaged, or holds no light curves.
    """
    return _propose_from(plan.make(paths, Reading.of(reading)))


def describe(paths: Sequence[str | Path], reading: Reading | Mapping[str, Any] | None = None) -> Findings:
    """Say what is in files of light curves.

    Parameters
    ----------
    paths : sequence of str or Path
    reading : Reading or mapping (its TOML table), optional
        Where it is not given, the one that `propose` gives.

    Returns
    -------
    Findings
        Facts: "paths", "formats" (files of each), "objects", "points", "bands", "classes", "columns", "time" [MJD],
        "signal_to_noise" (lowest, median, highest), "rejected", "reasons", "notes". All problems of the files are
        listed, not the first alone.
    """
    facts: dict[str, Any] = {"paths": [str(p) for p in paths]}
    problems = Problems()
    tables: tuple[TableFindings, ...] = ()
    proposed, candidates, hints, recognised = None, {}, {}, False
    with problems.collect():
        files = plan.make(paths, Reading.of(reading), problems)
        recognised = files.has_light_curves
        facts["formats"], tables = files.formats, tuple(_tables(files))
        proposed = Reading.of(reading) if reading else _propose_from(files)
        errors, source = _read(paths, proposed)
        if not reading and (bands := _known_bands(errors, files)):
            proposed = replace(proposed, bands={**bands, **proposed.bands})
            errors, source = _read(paths, proposed)
        if not reading:
            proposed = _with_drop_points(paths, proposed, source)
        candidates, hints = open_columns(files, proposed), open_hints(proposed) | _open_bands(errors)
        problems.add(*errors)
        aside = files.aside if source is None else source.files_aside
        problems.add(*(error for whole in aside.values() for error in errors_in(whole)))
        facts |= {} if source is None else _facts_of(source)
    return Findings(
        "light curves", recognised, tables, facts, None if proposed is None else proposed.to_toml(), candidates,
        hints, tuple(str(error) for error in problems.errors),
    )  # fmt: skip


def _read(
    paths: Sequence[str | Path], reading: Reading
) -> tuple[tuple[InputError, ...], LightCurveSource | None]:  # fmt: skip
    """Walk through files; gives all that is wrong with them, or the source."""
    problems = Problems()
    with problems.collect():
        files = plan.make(paths, reading, problems)
        problems_of_files = checks.find_problems(files, all_bands=True)
        if problems_of_files.errors and checks.set_tables_aside(files):
            problems_of_files = checks.find_problems(files, all_bands=True)
        problems.add(*problems_of_files.errors)
        if not problems.errors:
            source = LightCurveSource(paths, reading)
            _ = source.facts
            return (), source
    return tuple(problems.errors), None


def _known_bands(errors: Sequence[InputError], files: Plan) -> dict[str, str]:
    """Bands that no reading maps and whose meaning is known."""
    names = _unknown_bands(errors)
    reading = files.snana if files.texts or files.heads else files.reading
    return {name: band for name in names if (band := known_band(name, names, reading))}


def _unknown_bands(errors: Sequence[InputError]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for e in errors if isinstance(e, UnknownBands) for name in e.names))


def _open_bands(errors: Sequence[InputError]) -> dict[str, str]:
    """Say what to write for bands whose meaning is not known, and how to drop colours."""
    names = [name for name in _unknown_bands(errors) if not is_colour(name)]
    lines = [e.keep.partition(" = ") for e in errors if isinstance(e, UnknownBands) and e.keep]
    keep = {name: f"{values} drops the rows of colours" for name, _, values in lines}
    return keep | {f"bands.{quoted(name)}": f"one of {', '.join(BANDS)}" for name in names}


def _with_drop_points(
    paths: Sequence[str | Path], proposed: Reading, source: LightCurveSource | None
) -> Reading:  # fmt: skip
    """Add to a reading the flaws of single points for which whole objects are set aside, where that saves any."""
    if source is None and open_hints(proposed):  # which points are flawed does not depend on the zero point
        _, source = _read(paths, replace(proposed, zero_point=ZERO_POINT))
    if source is None:
        return proposed
    own = proposed.with_dialect().drop_points
    reasons = "".join({rejected.reason for rejected in source.rejected})
    flaws = [flaw for flaw in DROPPABLE if flaw not in own and f'drop_points = ["{flaw}"]' in reasons]
    if not flaws:
        return proposed
    reading = replace(proposed, drop_points=(*own, *flaws))
    _, saved = _read(paths, replace(source.reading, drop_points=reading.drop_points))
    return reading if saved is not None and saved.facts.objects > source.facts.objects else proposed


def open_columns(files: Plan, proposed: Reading) -> dict[str, tuple[str, ...]]:
    """Return our columns that a reading leaves open, each with the columns of the files that it may be.

    Only columns that exist are offered: those with a usual name where several have one, else those that nothing else
    is read from.
    """
    if proposed.dialect:
        return {}
    full = replace(proposed, dialect="plain")
    types = {name: kind for table, names, _ in _tables_with_names(files) for name, kind in _types(table, names).items()}
    used = {name for column in full.columns for name in full.names_of(column)} | {*full.carry, *full.keep}
    used |= {*named(types, SYSTEMS), *named(types, ZERO_POINTS), *named(types, LIMITS)}
    free = {name: kind for name, kind in types.items() if name not in used}
    out: dict[str, tuple[str, ...]] = {}
    no_reading = Reading()
    for column in (*POINT_COLUMNS, *OBJECT_COLUMNS):
        if column in full.columns or column in OPTIONAL or ERROR_OF.get(column, column) not in (
            column, *full.columns
        ):  # fmt: skip
            continue
        usual = [name for name in free if find(no_reading, {name: ""}, column)]
        usual = usual or [name for name in [meant(column, types)] if name in free]
        fitting = usual or [name for name, kind in free.items() if _fits(column, kind)]
        if fitting and not (column.startswith("flux") and "mag" in full.columns):
            out[column] = tuple(fitting)
    return out


def open_hints(proposed: Reading) -> dict[str, str]:
    """Say what to write where a flux has neither unit nor zero point."""
    has_flux_unit = (
        proposed.dialect or proposed.unit or proposed.zero_point is not None or "zero_point" in proposed.columns
    )
    return {} if has_flux_unit or "flux" not in proposed.columns else {"zero_point": ZERO_POINT_HINT}


def _types(table: Table, names: Mapping[str, str]) -> dict[str, pa.DataType]:
    """Types of columns, those of a nested column included."""
    inner = {n: kind for fields in nested.nested_columns(table.schema).values() for n, kind in fields.items()}
    kinds = inner | {n: kind for n, kind in table.schema.items() if not pa.types.is_nested(kind)}
    return {name: kinds[name] for name in names if name in kinds}


def _fits(column: str, kind: pa.DataType) -> bool:
    """Whether a column of ours may have values of a type; text files have only text."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return True
    return pa.types.is_floating(kind) and column not in ("id", "band", "label", "group")


def _facts_of(source: LightCurveSource) -> dict[str, Any]:
    facts = source.facts
    return {
        "objects": facts.objects, "points": facts.points, "bands": facts.by_band, "classes": facts.by_class,
        "labelled": facts.labelled, "columns": list(facts.columns), "time": facts.time,
        "signal_to_noise": facts.signal_to_noise, "rejected": facts.rejected, "reasons": source.reasons,
        "notes": list(source.notes),
    }  # fmt: skip


def _tables(files: Plan) -> list[TableFindings]:
    parts = [(t, "points, one row per observation") for t in files.long]
    parts += [(t, f"light curves nested in '{c}'" if c else "light curves as lists") for t, c in files.nested]
    parts += [(t, "objects, one row per object") for t in files.objects]
    out = [
        TableFindings(
            table.entry.name, part, table.rows(),
            {n: {"type": str(table.schema[n]), "unit": table.units[n]} for n in table.schema},
        )
        for table, part in parts
    ]  # fmt: skip
    out += [TableFindings(h.name, f"SNANA, with {p.leaf}") for h, p in files.heads]
    if files.texts:
        out.append(TableFindings(files.texts[0].name, f"SNANA text, {len(files.texts):,} such files"))
    return out


def _propose_from(files: Plan) -> Reading:
    """Write down what the names of columns say; unknown bands are mapped where their name is clear."""
    reading = files.kept
    if reading.dialect or not (files.long or files.nested):
        return reading
    columns: dict[str, str | tuple[str, ...]] = {}
    unit, bands, jd = "", {}, False
    for table, names, column in _tables_with_names(files):
        for ours in (*POINT_COLUMNS, *OBJECT_COLUMNS):
            theirs = _find_clear(files.reading, names, ours)
            if theirs and ours not in columns and not (ours.startswith("mag") and "flux" in columns):
                columns[ours] = theirs[0]
        flux = str(columns.get("flux", ""))
        unit = unit or names.get(flux, "") or unit_in(flux)
        jd = jd or time_format_in(str(columns.get("time", ""))) == "jd"
        if column is not None and columns.get("band") in names:
            bands |= _guess_bands(table, str(columns["band"]), column)
    unit = "" if unit.lower() in COUNTS else unit
    if unit or reading.unit or reading.zero_point is not None or "flux" not in columns:
        columns.pop("zero_point", None)
    return replace(
        reading, columns={**columns, **reading.columns}, bands={**bands, **reading.bands},
        unit=reading.unit or (unit if reading.zero_point is None else ""),
        time_format=reading.time_format or ("jd" if jd else "mjd"),
    )  # fmt: skip


def _tables_with_names(files: Plan) -> list[tuple[Table, dict[str, str], str | None]]:
    """Tables with all their names, and the nested column of points ("" for none, None for tables of objects)."""
    out: list[tuple[Table, dict[str, str], str | None]] = [(t, t.units, "") for t in files.long]
    for table, column in files.nested:
        inner = nested.nested_columns(table.schema)[column]
        out.append((table, dict.fromkeys(inner, "") | table.units, column))
    return out + [(t, t.units, None) for t in files.objects]


def _find_clear(reading: Reading, names: dict[str, str], ours: str) -> tuple[str, ...]:
    """Find a column by its name; where several could be meant, none: their owner has to say."""
    try:
        if theirs := find(reading, names, ours):
            return theirs
    except InputError:
        return ()
    return tuple(filter(None, [meant(ours, names) if ours in NAMED_BY_OTHERS else ""]))


def _guess_bands(table: Table, name: str, column: str) -> dict[str, str]:
    """Map the names of bands that are not ours, where they are clear."""
    names = sorted(band_names_in(table, name, column or None))
    return {n: band for n in names if n not in BANDS and (band := known_band(n, names, Reading()))}
