"""What is in files of light curves, and the reading that fits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from skysure.data.files.tables import Table
from skysure.data.files.values import texts
from skysure.errors import InputError

from . import nested, plan
from .columns import BANDS, find, guess_band, plain
from .plan import Plan
from .reading import OBJECT_COLUMNS, POINT_COLUMNS, Reading
from .source import LightCurveSource


def propose(paths: Sequence[str | Path], reading: Reading | Mapping[str, Any] | None = None) -> Reading:
    """Propose a reading for files: the dialect where one is recognised, else columns, unit and bands by name.

    What a name does not tell stays open: the zero point of a flux without unit is for its owner to say.

    Raises
    ------
    Fault
        Where a file is not there, damaged, or holds no light curves.
    """
    return _proposed(plan.make(paths, Reading.of(reading), strict=False))


def describe(paths: Sequence[str | Path], reading: Reading | Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Tell what is in files of light curves, as plain data.

    Parameters
    ----------
    paths : sequence of str or Path
    reading : Reading or mapping (its TOML table), optional
        Where it is not given, the one that `propose` gives.

    Returns
    -------
    dict
        "formats" (files of each), "tables" (file, part, rows, columns with units), "reading" (as TOML), and of
        the light curves "objects", "points", "bands", "classes", "columns", "time" [MJD],
        "signal_to_noise" (lowest, median, highest), "rejected", "reasons"; "notes" and "problems".
    """
    out: dict[str, Any] = {"paths": [str(p) for p in paths], "problems": []}
    try:
        found = plan.make(paths, Reading.of(reading), strict=False)
        out |= {"formats": found.formats, "tables": _tables(found)}
        proposed = Reading.of(reading) if reading else _proposed(found)
        out["reading"] = proposed.to_toml()
        out |= _walked(LightCurveSource(paths, proposed))
    except InputError as fault:
        out["problems"].append(str(fault))
    return out


def _walked(source: LightCurveSource) -> dict[str, Any]:
    facts = source.facts
    reasons: dict[str, int] = {}
    for rejected in source.rejected:
        reasons[rejected.reason] = reasons.get(rejected.reason, 0) + 1
    return {
        "objects": facts.objects, "points": facts.points, "bands": facts.by_band, "classes": facts.by_class,
        "labelled": facts.labelled, "columns": list(facts.columns), "time": facts.time,
        "signal_to_noise": facts.signal_to_noise, "rejected": facts.rejected, "reasons": reasons,
        "notes": list(source.notes),
    }  # fmt: skip


def _tables(found: Plan) -> list[dict[str, Any]]:
    parts = [(t, "points, one row a point") for t in found.long]
    parts += [(t, f"light curves nested in '{c}'" if c else "light curves as lists") for t, c in found.nested]
    parts += [(t, "objects, one row an object") for t in found.objects]
    out = [
        {
            "file": table.entry.name, "part": part, "rows": table.rows(),
            "columns": {n: {"type": str(table.schema[n]), "unit": table.units[n]} for n in table.schema},
        }
        for table, part in parts
    ]  # fmt: skip
    out += [{"file": h.name, "part": f"SNANA, with {p.leaf}", "rows": None, "columns": {}} for h, p in found.heads]
    if found.texts:
        first, n = found.texts[0], len(found.texts)
        out.append({"file": first.name, "part": f"SNANA text, {n:,} such files", "rows": None, "columns": {}})
    return out


def _proposed(found: Plan) -> Reading:
    """Write out what the names of columns tell; unknown bands are mapped where their name is clear."""
    reading = found.kept
    if reading.dialect or not (found.long or found.nested):
        return reading
    columns: dict[str, str | tuple[str, ...]] = {}
    unit, bands, jd = "", {}, False
    for table, names, column in _named(found):
        for ours in (*POINT_COLUMNS, *OBJECT_COLUMNS):
            hits = _found(found.reading, names, ours)
            if hits and ours not in columns and not (ours.startswith("mag") and "flux" in columns):
                columns[ours] = hits[0]
        unit = unit or names.get(str(columns.get("flux", "")), "")
        jd = jd or plain(str(columns.get("time", ""))) in ("jd", "hjd", "bjd")
        if column is not None and "band" in columns:
            bands |= _bands(table, str(columns["band"]), column)
    return replace(
        reading, columns={**columns, **reading.columns}, bands={**bands, **reading.bands},
        unit=reading.unit or (unit if reading.zero_point is None else ""),
        time_format=reading.time_format or ("jd" if jd else "mjd"),
    )  # fmt: skip


def _named(found: Plan) -> list[tuple[Table, dict[str, str], str | None]]:
    """Tables with all their names, and the nested column of points ("" for none, None for tables of objects)."""
    out: list[tuple[Table, dict[str, str], str | None]] = [(t, t.units, "") for t in found.long]
    for table, column in found.nested:
        inner = nested.nested_columns(table.schema)[column]
        out.append((table, dict.fromkeys(inner, "") | table.units, column))
    return out + [(t, t.units, None) for t in found.objects]


def _found(reading: Reading, names: dict[str, str], ours: str) -> tuple[str, ...]:
    try:
        return find(reading, names, ours)
    except InputError:  # several may be meant: for the owner to say
        return ()


def _bands(table: Table, name: str, column: str) -> dict[str, str]:
    """Map the names of bands that are not ours, where they are clear."""
    seen: set[str] = set()
    for batch in table.batches([column or name]):
        values = batch.column(0)
        if column and nested.is_list(values.type):
            flat = values.flatten()
            values = flat.flatten()[[f.name for f in flat.type].index(name)]
        elif column:
            values = values.flatten()[[f.name for f in values.type].index(name)].flatten()
        elif nested.is_list(values.type):
            values = values.flatten()
        seen |= set(texts(values)[1].tolist()) - {""}
    return {n: guess for n in sorted(seen) if n not in BANDS and (guess := guess_band(n))}
