"""The same objects through every format, unit, form of time and order of rows: the same predictions.

Flux, error and time are doubles in every form. Where no arithmetic is done on them the predictions are identical;
where units or magnitudes are converted they agree to `TOLERANCE`, the single precision of the network.
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from astropy.time import Time

import skysure
from skysure.data.lightcurves import LightCurves
from skysure.data.lightcurves.fluxes import NANOJANSKY_PER_FLUX
from skysure.predictions import Classes

TOLERANCE = 1e-5
"""Largest difference of probabilities where numbers are converted."""
LAST_BITS = 1e-14
"""Largest difference where the same numbers are summed in another order."""
N, POINTS = 30, 12
NIGHTS = {"unit": "nJy"}
Columns = dict[str, Any]


@pytest.fixture(scope="module")
def night() -> Columns:
    """Thirty rising and falling objects, with fluxes in nJy and times that are eighths of days."""
    rng = np.random.default_rng(8)
    epoch = np.sort(rng.choice(400, (N, POINTS)), 1) / 8
    peak, height = rng.uniform(10, 40, (N, 1)), rng.uniform(500, 9000, (N, 1))
    flux = height * np.exp(-(((epoch - peak) / 15) ** 2)) + rng.uniform(20, 60, (N, POINTS))
    redshift = np.round(rng.uniform(0.1, 0.9, N), 3)
    return {
        "id": np.repeat([f"SN{k:02d}" for k in range(N)], POINTS), "mjd": 59000 + epoch.ravel(),
        "band": np.tile(list("griz"), N * POINTS // 4), "flux": flux.ravel(),
        "flux_error": rng.uniform(20, 60, N * POINTS), "redshift": np.repeat(redshift, POINTS),
    }  # fmt: skip


@pytest.fixture(scope="module")
def run() -> skysure.Run:
    """The model that ships."""
    return skysure.load("supernovae-griz")


@pytest.fixture(scope="module")
def expected(run: skysure.Run, night: Columns) -> np.ndarray:
    """Probabilities by object of the table in memory."""
    curves = LightCurves.from_table(QTable(night, units={"flux": "nJy", "flux_error": "nJy"}))
    return skysure.predict(run, curves, kind=Classes).probability


def scaled(table: Columns, unit: float) -> Columns:
    """The fluxes in a unit of so many nJy."""
    return table | {"flux": table["flux"] / unit, "flux_error": table["flux_error"] / unit}


def delimited(path: Path, table: Columns, separator: str = ",") -> Path:
    rows = zip(*(np.asarray(v).tolist() for v in table.values()), strict=True)
    path.write_text("\n".join([separator.join(table), *(separator.join(map(str, row)) for row in rows)]) + "\n")
    return path


def with_astropy(path: Path, table: Columns, **units: str) -> Path:
    form = {".vot": "votable", ".ecsv": "ascii.ecsv", ".parquet": "parquet"}.get(path.suffix, "fits")
    QTable(table, units={"flux": "nJy", "flux_error": "nJy"} | units).write(path, format=form)
    return path


def parquet(path: Path, table: Columns, **units: str) -> Path:
    units = {"flux": "nJy", "flux_error": "nJy"} | units
    arrays = {n: pa.array(v) for n, v in table.items()}
    fields = [pa.field(n, v.type, metadata={"unit": units.get(n, "")}) for n, v in arrays.items()]
    pq.write_table(pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields)), path, row_group_size=50)
    return path


def nested(path: Path, table: Columns, form: str) -> Path:
    offsets = pa.array(np.arange(0, N * POINTS + 1, POINTS), pa.int32())
    outer = {n: pa.array(table[n][::POINTS]) for n in ("id", "redshift")}
    flat = {n: pa.array(table[n]) for n in ("mjd", "band", "flux", "flux_error")}
    lists = {n: pa.ListArray.from_arrays(offsets, v) for n, v in flat.items()}
    if form == "lists":
        inner = lists
    elif form == "struct of lists":
        inner = {"curve": pa.StructArray.from_arrays(list(lists.values()), names=list(lists))}
    else:
        struct = pa.StructArray.from_arrays(list(flat.values()), names=list(flat))
        inner = {"curve": pa.ListArray.from_arrays(offsets, struct)}
    pq.write_table(pa.table(outer | inner), path, row_group_size=7)
    return path


def snana_text(folder: Path, table: Columns) -> Path:
    table = scaled(table, NANOJANSKY_PER_FLUX)
    for k in range(N):
        rows = range(k * POINTS, (k + 1) * POINTS)
        lines = [f"SNID: {table['id'][rows[0]]}", f"HOSTGAL_PHOTOZ: {table['redshift'][rows[0]]}", f"NOBS: {POINTS}"]
        lines += ["VARLIST: MJD BAND FLUXCAL FLUXCALERR"]
        names = ("mjd", "band", "flux", "flux_error")
        lines += ["OBS: " + " ".join(str(table[n][row]) for n in names) for row in rows]
        (folder / f"{k}.dat").write_text("SURVEY: X\n" + "\n".join(lines) + "\nEND:\n")
    return folder


def snana_fits(folder: Path, table: Columns) -> Path:
    table = scaled(table, NANOJANSKY_PER_FLUX)
    first = 1 + POINTS * np.arange(N)
    head = {"SNID": table["id"][::POINTS], "HOSTGAL_PHOTOZ": table["redshift"][::POINTS]}
    head |= {"PTROBS_MIN": first, "PTROBS_MAX": first + POINTS - 1}
    phot = {"MJD": table["mjd"], "BAND": table["band"], "FLUXCAL": table["flux"], "FLUXCALERR": table["flux_error"]}
    Table(head).write(folder / "A_HEAD.FITS", format="fits")
    Table(phot).write(folder / "A_PHOT.FITS", format="fits")
    return folder


def packed(path: Path, table: Columns) -> Path:
    plain = delimited(path.with_name("inside.csv"), table)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        with zipfile.ZipFile(path, "w") as pack:
            pack.write(plain, "inside.csv")
    plain.unlink()
    return path


def magnitudes(table: Columns) -> Columns:
    table = dict(table)
    flux, error = table.pop("flux"), table.pop("flux_error")
    return table | {"mag": 31.4 - 2.5 * np.log10(flux), "mag_error": 2.5 / np.log(10) * error / flux}


def ordered(table: Columns, order: np.ndarray) -> Columns:
    return {n: v[order] for n, v in table.items()}


def shuffled(table: Columns) -> Columns:
    return ordered(table, np.random.default_rng(1).permutation(N * POINTS))


def beside(folder: Path, table: Columns) -> Path:
    """Points and objects in two tables of different formats."""
    delimited(folder / "points.csv", {n: v for n, v in table.items() if n != "redshift"})
    Table({n: table[n][::POINTS] for n in ("redshift", "id")}).write(folder / "objects.fits")
    return folder


def split(folder: Path, table: Columns, how: str) -> Path:
    rows = np.arange(N * POINTS)
    part = {"rows": rows % 3, "objects": rows // (10 * POINTS), "nights": np.digitize(table["mjd"], [59015, 59030])}[
        how
    ]
    for k in range(3):
        parquet(folder / f"{k}.parquet", ordered(table, np.flatnonzero(part == k)))
    return folder


def mixed(folder: Path, table: Columns) -> Path:
    """The rows of an object in three files of three formats and units."""
    parts = [ordered(table, np.arange(k, N * POINTS, 3)) for k in range(3)]
    with_astropy(folder / "a.ecsv", scaled(parts[0], 1e3), flux="uJy", flux_error="uJy")
    parquet(folder / "b.parquet", parts[1] | {"mjd": parts[1]["mjd"] * 24}, mjd="h")
    with_astropy(folder / "c.vot", scaled(parts[2], 1e9), flux="Jy", flux_error="Jy")
    return folder


def dates(table: Columns, form: str) -> Columns:
    return table | {"mjd": getattr(Time(table["mjd"], format="mjd", precision=6), form)}


def timestamps(table: Columns) -> Columns:
    since = np.round((table["mjd"] - 40587) * 86400e6).astype("int64")
    return table | {"mjd": since.astype("datetime64[us]")}


def renamed(table: Columns, old: str, new: str) -> Columns:
    return {new if n == old else n: v for n, v in table.items()}


def jd(table: Columns) -> Columns:
    return table | {"mjd": table["mjd"] + 2400000.5}


IDENTICAL: dict[str, Callable[[Path, Columns], Any]] = {
    "CSV": lambda p, t: (delimited(p / "a.csv", t), NIGHTS),
    "tabs": lambda p, t: (delimited(p / "a.tsv", t, "\t"), NIGHTS),
    "blanks": lambda p, t: (delimited(p / "a.txt", t, "  "), NIGHTS),
    "CSV in gzip": lambda p, t: (packed(p / "a.csv.gz", t), NIGHTS),
    "CSV in zip": lambda p, t: (packed(p / "a.zip", t), NIGHTS),
    "ECSV": lambda p, t: with_astropy(p / "a.ecsv", t),
    "VOTable": lambda p, t: with_astropy(p / "a.vot", t),
    "FITS": lambda p, t: with_astropy(p / "a.fits", t),
    "FITS in gzip": lambda p, t: with_astropy(p / "a.fits.gz", t),
    "Parquet": lambda p, t: parquet(p / "a.parquet", t),
    "list of structs": lambda p, t: (nested(p / "a.parquet", t, "list of structs"), NIGHTS),
    "struct of lists": lambda p, t: (nested(p / "a.parquet", t, "struct of lists"), NIGHTS),
    "lists": lambda p, t: (nested(p / "a.parquet", t, "lists"), NIGHTS),
    "points and objects": lambda p, t: (beside(p, t), NIGHTS),
    "JD": lambda p, t: (delimited(p / "a.csv", jd(t)), NIGHTS | {"time_format": "jd"}),
    "column of JD": lambda p, t: (delimited(p / "a.csv", renamed(jd(t), "mjd", "jd")), NIGHTS),
    "timestamps": lambda p, t: parquet(p / "a.parquet", timestamps(t)),
    "rows in any order": lambda p, t: parquet(p / "a.parquet", shuffled(t)),
    "rows by night": lambda p, t: (delimited(p / "a.csv", ordered(t, np.argsort(t["mjd"], kind="stable"))), NIGHTS),
    "rows backwards": lambda p, t: with_astropy(p / "a.fits", ordered(t, np.arange(N * POINTS)[::-1])),
    "files by object": lambda p, t: split(p, t, "objects"),
    "files by night": lambda p, t: split(p, t, "nights"),
    "files by row": lambda p, t: split(p, t, "rows"),
    "dict": lambda p, t: (t, NIGHTS),
    "lists in memory": lambda p, t: ({n: v.tolist() for n, v in t.items()}, NIGHTS),
    "Table": lambda p, t: Table(shuffled(t), units={"flux": "nJy", "flux_error": "nJy"}),
    "QTable": lambda p, t: QTable(t, units={"flux": "nJy", "flux_error": "nJy"}),
    "Arrow": lambda p, t: pq.read_table(parquet(p / "a.parquet", t)),
    "Time": lambda p, t: (t | {"mjd": Time(t["mjd"], format="mjd")}, NIGHTS),
    "JD as Time": lambda p, t: (t | {"mjd": Time(jd(t)["mjd"], format="jd")}, NIGHTS),
    "timestamps in memory": lambda p, t: (timestamps(t), NIGHTS),
}  # fmt: skip
"""Forms in which the same doubles are read."""
REORDERED = ("rows in any order", "rows by night", "rows backwards", "files by night", "files by row", "Table")
"""Forms that may change the order of the objects, and so that of sums: the last bit of a probability may differ."""

CONVERTED: dict[str, Callable[[Path, Columns], Any]] = {
    "uJy": lambda p, t: with_astropy(p / "a.ecsv", scaled(t, 1e3), flux="uJy", flux_error="uJy"),
    "Jy, error in mJy": lambda p, t: parquet(
        p / "a.parquet", t | {"flux": t["flux"] / 1e9, "flux_error": t["flux_error"] / 1e6}, flux="Jy", flux_error="mJy"
    ),
    "erg": lambda p, t: parquet(
        p / "a.parquet", scaled(t, 1e32), flux="erg / (s cm2 Hz)", flux_error="erg / (s cm2 Hz)"
    ),
    "nanomaggy": lambda p, t: (delimited(p / "a.csv", scaled(t, 3630.780548)), {"unit": "nanomaggy"}),
    "zero point": lambda p, t: (
        delimited(p / "a.csv", scaled(t, NANOJANSKY_PER_FLUX * 10)), {"zero_point": 25.0}
    ),
    "magnitudes": lambda p, t: with_astropy(p / "a.fits", magnitudes(t), flux="", flux_error=""),
    "SNANA text": lambda p, t: snana_text(p, t),
    "SNANA FITS": lambda p, t: snana_fits(p, t),
    "hours": lambda p, t: with_astropy(p / "a.ecsv", t | {"mjd": t["mjd"] * 24}, mjd="h"),
    "seconds": lambda p, t: parquet(p / "a.parquet", t | {"mjd": t["mjd"] * 86400}, mjd="s"),
    "dates": lambda p, t: (delimited(p / "a.csv", dates(t, "isot")), NIGHTS | {"time_format": "isot"}),
    "dates with blanks": lambda p, t: (delimited(p / "a.csv", dates(t, "iso")), NIGHTS | {"time_format": "iso"}),
    "seconds since 1970": lambda p, t: (delimited(p / "a.csv", dates(t, "unix")), NIGHTS | {"time_format": "unix"}),
    "formats and units by row": mixed,
    "QTable in uJy": lambda p, t: QTable(
        t | {"flux": t["flux"] / 1e3 * u.uJy, "flux_error": t["flux_error"] * u.nJy, "mjd": t["mjd"] * 1440 * u.min}
    ),
    "table of light curves": lambda p, t: LightCurves.from_table(
        QTable(t, units={"flux": "nJy", "flux_error": "nJy"})
    ).to_table(),
}  # fmt: skip
"""Forms in which numbers are converted, and rounded."""


def probabilities(run: skysure.Run, made: Any) -> np.ndarray:
    """Probabilities in order of id."""
    data, reading = made if isinstance(made, tuple) else (made, None)
    prediction = skysure.predict(run, data, reading=reading, kind=Classes)
    order = np.argsort(prediction.rows["id"])
    assert prediction.rows["id"][order].tolist() == [f"SN{k:02d}" for k in range(N)]
    return prediction.probability[order]


@pytest.mark.parametrize("form", IDENTICAL)
def test_the_same_numbers_give_the_same_prediction(
    tmp_path: Path, run: skysure.Run, night: Columns, expected: np.ndarray, form: str
) -> None:
    tolerance = LAST_BITS if form in REORDERED else 0
    np.testing.assert_allclose(probabilities(run, IDENTICAL[form](tmp_path, night)), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("form", CONVERTED)
def test_converted_numbers_give_nearly_the_same_prediction(
    tmp_path: Path, run: skysure.Run, night: Columns, expected: np.ndarray, form: str
) -> None:
    np.testing.assert_allclose(probabilities(run, CONVERTED[form](tmp_path, night)), expected, atol=TOLERANCE)


def test_a_data_frame_gives_the_same_prediction(run: skysure.Run, night: Columns, expected: np.ndarray) -> None:
    pandas = pytest.importorskip("pandas")
    np.testing.assert_array_equal(probabilities(run, (pandas.DataFrame(night), NIGHTS)), expected)


def test_other_numbers_give_another_prediction(run: skysure.Run, night: Columns, expected: np.ndarray) -> None:
    changed = night | {"mjd": 59000 + (night["mjd"] - 59000) * 1.1}
    assert np.abs(probabilities(run, (changed, NIGHTS)) - expected).max() > 100 * TOLERANCE
