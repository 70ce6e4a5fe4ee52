"""Bad input: what is refused, in which words, and what is set aside."""

from __future__ import annotations

import gzip
import lzma
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skysure.applications.supernovae.source import LightCurveFiles
from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.data.lightcurves.reading import Reading
from skysure.errors import InputError
from skysure.verbs.exclusions import left_out, tell_left_out

FLUX = Reading(zero_point=27.5)


def points(n_objects=3, n=4) -> dict[str, np.ndarray]:
    """A small long table of sound objects a0, a1, ..."""
    return {
        "id": np.repeat([f"a{k}" for k in range(n_objects)], n), "mjd": np.tile(np.arange(n) + 59000.0, n_objects),
        "band": np.tile(["g", "r"], n_objects * n // 2), "flux": np.arange(n_objects * n) + 1.0,
        "flux_error": np.ones(n_objects * n),
    }  # fmt: skip


def joined(source) -> LightCurves:
    return LightCurves.concat(list(source.chunks()))


def write_csv(path: Path, table) -> Path:
    rows = zip(*(np.asarray(v).tolist() for v in table.values()), strict=True)
    path.write_text("\n".join([",".join(table)] + [",".join(map(str, row)) for row in rows]) + "\n")
    return path


def read(path, reading=FLUX):
    source = open_lightcurves([path], reading)
    chunks = list(source.chunks())
    return source, [i for c in chunks for i in c.ids.tolist()]


def refused(path, *words, reading=FLUX):
    with pytest.raises(InputError) as errors:
        read(path, reading)
    for word in words:
        assert word in str(errors.value), str(errors.value)
    assert errors.value.status == 1


# files


def test_no_such_file(tmp_path):
    refused(tmp_path / "none.csv", "none.csv", "no such file")
    refused(str(tmp_path / "*.csv"), "*.csv", "no such file")


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "p.fits", "p.ecsv", "p.vot", "p.dat"])
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    refused(tmp_path / name, name, "empty")


@pytest.mark.parametrize("name", ["p.parquet", "p.fits", "p.ecsv", "p.vot", "p.csv.gz", "p.tar", "p.zip", "p.tar.gz"])
def test_not_the_format_it_claims(tmp_path, name):
    (tmp_path / name).write_text("id,mjd,band,flux,flux_error\n1,2,g,3,4\n")
    refused(tmp_path / name, name)
    refused(tmp_path, name)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        ("id;mjd".encode("utf-16"), "UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x80\x04\x95abc", "pickle"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"Obj\x01avro", "Avro"),
        (b"\x00\x01\x02" * 50, "binary"),
    ],
)
def test_content_that_is_never_read(tmp_path, content, word):
    (tmp_path / "data.csv").write_bytes(content)
    refused(tmp_path / "data.csv", "data.csv", word)


@pytest.mark.parametrize("form", ["parquet", "fits", "vot", "csv.gz", "csv.xz"])
def test_truncated_files(tmp_path, form):
    table, path = Table(points(50)), tmp_path / f"p.{form}"
    if form.startswith("csv"):
        plain = write_csv(tmp_path / "p.csv", points(50)).read_bytes()
        path.write_bytes(gzip.compress(plain) if form.endswith("gz") else lzma.compress(plain))
    else:
        table.write(path, format={"vot": "votable"}.get(form, form))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, path.name)


@pytest.mark.parametrize("form", ["parquet", "fits", "ecsv", "vot"])
def test_damaged_bytes_are_a_fault_or_harmless_never_a_crash(tmp_path, form):
    path, rng = tmp_path / f"p.{form}", np.random.default_rng(7)
    Table(points(10)).write(path, format={"vot": "votable"}.get(form, form))
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    errors = []
    for _ in range(25):
        damaged = whole.copy()
        damaged[rng.integers(0, len(whole), 10)] = rng.integers(0, 256, 10)
        path.write_bytes(damaged.tobytes())
        try:
            read(path)
        except InputError as error:
            errors.append(str(error))
    assert errors
    assert all(path.name in words for words in errors)


