"""Light curves as services and programs of the field write them: JSON, alerts, ATLAS, ASAS-SN, sncosmo, SALT2."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa

from . import columns as tables
from .arrow import long_table
from .mutations import mutate_text, mutate_tree, several
from .vocabulary import NAMES

COLUMNS = {
    "atlas": ("###MJD", "uJy", "duJy", "F", "err"),
    "asassn": ("HJD", "UT Date", "Camera", "FWHM", "Limit", "mag", "mag_err", "flux(mJy)", "flux_err", "Filter"),
    "sncosmo": ("time", "band", "flux", "fluxerr", "zp", "zpsys"),
    "osc": ("event", "time", "magnitude", "e_magnitude", "band", "upperlimit"),
    "ztf": ("oid", "mjd", "mag", "magerr", "filtercode", "catflags"),
}
"""Columns of text of one object, by the service."""


def _value(name: str, point: tuple[Any, ...], random: Random) -> str:
    """What a service writes into a column for a point."""
    mjd, flux, error = point[1], point[3], point[4]
    values = {
        "###MJD": mjd, "mjd": mjd, "time": mjd, "HJD": mjd + 2400000.5, "UT Date": "2021-01-01.5", "Camera": "ba",
        "FWHM": 1.5, "Limit": 17.1, "mag": random.choice((17.2, ">17.5", 99.99)), "magnitude": 17.3, "mag_err": 0.1,
        "e_magnitude": 0.1, "magerr": 0.1, "flux(mJy)": flux, "uJy": flux, "flux": flux, "flux_err": error,
        "duJy": error, "fluxerr": error, "F": random.choice("co"), "Filter": random.choice("gV"), "err": 0, "zp": 25.0,
        "band": random.choice(("sdssg", "sdssr", "B")), "zpsys": "ab", "event": "SN2021a", "upperlimit": "F",
        "oid": random.choice((680, 1680)), "filtercode": random.choice(("zg", "zr")), "catflags": 0,
    }  # fmt: skip
    return str(values[name])


def _points(random: Random, objects: int = 1) -> list[tuple[Any, ...]]:
    return list(zip(*tables.light_curves(random, objects).values, strict=True))


def text(random: Random) -> dict[str, bytes]:
    """One object as a service writes it, damaged."""
    name = random.choice(sorted(COLUMNS))
    names = list(COLUMNS[name])
    delimiter = " " if name == "atlas" else ","
    lines = [delimiter.join(names)]
    lines += [delimiter.join(_value(n, point, random) for n in names) for point in _points(random)]
    content = ("\n".join(lines) + "\n").encode()
    return {"SN2021a.csv" if delimiter == "," else "SN2021a.txt": mutate_text(content, random)}


def salt2(random: Random) -> dict[str, bytes]:
    """One object as SALT2 or sncosmo write it, damaged."""
    facts = ["@SN a", "@Z_HELIO 0.3", "@MWEBV 0.02", "@SURVEY x", "@", "@Z 1e400", "@SN", "@x y z"]
    lines = random.sample(facts, 3)
    if random.random() < 0.5:
        lines += [f"#{n} :" for n in ("Date", "Flux", "Fluxerr", "ZP", "Filter", "MagSys")] + ["#end :"]
    else:
        lines += ["Date Flux Fluxerr ZP Filter MagSys"]
    for _, mjd, band, flux, error, *_ in _points(random):
        lines.append(f"{mjd} {flux} {error} 27.5 {random.choice(('MEGACAMPSF::', 'SDSS::', ''))}{band} AB")
    return {"a.list": mutate_text(("\n".join(lines) + "\n").encode(), random)}


def _records(random: Random) -> Any:
    """A document of records in one of the forms that JSON has for tables, or as brokers send them."""
    names = ("id", "mjd", "band", "flux", "flux_error")
    rows = [[str(p[0]), float(p[1]), str(p[2]), float(p[3]), float(p[4])] for p in _points(random, 2)]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    ztf = ("i:objectId", "i:jd", "i:fid", "i:magpsf", "i:sigmapsf", "i:isdiffpos")
    match random.randrange(6):
        case 0:
            return {name: [row[k] for row in rows] for k, name in enumerate(names)}
        case 1:
            return {name: {str(j): row[k] for j, row in enumerate(rows)} for k, name in enumerate(names)}
        case 2:
            return [dict(zip(ztf, (r[0], r[1] + 2400000.5, 1, 19.0, 0.1, "t"), strict=True)) for r in rows]
        case 3:
            return {"detections": records, "non_detections": [], "name": "a"}
        case 4:
            return {"SN2021a": {"photometry": records, "name": "SN2021a"}}
        case _:
            return records


def json_file(random: Random) -> dict[str, bytes]:
    """A JSON file, or one record a line; of a damaged tree or damaged itself."""
    document = _records(random)
    tree = mutate_tree(document, random) if random.random() < 0.5 else document
    if random.random() < 0.2 and isinstance(document, list):
        content = b"\n".join(json.dumps(record, default=str).encode() for record in document)
    else:
        content = json.dumps(tree, default=str).encode("utf-8", "replace")
    if tree is document:
        content = several((mutate_text,), content, random)
    return {random.choice(("a.json", "a.jsonl", "a.ndjson")): content}


def alerts(random: Random, damaged: bool) -> pa.Table:
    """Alerts of two surveys: the newest detection as a struct, earlier ones as lists of structs or nothing."""
    names = {
        "ztf": ("candidate", "prv_candidates", ("jd", "fid", "magpsf", "sigmapsf", "isdiffpos")),
        "rubin": ("diaSource", "prvDiaSources", ("midpointMjdTai", "band", "psfFlux", "psfFluxErr", "diaObjectId")),
    }
    newest, earlier, fields = names[random.choice(sorted(names))]
    rows = []
    for k in range(3):
        detections = [
            dict(zip(fields, (59000.5 + j, "g" if newest == "diaSource" else 1, 19.0 + j, 0.1, k), strict=True))
            for j in range(random.randrange(1, 4))
        ]
        if damaged and random.random() < 0.5:
            detections = mutate_tree(detections, random)
        before = None if random.random() < 0.2 else detections[1:] if isinstance(detections, list) else []
        first = detections[0] if isinstance(detections, list) and detections else None
        rows.append({"objectId": f"sn{k}", newest: first, earlier: before})
    return pa.Table.from_pylist(rows)


def hats(random: Random, damaged: bool) -> pa.Table:
    """A partition of a catalogue with names of several surveys, damaged."""
    columns = tables.light_curves(random)
    others = ("oid", "midpointMjdTai", "filter", "psfFlux", "psfFluxErr", "type", "z_phot")
    columns.names = [random.choice((a, b)) for a, b in zip(columns.names, others, strict=True)]
    if damaged:
        columns.names[random.randrange(len(columns.names))] = random.choice(NAMES)
    columns.values = [values if values.dtype.kind != "U" else np.array(values, dtype=str) for values in columns.values]
    return long_table(columns)
