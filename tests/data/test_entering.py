"""Schema and values are checked where they enter: types of columns, classes of astropy, `[reading]`, TOML and JSON."""

from __future__ import annotations

import dataclasses
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.time import Time, TimeDelta
from astropy.utils.masked import Masked

from skysure.data.lightcurves import open_lightcurves
from skysure.data.lightcurves.reading import SCHEMA, Reading
from skysure.errors import InputError, SettingsError
from skysure.settings import load_json, load_toml

N = 8
POINTS: dict[str, Any] = {
    "id": np.repeat(["a", "b"], 4), "mjd": np.tile(np.arange(4.0) + 59000, 2), "band": np.tile(["g", "r"], 4),
    "flux": np.arange(8.0) + 1, "flux_error": np.ones(8),
}  # fmt: skip
FLUX = {"unit": "nJy"}


def ids_in(path: Path, reading: Any = FLUX) -> list[str]:
    return [name for curves in open_lightcurves([path], reading).chunks() for name in curves.ids.tolist()]


def with_column(path: Path, name: str, values: pa.Array) -> Path:
    pq.write_table(pa.table({n: v for n, v in POINTS.items() if n != name} | {name: values}), path)
    return path


def repeated(first: Any, second: Any, kind: pa.DataType) -> pa.Array:
    return pa.array([first] * 4 + [second] * 4, kind)


READ = {
    "a view": ("id", repeated("a", "b", pa.string_view()), ["a", "b"]),
    "bytes": ("id", repeated(b"a", b"b", pa.binary()), ["a", "b"]),
    "large bytes": ("id", repeated(b"a", b"b", pa.large_binary()), ["a", "b"]),
    "bytes of one length": ("id", repeated(b"a1", b"b1", pa.binary(2)), ["a1", "b1"]),
    "decimals": ("id", repeated(Decimal("7.00"), Decimal("8.50"), pa.decimal128(5, 2)), ["7", "8.5"]),
    "a dictionary of views": ("id", pa.array(["a"] * 4 + ["b"] * 4).dictionary_encode(), ["a", "b"]),
    "booleans": ("label", repeated(True, False, pa.bool_()), ["a", "b"]),
    "dates": ("label", repeated(1, 2, pa.date32()), ["a", "b"]),
    "nulls": ("label", pa.nulls(N), ["a", "b"]),
    "half": ("redshift", pa.array(np.full(N, 0.5, np.float16)), ["a", "b"]),
    "text of a number": ("redshift", repeated(b"0.1", b"0.2", pa.binary(3)), ["a", "b"]),
}


@pytest.mark.parametrize("case", READ)
def test_types_that_are_read(tmp_path: Path, case: str) -> None:
    name, values, ids = READ[case]
    assert ids_in(with_column(tmp_path / "p.parquet", name, values)) == ids


def test_uuids_are_read_as_their_text(tmp_path: Path) -> None:
    if not hasattr(pa, "uuid"):
        pytest.skip("this pyarrow has no type of UUIDs")
    one, two = uuid.UUID(int=1), uuid.UUID(int=2)
    values = pa.ExtensionArray.from_storage(pa.uuid(), repeated(one.bytes, two.bytes, pa.binary(16)))
    assert ids_in(with_column(tmp_path / "p.parquet", "id", values)) == [str(one), str(two)]


REFUSED = {
    "list": pa.array([["a"]] * N), "struct": pa.array([{"x": 1}] * N), "binary": pa.array([b"\xff"] * N),
    "map": pa.array([[("a", 1)]] * N, pa.map_(pa.string(), pa.int64())),
    "duration": pa.array([1] * N, pa.duration("s")), "fixed_size_binary[2]": pa.array([b"\xff\xfe"] * N, pa.binary(2)),
}  # fmt: skip


@pytest.mark.parametrize("column", ["id", "band", "flux", "mjd", "label", "redshift"])
@pytest.mark.parametrize("kind", REFUSED)
def test_types_that_are_not_read_are_named_with_their_column(tmp_path: Path, column: str, kind: str) -> None:
    with pytest.raises(InputError) as error:
        ids_in(with_column(tmp_path / "p.parquet", column, REFUSED[kind]))
    assert f"p.parquet: column '{column}' of type {kind}" in error.value.problem


@pytest.mark.parametrize("kind", REFUSED)
def test_types_that_nobody_needs_are_passed_over(tmp_path: Path, kind: str) -> None:
    assert ids_in(with_column(tmp_path / "p.parquet", "more", REFUSED[kind])) == ["a", "b"]