@pytest.mark.parametrize("packing", ["tar", "gztar", "xztar", "zip"])
def test_truncated_archives(tmp_path, packing):
    write_csv(tmp_path / "p.csv", {n: np.repeat(v, 40) for n, v in points(50).items()})
    path = Path(shutil.make_archive(str(tmp_path / "a"), packing, tmp_path, "p.csv"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, path.name)


def test_a_folder_without_light_curves(tmp_path):
    (tmp_path / "README").write_text("nothing")
    refused(tmp_path, str(tmp_path), "no file of these kinds")


def test_a_row_with_too_few_fields(tmp_path):
    path = write_csv(tmp_path / "p.csv", points())
    path.write_text(path.read_text() + "a9,59000\n")
    refused(path, "p.csv", "Expected 5 columns")


def test_snana_fits_that_lack_their_partner_or_its_rows(tmp_path):
    head = Table({"SNID": ["1"], "PTROBS_MIN": [1], "PTROBS_MAX": [5]})
    phot = Table({"MJD": [1.0, 2.0], "BAND": ["g", "g"], "FLUXCAL": [1.0, 2.0], "FLUXCALERR": [1.0, 1.0]})
    head.write(tmp_path / "V_HEAD.FITS", format="fits")
    refused(tmp_path / "V_HEAD.FITS", "V_PHOT.FITS")
    phot.write(tmp_path / "V_PHOT.FITS", format="fits")
    refused(tmp_path / "V_PHOT.FITS", "HEAD")
    refused(tmp_path, "V_PHOT.FITS", "5 rows")


def test_fits_images(tmp_path):
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "i.fits")
    refused(tmp_path / "i.fits", "i.fits", "image")


# columns, bands, units


@pytest.mark.parametrize("column", ["mjd", "band", "flux", "flux_error", "id"])
def test_a_missing_column_is_told_with_its_cure(tmp_path, column):
    table = points()
    table["my_" + column[::-1]] = table.pop(column)
    path = write_csv(tmp_path / "p.csv", table)
    refused(path, "p.csv", "[reading.columns]", {"mjd": "time"}.get(column, column) + ' = "')


def test_a_misspelt_column_offers_the_nearest(tmp_path):
    path = write_csv(tmp_path / "p.csv", points())
    reading = Reading(zero_point=27.5, columns={"flux": "fluxx"})
    refused(path, "no column 'fluxx'", "nearest: flux", 'flux = "flux"', reading=reading)


def test_a_column_of_objects_that_nobody_has(tmp_path):
    path = write_csv(tmp_path / "p.csv", points())
    refused(path, "no column 'photz'", "redshift", reading=Reading(zero_point=27.5, columns={"redshift": "photz"}))
    assert len(read(path, Reading(zero_point=27.5, columns={"label": "type"}))[1]) == 3


def test_two_columns_that_may_be_the_redshift(tmp_path):
    path = write_csv(tmp_path / "p.csv", dict(points(), redshift=np.ones(12), host_photoz=np.ones(12)))
    refused(path, "redshift, host_photoz", "[reading.columns]")


def test_an_unknown_band_with_the_line_that_cures_it(tmp_path):
    table = points()
    table["band"] = np.char.add("lsst_", table["band"])
    path = write_csv(tmp_path / "p.csv", table)
    refused(path, "p.csv", "band 'lsst_", '"lsst_g" = "g"')
    assert len(read(path, Reading(zero_point=27.5, bands={"lsst_g": "g", "lsst_r": "r"}))[1]) == 3


def test_a_flux_without_unit_or_zero_point(tmp_path):
    path = write_csv(tmp_path / "p.csv", points())
    refused(path, "p.csv", "'flux'", "zero_point = ...", 'unit = "..."', reading=Reading())


