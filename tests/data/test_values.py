"""What describes an object: units, scale of times, columns of objects, ids and names are what they say, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.table import QTable, Table

from skysure.data.lightcurves import LightCurves, describe, open_lightcurves
from skysure.data.lightcurves.reading import Reading
from skysure.errors import InputError

FLUX = Reading(zero_point=27.5)


def points(n_objects: int = 3, n: int = 4, **changed: Any) -> dict[str, Any]:
    """A small long table of sound objects a0, a1, ..."""
    return {
        "id": np.repeat([f"a{k}" for k in range(n_objects)], n), "mjd": np.tile(np.arange(n) + 59000.0, n_objects),
        "band": np.tile(["g", "r"], n_objects * n // 2), "flux": np.arange(n_objects * n) + 1.0,
        "flux_error": np.ones(n_objects * n),
    } | changed  # fmt: skip


def write(path: Path, table: dict[str, Any], units: dict[str, str] | None = None) -> Path:
    """Write a table in the format of the suffix, with units."""
    units = units or {}
    if path.suffix == ".parquet":
        fields = {n: pa.array(v) for n, v in table.items()}
        schema = pa.schema([pa.field(n, v.type, metadata={"unit": units.get(n, "")}) for n, v in fields.items()])
        pq.write_table(pa.Table.from_arrays(list(fields.values()), schema=schema), path)
    elif path.suffix == ".csv":
        rows = zip(*(np.asarray(v).tolist() for v in table.values()), strict=True)
        path.write_text("\n".join([",".join(table)] + [",".join(map(str, row)) for row in rows]) + "\n")
    else:
        form = {".vot": "votable", ".ecsv": "ascii.ecsv", ".fits": "fits"}[path.suffix]
        Table({n: np.asarray(v) for n, v in table.items()}, units=units).write(path, format=form)
    return path


def read(path: Any, reading: Reading = FLUX) -> tuple[Any, LightCurves]:
    source = open_lightcurves(path if isinstance(path, list) else [path], reading)
    return source, LightCurves.concat(list(source.chunks()))


def reasons(path: Any, reading: Reading = FLUX) -> list[tuple[str, int, str]]:
    source = open_lightcurves(path if isinstance(path, list) else [path], reading)
    list(source.chunks())
    return [(r.id, r.row, r.reason) for r in source.rejected]


# units


@pytest.mark.parametrize("form", ["ecsv", "fits", "vot", "parquet"])
@pytest.mark.parametrize(
    ("column", "unit", "factor"),
    [("mjd", "h", 24), ("mjd", "min", 1440), ("mjd", "s", 86400), ("dec", "arcmin", 60), ("ra", "rad", np.pi / 180),
     ("flux_error", "uJy", 1e-3), ("mwebv", "mmag", 1000)],
)  # fmt: skip
def test_the_unit_of_every_column_is_converted(
    tmp_path: Path, form: str, column: str, unit: str, factor: float
) -> None:  # fmt: skip
    units = {"mjd": "d", "flux": "nJy", "flux_error": "nJy", "ra": "deg", "dec": "deg"}
    table = points(dec=np.full(12, 0.3), ra=np.full(12, 20.0), mwebv=np.full(12, 0.1))
    _, expected = read(write(tmp_path / f"a.{form}", table, units), Reading())
    changed = table | {column: np.asarray(table[column]) * factor}
    path = write(tmp_path / f"b.{form}", changed, units | {column: unit})
    _, curves = read(path, Reading())
    for name in ("time", "flux", "flux_error"):
        np.testing.assert_allclose(getattr(curves, name), getattr(expected, name), rtol=1e-12)
    for name in ("ra", "dec", "mwebv"):
        np.testing.assert_allclose(curves.column(name), expected.column(name), rtol=1e-12)


@pytest.mark.parametrize(
    ("column", "unit"),
    [("mjd", "m"), ("mjd", "BJD - 2454833, days"), ("mjd", "mag"), ("redshift", "km/s"), ("ra", "pix"), ("mwebv", "Jy"),
     ("mjd", "(d, s)"), ("flux", "(Jy, mJy)"), ("flux", "mag"),
     ("flux", "mag(AB)"), ("flux", "dex(nJy)"), ("flux", "0 Jy"), ("flux_error", "mag"),
     ("flux_error", "s")],
)  # fmt: skip
def test_a_unit_of_another_quantity_is_refused(tmp_path: Path, column: str, unit: str) -> None:
    table = points(redshift=np.full(12, 0.3), ra=np.full(12, 20.0), mwebv=np.full(12, 0.1))
    path = write(tmp_path / "a.parquet", table, {"flux": "nJy", "flux_error": "nJy"} | {column: unit})
    with pytest.raises(InputError) as refused:
        read(path, Reading())
    assert f"'{column}' in '{unit}'" in str(refused.value)
    with pytest.raises(InputError, match=f"'{column}' in"):
        LightCurves.from_table(pq.read_table(path))


@pytest.mark.parametrize("unit", ["mag(AB)", "dex(nJy)", "mag", "-1 Jy"])
def test_a_unit_of_the_reading_that_is_no_flux_is_refused(tmp_path: Path, unit: str) -> None:
    with pytest.raises(InputError, match="a flux density"):
        read(write(tmp_path / "a.csv", points()), Reading(unit=unit))


@pytest.mark.parametrize("unit", ["mag(AB)", "mag", "mmag"])
def test_magnitudes_have_their_unit(tmp_path: Path, unit: str) -> None:
    factor = 1000 if unit == "mmag" else 1
    table = points()
    table["mag"], table["mag_error"] = (20 + table.pop("flux")) * factor, 0.1 * table.pop("flux_error") * factor
    error_unit = "mag" if unit == "mag(AB)" else unit
    _, curves = read(write(tmp_path / "a.parquet", table, {"mag": unit, "mag_error": error_unit}), Reading())
    np.testing.assert_allclose(curves.flux[:2], 10 ** (0.4 * (27.5 - np.array([21, 22]))), rtol=1e-12)


def test_the_unit_of_a_file_and_that_of_the_reading_agree(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ecsv", points(), {"flux": "uJy", "flux_error": "uJy"})
    with pytest.raises(InputError, match="column 'flux' in 'uJy'"):
        read(path, Reading(unit="nJy"))
    assert read(path, Reading(unit="uJy"))[1].flux[0] == pytest.approx(read(path, Reading())[1].flux[0])


@pytest.mark.parametrize("form", ["list of structs", "struct of lists", "lists"])
def test_the_units_of_nested_columns_are_read(tmp_path: Path, form: str) -> None:
    units = {"mjd": "h", "flux": "uJy", "flux_error": "nJy"}
    fields = {n: pa.field(n, pa.array(v).type, metadata={"unit": units.get(n, "")}) for n, v in points().items()}
    names, offsets = ["mjd", "band", "flux", "flux_error"], pa.array([0, 4, 8, 12], pa.int32())
    flat = [pa.array(points()[n]) for n in names]
    if form == "list of structs":
        column = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(flat, fields=[fields[n] for n in names]))
        columns = {"curve": column}
    else:
        lists = {n: pa.ListArray.from_arrays(offsets, values) for n, values in zip(names, flat, strict=True)}
        kinds = [pa.field(n, v.type, metadata=fields[n].metadata) for n, v in lists.items()]
        columns = {"curve": pa.StructArray.from_arrays(list(lists.values()), fields=kinds)}
        columns = columns if form == "struct of lists" else lists
    table = pa.table({"id": ["a", "b", "c"], **columns})
    if form == "lists":
        table = table.cast(pa.schema([table.schema.field("id"), *kinds]))
    pq.write_table(table, tmp_path / "a.parquet")
    _, curves = read(tmp_path / "a.parquet", Reading())
    assert np.diff(curves.time[:2]) == pytest.approx(1 / 24)
    assert curves.flux[0] / curves.flux_error[0] == pytest.approx(1000)


def test_a_table_of_objects_has_units_too(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", points())
    write(tmp_path / "o.ecsv", {"id": ["a0", "a1", "a2"], "ra": [0.1, 0.2, 0.3]}, {"ra": "rad"})
    _, curves = read([tmp_path / "p.csv", tmp_path / "o.ecsv"])
    np.testing.assert_allclose(curves.column("ra"), np.degrees([0.1, 0.2, 0.3]))


class Attributed(np.ndarray):
    """A column with attributes, as pandas and xarray have."""

    attrs: dict[str, str]


def test_units_of_tables_in_memory(tmp_path: Path) -> None:
    table = QTable(points(flux=(np.arange(12) + 1) * u.uJy, flux_error=np.ones(12) * u.nJy))
    table["mjd"] = table["mjd"] * 24 * u.h
    expected = LightCurves.from_table(table)
    path = write(
        tmp_path / "a.parquet", points(mjd=points()["mjd"] * 24), {"flux": "uJy", "flux_error": "nJy", "mjd": "h"}
    )
    hours = points()["mjd"].view(Attributed) * 24
    hours.attrs = {"units": "h"}
    quantities = points(flux=(np.arange(12) + 1) * u.uJy, flux_error=np.ones(12) * u.nJy, mjd=hours)
    for other in (pq.read_table(path), quantities):
        curves = LightCurves.from_table(other)
        np.testing.assert_allclose(curves.time, expected.time)
        np.testing.assert_allclose(curves.flux_error, expected.flux_error)


# times


@pytest.mark.parametrize("other", [2459009.5, 2020.5, 9009.0, 1.6e9])
def test_times_of_two_scales_set_their_object_aside(tmp_path: Path, other: float) -> None:
    table = points()
    table["mjd"][5] = other
    ((name, row, reason),) = reasons(write(tmp_path / "a.csv", table))
    assert name == "a1"
    assert row in (5, 6, 7)
    assert "JD" in reason or "scale" in reason
    with pytest.raises(InputError, match=r"scale|look like"):
        LightCurves.from_table(table, zero_point=27.5)


def test_an_object_in_another_scale_than_its_file_is_set_aside(tmp_path: Path) -> None:
    table = points()
    table["mjd"][4:8] += 2400000.5
    assert [name for name, _, _ in reasons(write(tmp_path / "a.csv", table))] == ["a1"]
    reading = Reading(zero_point=27.5, time_format="jd")
    table["mjd"] = points()["mjd"] + 2400000.5
    table["mjd"][6] -= 2400000.5
    assert [(name, row) for name, row, _ in reasons(write(tmp_path / "a.csv", table), reading)] == [("a1", 7)]


def test_timestamps_are_dates(tmp_path: Path) -> None:
    stamps = np.datetime64("2020-05-31T12:00:00") + (np.arange(12) % 4) * np.timedelta64(1, "D")
    pq.write_table(pa.table(points(mjd=stamps)), tmp_path / "a.parquet")
    _, curves = read(tmp_path / "a.parquet")
    assert curves.time[:4].tolist() == [59000.5, 59001.5, 59002.5, 59003.5]
    assert LightCurves.from_table(points(mjd=stamps), zero_point=27.5).time.tolist() == curves.time.tolist()


def test_a_date_that_is_none_sets_its_object_aside(tmp_path: Path) -> None:
    dates = np.array([f"2020-06-0{k}T00:00:00" for k in range(1, 5)] * 3, object)
    dates[5], dates[9] = "cloudy", ""
    path = write(tmp_path / "a.csv", points(mjd=dates))
    set_aside = reasons(path, Reading(zero_point=27.5, time_format="isot"))
    assert [(name, row) for name, row, _ in set_aside] == [("a1", 6), ("a2", 10)]


# columns of objects


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize(
    ("column", "one", "two"),
    [("label", "Ia", "II"), ("redshift", 0.3, 0.4), ("redshift_error", 0.1, 0.2), ("ra", 10.0, 11.0), ("dec", 1.0, 2.0),
     ("mwebv", 0.1, 0.2), ("group", "x", "y")],
)  # fmt: skip
def test_a_column_of_objects_is_constant_wherever_its_rows_lie(
    tmp_path: Path, column: str, one: Any, two: Any, scattered: bool
) -> None:
    values = np.full(12, one, object)
    values[6:8] = two
    others = {"redshift": np.full(12, 0.5)} if column == "redshift_error" else {}
    table = {n: np.asarray(v) for n, v in points(**{column: values}, **others).items()}
    order = np.argsort(table["mjd"], kind="stable") if scattered else np.arange(12)
    table = {n: v[order] for n, v in table.items()}
    row = 1 + int(np.flatnonzero(table[column] == two)[0])
    ((name, first_change, reason),) = reasons(write(tmp_path / "a.csv", table))
    assert (name, first_change) == ("a1", row)
    assert "changes within the object" in reason
    parts = [write(tmp_path / f"{k}.csv", {n: v[k::2] for n, v in table.items()}) for k in range(2)]
    assert [name for name, _, _ in reasons(parts)] == ["a1"]


@pytest.mark.parametrize("scattered", [False, True])
def test_a_value_that_is_there_fills_those_that_are_not(tmp_path: Path, scattered: bool) -> None:
    label, redshift, ra = np.full(12, "", object), np.full(12, np.nan), np.full(12, np.nan)
    label[[2, 7, 9]], redshift[[3, 4, 11]], ra[[0, 5, 10]] = "Ia", 0.3, (0.001, 10.0, 359.999)
    ra[9] = 0.003
    order = np.argsort(points()["mjd"], kind="stable") if scattered else np.arange(12)
    table = {n: np.asarray(v)[order] for n, v in points(label=label, redshift=redshift, ra=ra).items()}
    source, curves = read(write(tmp_path / "a.csv", table))
    assert source.rejected == []
    assert curves.objects["label"].tolist() == ["Ia"] * 3
    assert curves.column("redshift").tolist() == [0.3] * 3
    assert curves.column("ra")[:2].tolist() == [0.001, 10.0]


@pytest.mark.parametrize("scattered", [False, True])
def test_carried_columns_that_vary_are_counted_once_an_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scattered: bool
) -> None:
    monkeypatch.setattr("skysure.data.files.parquet.BATCH", 3)
    host = np.array(["x", "y", "y", "x", *"zzzz", "x", "x", "x", "y"])
    order = np.argsort(points()["mjd"], kind="stable") if scattered else np.arange(12)
    table = {n: np.asarray(v)[order] for n, v in points(host=host).items()}
    path = write(tmp_path / "a.parquet", table)
    source, _ = read(path, Reading(zero_point=27.5, carry=("host",)))
    assert "2 objects have several values of 'host' to carry; the first was taken" in source.notes


def test_a_table_of_objects_may_not_say_another_label(tmp_path: Path) -> None:
    write(tmp_path / "p.csv", points(label=np.repeat(["Ia", "II", ""], 4), redshift=np.repeat([0.1, 0.2, 0.3], 4)))
    objects = {"id": ["a0", "a1", "a2"], "label": ["II", "II", "Ia"], "redshift": [0.1, 0.25, 0.3]}
    write(tmp_path / "o.csv", objects)
    source, curves = read([tmp_path / "p.csv", tmp_path / "o.csv"])
    assert [(r.id, "label is another one in" in r.reason) for r in source.rejected] == [("a0", True)]
    assert curves.objects["label"].tolist() == ["II", "Ia"]
    assert any("1 objects have another redshift in" in note for note in source.notes)
    with pytest.raises(InputError, match="object 'a0' has the label 'Ia'"):
        LightCurves.from_table(points(label=np.repeat(["Ia", "II", ""], 4)), objects=objects, zero_point=27.5)


# ids


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.string(), pa.decimal128(20)])
def test_large_ids_are_exact(tmp_path: Path, kind: pa.DataType) -> None:
    ids = np.repeat([2**53 + 1, 2**53 + 2, 2**53 + 3], 4)
    column = pa.array([str(i) for i in ids]) if kind == pa.string() else pa.array(ids).cast(kind)
    pq.write_table(pa.table(points() | {"id": column}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet")[1].ids.tolist() == [str(2**53 + k) for k in (1, 2, 3)]


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_ids_that_are_no_longer_exact_are_refused(tmp_path: Path, kind: type) -> None:
    largest = 2**53 if kind is np.float64 else 2**24
    ids = np.repeat(np.array([largest + 1, largest + 2, 7], kind), 4)
    with pytest.raises(InputError, match="floating-point"):
        read(write(tmp_path / "a.parquet", points(id=ids)))
    with pytest.raises(InputError, match="floating-point"):
        LightCurves.from_table(points(id=ids), zero_point=27.5)
    assert read(write(tmp_path / "b.parquet", points(id=ids % 1000 + 1)))[1].ids[-1] == "8"


@pytest.mark.parametrize("ids", [("a", "a ", "b"), (" a", "a", "b")])
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_ids_that_differ_only_in_blanks_are_not_joined(tmp_path: Path, ids: tuple[str, ...], form: str) -> None:
    path = write(tmp_path / f"p.{form}", points(id=np.repeat(ids, 4)))
    ((name, _, reason),) = reasons(path)
    assert (name, "blanks" in reason) == ("a", True)
    assert read(path)[1].ids.tolist() == ["b"]
    with pytest.raises(InputError, match="blanks"):
        LightCurves.from_table(points(id=np.repeat(ids, 4)), zero_point=27.5)


def test_ids_that_differ_in_case_are_two_objects(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.csv", points(id=np.repeat(["a", "A", "b"], 4))))[1].ids.tolist() == ["a", "A", "b"]


# columns of one name, lines


@pytest.mark.parametrize("form", ["csv", "parquet", "fits", "vot", "ecsv"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / f"a.{form}", points(flux2=np.ones(12)))
    if form == "parquet":
        names = ["flux" if n == "flux2" else n for n in points(flux2=0)]
        pq.write_table(pq.read_table(path).rename_columns(names), path)
    else:
        spaces = b"flux " if form == "fits" else b"flux"
        path.write_bytes(path.read_bytes().replace(b"flux2", spaces))
    with pytest.raises(InputError, match="flux"):
        read(path)


def test_two_columns_of_one_name_in_memory_and_in_a_nested_table_are_refused(tmp_path: Path) -> None:
    table = pa.table({**points(), "flux2": np.ones(12)})
    doubled = table.rename_columns(["flux" if n == "flux2" else n for n in table.column_names])
    with pytest.raises(InputError, match="several columns 'flux'"):
        LightCurves.from_table(doubled, zero_point=27.5)
    fields = [pa.field(n, pa.float64()) for n in ("mjd", "flux", "flux")]
    struct = pa.StructArray.from_arrays([pa.array([1.0])] * 3, fields=fields)
    pq.write_table(pa.table({"id": ["a"], "curve": pa.ListArray.from_arrays([0, 1], struct)}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="several columns 'flux'"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["Flux", "MJD", "Band", "ID", "FLUX_ERROR"])
def test_two_columns_of_the_same_name_but_case_are_told(tmp_path: Path, name: str) -> None:
    table = points(**{name: np.zeros(12)})
    with pytest.raises(InputError, match=f"{name}.*|each may be meant"):
        read(write(tmp_path / "a.parquet", table))
    columns = {"id": "id", "time": "mjd", "band": "band", "flux": "flux", "flux_error": "flux_error"}
    assert read(tmp_path / "a.parquet", Reading(zero_point=27.5, columns=columns))[1].flux[0] == 1.0


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
@pytest.mark.parametrize("separator", [",", " "])
def test_no_line_is_skipped(tmp_path: Path, character: str, separator: str) -> None:
    path = write(tmp_path / "a.csv", points())
    text = path.read_text().replace(",", separator)
    path.write_bytes(f"# by J. Doe{character}# and others\n{text}".encode())
    assert len(read(path)[1].time) == 12
    path.write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    assert len(read(path)[1].time) == 12


def test_no_line_of_snana_text_is_skipped_or_made(tmp_path: Path) -> None:
    head = "SURVEY: X\nSNID: a\nVARLIST: MJD FLT FLUXCAL FLUXCALERR\n"
    rows = "OBS: 1.0 g 1.0 1.0  # note\x85OBS: 9.0 g 9.0 9.0\n  OBS: 2.0 g 2.0 1.0\nOBS: 3.0 g 3.0 1.0\n"
    (tmp_path / "a.dat").write_bytes((head + rows).encode("latin-1"))
    assert read(tmp_path / "a.dat", Reading())[1].time.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("header", "reason"),
    [("SNID: a\nSNID: b\n", "SNID is there as 'a' and as 'b'"), ("RA: 0.1\nRA: 0.9\n", "RA is there"),
     ("VARLIST: MJD FLT FLUXCAL FLUXCALERR FLUXCAL\n", "FLUXCAL twice")],
)  # fmt: skip
def test_snana_text_that_says_two_things_is_set_aside(tmp_path: Path, header: str, reason: str) -> None:
    text = "SURVEY: X\nSNID: a\nPEAK: 1\nPEAK: 2\nVARLIST: MJD FLT FLUXCAL FLUXCALERR\n"
    rows = "OBS: 1.0 g 1.0 1.0\nOBS: 2.0 g 2.0 1.0\n"
    (tmp_path / "a.dat").write_text(text + rows)
    assert reasons(tmp_path / "a.dat", Reading()) == []
    (tmp_path / "a.dat").write_text(text + header + rows)
    ((_, _, message),) = reasons(tmp_path / "a.dat", Reading())
    assert reason in message


# counts


def test_counts_and_reasons_are_those_of_all_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skysure.data.lightcurves.source.REMEMBERED", 2)
    table = points(9)
    table["flux"][:20] = np.nan
    path = write(tmp_path / "a.parquet", table)
    source, _ = read(path)
    assert (len(source.rejected), source.rejected_count, sum(source.reasons.values())) == (2, 5, 5)
    findings = describe([path], FLUX).to_dict()
    assert (findings["rejected"], sum(findings["reasons"].values())) == (5, 5)


def test_every_object_with_text_in_a_number_is_set_aside(tmp_path: Path) -> None:
    redshift = np.repeat(np.where(np.arange(2500) % 2, "0.1", "big"), 2)
    path = write(tmp_path / "a.csv", points(2500, 2, redshift=redshift))
    assert open_lightcurves([path], FLUX).facts.rejected == 1250


@pytest.mark.parametrize("last", [False, True])
def test_the_row_of_an_object_without_points_is_its_own(tmp_path: Path, last: bool) -> None:
    times = [[1.0, 2.0], [], [3.0, 4.0], [5.0, 6.0], []] + [] * last
    bands = [["g"] * len(t) for t in times]
    table = {"id": list("abcde"), "mjd": times, "band": bands, "flux": times, "flux_error": times}
    pq.write_table(pa.table(table).slice(0, 5 if last else 4), tmp_path / "a.parquet", row_group_size=2)
    rows = [(name, row) for name, row, _ in reasons(tmp_path / "a.parquet")]
    assert rows == [("b", 2), ("e", 5)][: 1 + last]


# memory


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"redshift": np.full(12, 3.0) * u.km / u.s}, "'redshift' in 'km / s'"),
     ({"flux": np.full(12, 1e39)}, "flux: row 0"), ({"flux_error": np.full(12, 1e-200)}, "flux_error: row 0"),
     ({"mjd": np.arange(12) * u.m}, "'mjd' in 'm'"), ({"id": np.array([b"\xff", b"\xfe"] * 6)}, "UTF-8"),
     ({"id": pa.array([b"\xff", b"\xfe"] * 6, pa.binary(1))}, "UTF-8"),
     ({"redshift": np.full(12, 1e300)}, "redshift: row 0"), ({"redshift": np.full(12, "big")}, "redshift: row 0"),
     ({"id": [2**70] * 12}, "one value per row")],
)  # fmt: skip
def test_values_beyond_what_can_be_used_are_refused_in_memory(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LightCurves.from_table(points(**changed), zero_point=27.5)