@pytest.mark.parametrize("lacking", ["mjd", "flux", "flux_error"])  # a band beside the lists is that of all points
def test_lists_of_which_one_is_none(tmp_path: Path, lacking: str) -> None:
    lists = {n: [v[:4].tolist(), v[4:].tolist()] for n, v in POINTS.items()} | {"id": ["a", "b"]}
    lists[lacking] = [lists[lacking][0][0]] * 2
    pq.write_table(pa.table(lists), tmp_path / "p.parquet")
    with pytest.raises(InputError, match=r"p\.parquet: column '\w+' of type (?!null)"):
        ids_in(tmp_path / "p.parquet")


@pytest.mark.parametrize("key", [b"unit", b"\xff"])
def test_metadata_that_are_no_text(tmp_path: Path, key: bytes) -> None:
    schema = pa.table(POINTS).schema.with_metadata({key: b"\xff", b"table_meta_yaml": b"\xff: ["})
    field = schema.field("mjd").with_metadata({b"unit": b"\xff"})
    pq.write_table(pa.table(POINTS).cast(schema.set(1, field)), tmp_path / "p.parquet")
    with pytest.raises(InputError, match=r"p\.parquet"):
        ids_in(tmp_path / "p.parquet")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = with_column(tmp_path / "p.parquet", "qqqqqqqq", pa.nulls(N))
    path.write_bytes(path.read_bytes().replace(b"qqqqqqqq", b"qqq\xffqqqq"))
    with pytest.raises(InputError, match=r"p\.parquet") as error:
        ids_in(path)
    assert isinstance(error.value.__cause__, Exception)


# classes of columns


UNUSED = {
    "complex": np.ones(N, complex), "time": Time(np.full(N, 59000.0), format="mjd"), "object": None,
    "position": SkyCoord(np.zeros(N), np.zeros(N), unit="deg"), "vectors": np.zeros((N, 2)),
    "difference": TimeDelta(np.zeros(N), format="jd"), "masked": Masked(np.zeros(N) * u.m, mask=np.arange(N) > 3),
}  # fmt: skip


@pytest.mark.parametrize("column", [name for name in UNUSED if name != "object"])
@pytest.mark.parametrize("form", ["ecsv", "fits", "vot"])
def test_columns_of_any_class_that_nobody_needs(tmp_path: Path, column: str, form: str) -> None:
    table = QTable({**POINTS, "extra": UNUSED[column]})
    try:
        table.write(tmp_path / f"p.{form}", format={"vot": "votable"}.get(form))
    except Exception:
        pytest.skip(f"astropy does not write {column} to {form}")
    assert ids_in(tmp_path / f"p.{form}") == ["a", "b"]


@pytest.mark.parametrize("form", ["ecsv", "fits"])
def test_a_time_is_read_as_such(tmp_path: Path, form: str) -> None:
    QTable({**POINTS, "mjd": Time(POINTS["mjd"] + 2400000.5, format="jd")}).write(tmp_path / f"p.{form}")
    curves = next(iter(open_lightcurves([tmp_path / f"p.{form}"], FLUX).chunks()))
    np.testing.assert_allclose(curves.time, POINTS["mjd"], atol=1e-6)


@pytest.mark.parametrize("column", ["flux", "id"])
def test_a_complex_column_that_is_needed(tmp_path: Path, column: str) -> None:
    Table({**POINTS, column: np.ones(N, complex)}).write(tmp_path / "p.ecsv")
    with pytest.raises(InputError, match=f"column '{column}' of type complex128"):
        ids_in(tmp_path / "p.ecsv")


def test_snana_fits_of_any_columns(tmp_path: Path) -> None:
    head = Table({"SNID": ["a", "b"], "PTROBS_MIN": [1, 5], "PTROBS_MAX": [4, 8], "VECTORS": np.zeros((2, 3))})
    phot = Table({
        "MJD": POINTS["mjd"], "BAND": POINTS["band"], "FLUXCAL": POINTS["flux"], "FLUXCALERR": POINTS["flux_error"],
        "COMPLEX": np.ones(N, complex),
    })  # fmt: skip
    for name, table in (("HEAD", head), ("PHOT", phot)):
        table.write(tmp_path / f"V_{name}.FITS", format="fits")
    assert ids_in(tmp_path, {}) == ["a", "b"]
    phot["FLUXCAL"] = np.zeros((N, 2))
    phot.write(tmp_path / "V_PHOT.FITS", format="fits", overwrite=True)
    with pytest.raises(InputError, match="column 'FLUXCAL' of type list"):
        ids_in(tmp_path, {})