@pytest.mark.parametrize("unit", ["nJi", "erg", "furlong", "m"])
def test_a_unit_that_is_none_of_flux_density(tmp_path, unit):
    path = write_csv(tmp_path / "p.csv", points())
    refused(path, f"'{unit}'", "[reading]", reading=Reading(unit=unit))


def test_a_reading_may_be_its_toml_table(tmp_path):
    path = write_csv(tmp_path / "p.csv", points())
    assert len(joined(open_lightcurves([path], {"zero_point": 27.5}))) == 3


def test_counts_of_the_file_need_a_zero_point(tmp_path):
    Table(points(), units={"flux": "ct"}).write(tmp_path / "p.ecsv")
    refused(tmp_path / "p.ecsv", "zero point", reading=Reading())
    assert len(read(tmp_path / "p.ecsv")[1]) == 3


def test_julian_dates_are_not_taken_for_modified_ones(tmp_path):
    table = points()
    table["mjd"] = table["mjd"] + 2400000.5
    path = write_csv(tmp_path / "p.csv", table)
    refused(path, "JD", 'time_format = "jd"')
    refused(
        write_csv(tmp_path / "q.csv", points()),
        'time_format = "mjd"',
        reading=Reading(zero_point=27.5, time_format="jd"),
    )


def test_dates_where_numbers_were_wanted(tmp_path):
    table = points()
    table["mjd"] = np.full(12, "2020-01-01T00:00:00")
    refused(write_csv(tmp_path / "p.csv", table), 'time_format = "isot"')


def test_tables_whose_ids_have_nothing_in_common(tmp_path):
    write_csv(tmp_path / "points.csv", points())
    write_csv(tmp_path / "objects.csv", {"id": ["x", "y"], "label": ["Ia", "II"]})
    refused(tmp_path, "objects.csv", "none of its 2 ids")


# objects


BAD = {
    "text in flux": ("flux", "1e", "text in a number: flux"),
    "text in time": ("mjd", "yesterday", "text in a number: time"),
    "text in error": ("flux_error", "small", "text in a number: flux error"),
    "NaN flux": ("flux", "nan", "the flux is not a number"),
    "empty flux": ("flux", "", "the flux is not a number"),
    "infinite flux": ("flux", "inf", "the flux is not a number"),
    "NaN time": ("mjd", "NaN", "cannot be sorted"),
    "NaN error": ("flux_error", "nan", "the flux error is not a number"),
    "zero error": ("flux_error", "0", "not above zero"),
    "negative error": ("flux_error", "-9", "not above zero"),
    "no band": ("band", "", "the band is missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_bad_object_is_set_aside_and_the_rest_goes_on(tmp_path, case, form):
    column, value, reason = BAD[case]
    table = {n: v.astype(object) for n, v in points().items()}
    table[column][5] = value
    if form == "csv":
        path = write_csv(tmp_path / "p.csv", table)
    else:
        if case.startswith("text"):
            columns = {n: pa.array([str(x) for x in v]) for n, v in table.items()}
        else:
            kinds = {n: pa.string() if n in ("id", "band") else pa.float64() for n in table}
            cells = {
                n: [None if x == "" else x if n in ("id", "band") else float(x) for x in v] for n, v in table.items()
            }
            columns = {n: pa.array(v, kinds[n]) for n, v in cells.items()}
        path = tmp_path / "p.parquet"
        pq.write_table(pa.table(columns), path)
    source, ids = read(path)
    assert ids == ["a0", "a2"]
    assert [(r.id, r.row) for r in source.rejected] == [("a1", 6)]
    assert reason in source.rejected[0].reason
    assert source.rejected[0].file == str(path)
    assert source.rejected_count == 1


def test_points_may_be_dropped_where_the_reading_says_so(tmp_path):
    table = points()
    table["flux"][5], table["flux_error"][9] = np.nan, -9
    pq.write_table(pa.table(table), tmp_path / "p.parquet")
    source = open_lightcurves([tmp_path / "p.parquet"], Reading(zero_point=27.5, drop_points=("nan", "error")))
    assert joined(source).counts.tolist() == [4, 3, 3]
    assert source.rejected == []
    assert sum("dropped" in note for note in source.notes) == 2


def test_one_point_is_not_a_light_curve(tmp_path):
    table = {n: v[:9] for n, v in points().items()}
    source, ids = read(write_csv(tmp_path / "p.csv", table))
    assert ids == ["a0", "a1"]
    assert [(r.id, r.reason) for r in source.rejected] == [("a2", "one point")]


def test_no_points_in_a_nested_row(tmp_path):
    rows = {"id": ["a", "b", "c"], "mjd": [[1.0, 2.0], [], None], "band": [["g", "r"], [], None],
            "flux": [[1.0, 2.0], [], None], "flux_error": [[1.0, 1.0], [], None]}  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "p.parquet")
    source, ids = read(tmp_path / "p.parquet")
    assert ids == ["a"]
    assert [(r.id, r.reason) for r in source.rejected] == [("b", "no points"), ("c", "no points")]


def test_lists_of_unequal_length(tmp_path):
    rows = {"id": ["a", "b"], "mjd": [[1.0, 2.0, 3.0], [1.0, 2.0]], "band": [["g", "r"], ["g", "r"]],
            "flux": [[1.0, 2.0], [1.0, 2.0]], "flux_error": [[1.0, 1.0], [1.0, 1.0]]}  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "p.parquet")
    source, ids = read(tmp_path / "p.parquet")
    assert ids == ["b"]
    assert "differ in length" in source.rejected[0].reason


def test_duplicate_ids_of_nested_rows_and_of_objects(tmp_path):
    rows = {"id": ["a", "b", "a"], "mjd": [[1.0, 2.0]] * 3, "band": [["g", "r"]] * 3, "flux": [[1.0, 2.0]] * 3,
            "flux_error": [[1.0, 1.0]] * 3}  # fmt: skip
    pq.write_table(pa.table(rows), tmp_path / "p.parquet")
    source, ids = read(tmp_path / "p.parquet")
    assert ids == ["a", "b"]
    assert [(r.id, "duplicate id" in r.reason) for r in source.rejected] == [("a", True)]
    write_csv(tmp_path / "objects.csv", {"id": ["a", "b", "b"], "label": ["Ia", "Ia", "II"]})
    source, ids = read(tmp_path)
    assert ids == ["a"]
    assert any("more than one row" in r.reason for r in source.rejected)


def test_a_label_that_changes_within_an_object(tmp_path):
    label = np.repeat(["Ia", "II", "Ia"], 4)
    label[6] = "Ia"
    source, ids = read(write_csv(tmp_path / "p.csv", dict(points(), label=label)))
    assert ids == ["a0", "a2"]
    assert "label changes" in source.rejected[0].reason


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_redshift_that_changes_within_an_object(tmp_path, form):
    columns = dict(points(), redshift=[0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.2, np.nan, 0.4, 0.4, np.nan])
    path = tmp_path / f"p.{form}"
    write_csv(path, columns) if form == "csv" else pq.write_table(pa.table(columns), path)
    source = open_lightcurves([path], FLUX)
    curves = joined(source)
    assert curves.ids.tolist() == ["a0", "a2"]
    assert curves.objects["redshift"].tolist() == [0.1, 0.4]
    assert "the redshift changes within the object" in source.rejected[0].reason