@pytest.mark.parametrize(("first", "last"), [(0, 4), (-3, 4), (1, 8)])
def test_snana_fits_that_point_to_rows_of_others(tmp_path: Path, first: int, last: int) -> None:
    head = Table({"SNID": ["a", "b"], "PTROBS_MIN": [first, 5], "PTROBS_MAX": [last, 8]})
    phot = Table({
        "MJD": POINTS["mjd"], "BAND": POINTS["band"], "FLUXCAL": POINTS["flux"], "FLUXCALERR": POINTS["flux_error"],
    })  # fmt: skip
    for name, table in (("HEAD", head), ("PHOT", phot)):
        table.write(tmp_path / f"V_{name}.FITS", format="fits")
    with pytest.raises(InputError, match="PTROBS"):
        ids_in(tmp_path, {})


def test_fits_columns_without_a_name(tmp_path: Path) -> None:
    Table({"SNID": ["a"], "PTROBS_MIN": [1], "PTROBS_MAX": [4]}).write(tmp_path / "V_HEAD.FITS", format="fits")
    hdu = fits.BinTableHDU(Table({"MJD": POINTS["mjd"], "FLUXCAL": POINTS["flux"], "X": POINTS["flux"]}))
    del hdu.header["TTYPE3"]
    hdu.writeto(tmp_path / "V_PHOT.FITS")
    with pytest.raises(InputError):
        ids_in(tmp_path, {})


# [reading]


def test_every_field_of_a_reading_is_declared() -> None:
    assert set(SCHEMA) == {field.name for field in dataclasses.fields(Reading)}


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ({"zero_point": -1000}, "zero_point"),
        ({"zero_point": float("nan")}, "zero_point"),
        ({"zero_point": 10**5000}, "zero_point"),
        ({"zero_point": True}, "zero_point"),
        ({"reject_bits": {"flux": "x"}}, "flux"),
        ({"reject_bits": {"flux": 1.5}}, "flux"),
        ({"reject_bits": {"flux": 1 << 63}}, "flux"),
        ({"reject_bits": {"flux": -1}}, "flux"),
        ({"constants": {"redshift": "abc"}}, "redshift"),
        ({"constants": {"redshift": [1]}}, "redshift"),
        ({"constants": {"ra": float("inf")}}, "ra"),
        ({"constants": {"label": ""}}, "label"),
        ({"columns": {"id": 5}}, "id"),
        ({"columns": {"time": "<file>"}}, "time"),
        ({"columns": {"time": ["mjd", 5]}}, "time"),
        ({"columns": []}, "columns"),
        ({"bands": {"g": ""}}, "g"),
        ({"bands": {"g": ["g"]}}, "g"),
        ({"labels": {"Ia": 1}}, "Ia"),
        ({"keep": {"field": {}}}, "field"),
        ({"keep": {"field": []}}, "field"),
        ({"drop": {"field": [[1]]}}, "field"),
        ({"time_format": "mjD"}, "mjd"),
        ({"time_format": "datetime64"}, "time_format"),
        ({"carry": "ra"}, "carry"),
        ({"drop_points": 5}, "drop_points"),
        ({"nested": 5}, "nested"),
        ({"dialect": 5}, "dialect"),
        ({"unit": 5}, "unit"),
    ],
)
def test_values_of_a_reading_that_it_cannot_have(table: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError, match=field):
        Reading.from_toml(table)
    with pytest.raises(SettingsError, match=field):
        Reading(**table)


# TOML and JSON


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a=" + "[" * 3000, "nests too deep"),
        (".".join("a" * 200) + " = 1", "SKYSURE_MAX_NESTING"),
        ("a = " + "9" * 5000, "digits"),
        ("a.b = 0x" + "F" * 5000, "a.b = a number of 20000 bits"),
        ("a = '\udcff'", "codec"),
    ],
)
def test_toml_that_holds_no_settings(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "s.toml").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=message) as error:
        load_toml(tmp_path / "s.toml")
    assert "s.toml" in str(error.value)


@pytest.mark.parametrize("content", ["[" * 100_000, "[" * 100 + "]" * 100, "9" * 5000, "", "\udcff"])
def test_json_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=r"m\.json"):
        load_json(tmp_path / "m.json")


def test_settings_are_read_from_regular_files_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYSURE_MAX_SETTINGS_FILE", "10")
    (tmp_path / "s.toml").write_text("a = 'longer than ten bytes'")
    for path, words in (
        (tmp_path / "s.toml", "SETTINGS_FILE"),
        ("/dev/zero", "no regular file"),
        (tmp_path, "regular"),
    ):
        with pytest.raises(InputError, match=words):
            load_toml(path)