def test_columns_to_carry_must_exist_and_should_not_change(tmp_path):
    columns = dict(points(), host=np.repeat(["M 31", "M 33", "M 81"], 4), seeing=np.arange(12.0))
    path = write_csv(tmp_path / "p.csv", columns)
    refused(path, "no column 'hosst' to carry", "nearest: host", reading=Reading(zero_point=27.5, carry=("hosst",)))
    source = open_lightcurves([path], Reading(zero_point=27.5, carry=("host", "seeing")))
    curves = joined(source)
    assert curves.carried["host"].tolist() == ["M 31", "M 33", "M 81"]
    assert [note for note in source.notes if "carry" in note] == [
        "3 objects have several values of 'seeing' to carry; the first was taken"
    ]


def test_text_in_a_column_of_objects(tmp_path):
    write_csv(tmp_path / "p.csv", points())
    write_csv(tmp_path / "objects.csv", {"id": ["a0", "a1", "a2"], "redshift": ["0.1", "big", ""]})
    source, ids = read(tmp_path)
    assert ids == ["a0", "a2"]
    assert "text in a number: redshift" in source.rejected[0].reason


def test_unsorted_times_are_sorted_and_told(tmp_path):
    table = points()
    order = np.array([3, 1, 0, 2, 4, 5, 6, 7, 11, 10, 9, 8])
    source = open_lightcurves([write_csv(tmp_path / "p.csv", {n: v[order] for n, v in table.items()})], FLUX)
    curves = joined(source)
    assert curves.time.tolist() == table["mjd"].tolist()
    assert curves.flux.tolist() == table["flux"].tolist()
    assert "2 objects had unsorted times; sorted" in source.notes


def test_points_that_repeat_are_taken_once(tmp_path):
    table = {n: np.concatenate([v[:4], v[1:4], v[4:]]) for n, v in points().items()}
    source = open_lightcurves([write_csv(tmp_path / "p.csv", table)], FLUX)
    assert joined(source).counts.tolist() == [4, 4, 4]
    assert "3 points that occur twice were taken once" in source.notes


def test_snana_text_that_is_cut_or_ragged(tmp_path):
    head = "SURVEY: X\nSNID: {}\nNOBS: 3\nVARLIST: MJD FLT FLUXCAL FLUXCALERR\n"
    rows = ["OBS: 59000.0 g 1.0 1.0", "OBS: 59001.0 r 2.0 1.0", "OBS: 59002.0 g 3.0 1.0  # fine"]
    for name, lines in (("a", rows), ("b", rows[:2]), ("c", [*rows[:2], "OBS: 59002.0 g 3.0"])):
        (tmp_path / f"{name}.dat").write_text(head.format(name) + "\n".join(lines) + "\nEND:\n")
    source, ids = read(tmp_path, Reading())
    assert ids == ["a"]
    assert "it has 2 rows where NOBS says 3" in source.rejected[0].reason
    assert "line 7 has 3 values where VARLIST names 4" in source.rejected[1].reason


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "nothing.dat"])
def test_a_list_of_files_that_cannot_exist(tmp_path, name):
    (tmp_path / "a.LIST").write_text(name + "\n")
    refused(tmp_path / "a.LIST", "listed in", reading=Reading())


@pytest.mark.parametrize("name", ["MJD", "FLT", "FLUXCAL", "FLUXCALERR"])
def test_a_column_of_points_that_stands_in_the_header(tmp_path, name):
    names = [n for n in ("MJD", "FLT", "FLUXCAL", "FLUXCALERR") if n != name]
    rows = "".join(f"OBS: 5900{k} 5 5\n" for k in range(3))
    (tmp_path / "a.dat").write_text(f"SNID: a\n{name}: 5\nVARLIST: {' '.join(names)}\n{rows}")
    refused(tmp_path / "a.dat", f"'{name}' stands in the header, not in VARLIST", reading=Reading())


def test_a_header_keyword_that_no_file_has(tmp_path):
    text = "SURVEY: X\nSNID: a\nHOSTGAL_PHOTOZ: 0.1 +- 0.01\nVARLIST: MJD FLT FLUXCAL FLUXCALERR\n"
    (tmp_path / "a.dat").write_text(text + "OBS: 1.0 g 1.0 1.0\nOBS: 2.0 g 1.0 1.0\n")
    refused(tmp_path, "no column 'HOST_PHOTOZ'", "HOSTGAL_PHOTOZ", reading=Reading(columns={"redshift": "HOST_PHOTOZ"}))
    assert read(tmp_path, Reading(columns={"id": "SURVEY"}))[1] == ["X"]
    (tmp_path / "a.dat").write_text(text.replace("SNID: a\n", "") + "OBS: 1.0 g 1.0 1.0\nOBS: 2.0 g 1.0 1.0\n")
    refused(tmp_path, "a.dat", "no column 'SNID'", "id = ", reading=Reading())
    (tmp_path / "a.dat").write_text(text.replace("FLUXCAL ", "FLUX ") + "OBS: 1.0 g 1.0 1.0\n")
    refused(tmp_path, "a.dat", "no column 'FLUXCAL'", 'flux = "FLUX', reading=Reading())


def test_the_list_of_rejected_is_bounded_and_their_count_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("skysure.data.lightcurves.source.REMEMBERED", 2)
    source, ids = read(write_csv(tmp_path / "p.csv", dict(points(5), flux_error=np.zeros(20))))
    assert ids == []
    assert (len(source.rejected), source.rejected_count) == (2, 5)
    metrics, notes = left_out(LightCurveFiles(source), 0), []
    assert metrics == {"rejected": {"count": 5, "of": 5}}
    tell_left_out(LightCurveFiles(source), tmp_path / "o.csv", notes.append)
    assert notes[0].startswith("5 objects set aside, with the reasons of the first 2 in")
    list(source.chunks())
    assert source.rejected_count == 5


# rows that lie apart


@pytest.mark.parametrize("at_once", [10**6, 7])
def test_scattered_rows_are_gathered_by_object_and_told(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr("skysure.data.lightcurves.source.ROWS_AT_ONCE", at_once)
    table = dict(points(6), label=np.repeat(["Ia", "II", "Ib"], 8))
    by_time = np.argsort(table["mjd"], kind="stable")
    night = {n: v[by_time] for n, v in table.items()}
    for k, part in enumerate((slice(0, 9), slice(9, None))):
        pq.write_table(
            pa.table({n: v[part] for n, v in night.items()}), tmp_path / f"night{k}.parquet", row_group_size=5
        )
    source = open_lightcurves([tmp_path], FLUX)
    curves = joined(source)
    curves = curves[np.argsort(curves.ids)]
    assert curves.flux.tolist() == table["flux"].tolist()
    assert curves.objects["label"].tolist() == table["label"][::4].tolist()
    assert any("do not follow one another" in note for note in source.notes)


def test_scattered_rows_that_cannot_be_read_are_an_error_of_their_file(tmp_path):
    rows = [f"{name},[59000.5 59001.5],g,5,1" for name in "abab"]
    (tmp_path / "night.csv").write_text("\n".join(["id,mjd,band,flux,flux_error", *rows]) + "\n")
    with pytest.raises(InputError, match=r"night\.csv.*mjd"):
        list(open_lightcurves([tmp_path], FLUX).chunks())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 9))
def test_any_order_of_rows_gives_the_same_light_curves(tmp_path, seed, size):
    table = points(5)
    shuffled = np.random.default_rng(seed).permutation(20)
    pq.write_table(pa.table({n: v[shuffled] for n, v in table.items()}), tmp_path / "p.parquet", row_group_size=size)
    curves = joined(open_lightcurves([tmp_path / "p.parquet"], FLUX))
    curves = curves[np.argsort(curves.ids)]
    assert curves.ids.tolist() == [f"a{k}" for k in range(5)]
    assert curves.flux.tolist() == table["flux"].tolist()
    assert np.array(curves.bands)[curves.band].tolist() == table["band"].tolist()
