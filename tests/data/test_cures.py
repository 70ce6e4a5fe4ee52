"""What errors and drafts offer: nothing that is not known, and all of a file at once."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from skysure import verbs
from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.data.lightcurves.bands import UnknownBands, check_bands
from skysure.data.lightcurves.passbands import BANDS, guess_band, is_colour
from skysure.data.lightcurves.reading import DIALECTS, Reading
from skysure.errors import InputError
from skysure.models import find

N = 8


def night(**changed: Any) -> dict[str, Any]:
    """One object: a flux of 100 +- 5 in g and r, at zero point 27.5."""
    columns = {
        "name": ["a"] * N, "mjd": 59000.25 + np.arange(N), "band": ["g", "r"] * (N // 2), "flux": np.full(N, 100.5),
        "flux_error": np.full(N, 5.5),
    } | changed  # fmt: skip
    return {name: values for name, values in columns.items() if values is not None}


def write(path: Path, columns: dict[str, Any], delimiter: str = ",") -> Path:
    rows = zip(*(np.asarray(v).tolist() for v in columns.values()), strict=True)
    lines = [delimiter.join(columns)] + [delimiter.join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def refusal(path: Path, reading: Any = None) -> str:
    with pytest.raises(InputError) as refused:
        list(open_lightcurves([path], reading).chunks())
    return str(refused.value)


def curves(path: Path, reading: Any = None) -> LightCurves:
    return LightCurves.concat(list(open_lightcurves([path], reading).chunks()))


def draft(path: Path, folder: Path) -> str:
    """The draft that `inspect --write` writes."""
    verbs.write_reading(folder / "draft.toml", verbs.inspect([str(path)]), force=True)
    return (folder / "draft.toml").read_text()


# bands


@pytest.mark.parametrize(
    ("name", "band"),
    [
        ("CFA3K-B/q", "B"), ("CFA3K-V/r", "V"), ("CFA3K-r/s", "r"), ("X-Y-i/t", "i"), ("CFA4K/l", ""), ("CSP-o/v", ""),
        ("sdssg", "g"), ("sdss_g", "g"), ("SDSS-z", "z"), ("ps1::y", "y"), ("desy", "Y"), ("lsst_y", "y"),
        ("bessellb", "B"), ("bessellux", "U"), ("Johnson V", "V"), ("R_Cousins", "R"), ("g'", "g"), ("r' SDSS", "r"),
        ("ATLAS_o", "o"), ("atlasc", "c"), ("filter_c", ""), ("r-band", "r"), ("gaia::g", ""), ("F606W", ""),
        ("clear", ""), ("white", ""), ("-", ""), ("1", ""), ("new_r", ""), ("BP", ""), ("UVW1", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_band_is_offered_only_where_its_name_is_known(name: str, band: str) -> None:
    assert guess_band(name) == band


@pytest.mark.parametrize("name", ["g-r", "B-V", "g - r", "(g-r)", "g\u2212r", "BP-RP", "sdssg-sdssr", "W1-W2", "J-Ks"])
def test_colours_are_no_bands(name: str) -> None:
    assert is_colour(name)
    assert guess_band(name) == ""
    with pytest.raises(UnknownBands, match="looks like a colour") as refused:
        check_bands("f", ["g", name], Reading())
    assert refused.value.fix == 'to drop those rows add to [reading]: keep.band = ["g"]'


@pytest.mark.parametrize("name", [*BANDS, "DES-g", "LSST-Y", "CFA3K-V/r", "g_r", "pan-starrs", "-"])
def test_other_names_are_no_colours(name: str) -> None:
    assert not is_colour(name)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_rows_of_colours_are_dropped_by_the_cure(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path / "p.csv", night(band=["g", "r", "g-r", "g"] * 2), delimiter)
    assert 'keep.band = ["g", "r"]' in refusal(path, {"zero_point": 27.5})
    assert '# keep.band = ...  # ["g", "r"] drops the rows of colours' in (text := draft(path, tmp_path))
    assert "g-r" not in text
    assert curves(path, {"zero_point": 27.5, "keep": {"band": ["g", "r"]}}).counts.tolist() == [6]


def test_unknown_bands_of_rows_that_are_not_kept_do_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", night(band=["g", "clear"] * 4, use=["yes", "no"] * 4))
    assert curves(path, {"zero_point": 27.5, "keep": {"use": "yes"}}).counts.tolist() == [4]
    assert curves(path, {"zero_point": 27.5, "drop": {"use": "NO"}}).counts.tolist() == [4]
    assert "no column 'used'" in refusal(path, {"zero_point": 27.5, "drop": {"used": 1}})


def test_codes_of_bands_mean_what_the_survey_says(tmp_path: Path) -> None:
    columns = {"id": ["a"] * N, "mjd": 59000.25 + np.arange(N), "magpsf": [20.0] * N, "sigmapsf": [0.1] * N,
               "isdiffpos": ["t"] * N}  # fmt: skip
    for fid in (["1", "2"], ["1.0", "2.0"], [1, 2], [1.0, 2.0]):
        path = write(tmp_path / "p.csv", columns | {"fid": fid * (N // 2)})
        assert curves(path, {"dialect": "ztf"}).bands == ("g", "r")
    message = refusal(write(tmp_path / "p.csv", night(band=[1, 2] * 4)), {"zero_point": 27.5})
    assert '"1" = "...", "2" = "..."' in message


def test_codes_of_classes_may_be_floats(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", night(label=["90.0"] * N))
    assert curves(path, {"zero_point": 27.5, "labels": {"90": "Ia"}}).objects["label"].tolist() == ["Ia"]


def snana(path: Path, letters: str, **columns: list[Any]) -> Path:
    """One object as SNANA text, with these one-letter bands."""
    columns = {"FLUXCAL": [100.5] * len(letters), "FLUXCALERR": [5.5] * len(letters)} | columns
    rows = [
        " ".join(map(str, ("OBS:", 59000.25 + k, band, *(values[k] for values in columns.values()))))
        for k, band in enumerate(letters)
    ]
    header = ["SURVEY: X", f"SNID: {path.stem}", f"VARLIST: MJD FLT {' '.join(columns)}"]
    path.write_text("\n".join([*header, *rows, "END:"]) + "\n")
    return path


def test_letters_of_snana_are_asked_for_together(tmp_path: Path) -> None:
    snana(tmp_path / "a.dat", "rsrs")
    snana(tmp_path / "b.dat", "qpqp")
    message = refusal(tmp_path)
    assert '"p" = "...", "q" = "...", "r" = "...", "s" = "..."' in message
    mapped = {"p": "U", "q": "B", "s": "r"}
    assert "band 'r'" in refusal(tmp_path, {"bands": mapped})
    assert curves(tmp_path, {"bands": mapped | {"r": "V"}}).bands == ("U", "B", "V", "r")
    (tmp_path / "b.dat").unlink()
    assert curves(snana(tmp_path / "c.dat", "griz")).bands == ("g", "r", "i", "z")


def test_missing_columns_and_unknown_bands_of_snana_are_one_error(tmp_path: Path) -> None:
    for path, letters in ((tmp_path / "a.dat", "gxgx"), (tmp_path / "b.dat", "yzyz")):
        snana(path, letters)
        path.write_text(path.read_text().replace("FLUXCALERR", "SIGMA_F"))
    message = refusal(tmp_path)
    assert "no column 'FLUXCALERR'" in message
    assert '"g" = "...", "x" = "...", "y" = "...", "z" = "..."' in message


def snana_tables(folder: Path, bands: list[str], objects: int = 2) -> list[Path]:
    """A HEAD and a PHOT table."""
    rows = objects * len(bands)
    head = {"SNID": [f"sn{k}" for k in range(objects)], "PTROBS_MIN": np.arange(objects) * len(bands) + 1,
            "PTROBS_MAX": (np.arange(objects) + 1) * len(bands)}  # fmt: skip
    phot = {"MJD": 59000.25 + np.arange(rows), "BAND": bands * objects, "FLUXCAL": np.full(rows, 100.5),
            "FLUXCALERR": np.full(rows, 5.5)}  # fmt: skip
    for name, columns in (("HEAD", head), ("PHOT", phot)):
        table = fits.BinTableHDU(Table(columns))
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(folder / f"V_{name}.FITS", overwrite=True)
    return [folder / "V_HEAD.FITS", folder / "V_PHOT.FITS"]


def test_full_band_names_of_snana_are_one_error_and_a_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skysure.data.lightcurves.snana_fits.OBJECTS", 1)
    head, _ = snana_tables(tmp_path, ["CFA3K-B/q", "CFA3K-V/r", "CFA4K/l", "CFA4K/l"])
    message = refusal(head)
    assert '"CFA3K-B/q" = "B", "CFA3K-V/r" = "V", "CFA4K/l" = "..."' in message
    text = draft(head, tmp_path)
    assert '# "CFA4K/l" = "..."  # one of u, U, B' in text
    assert tomllib.loads(text)["reading"]["bands"] == {"CFA3K-B/q": "B", "CFA3K-V/r": "V"}
    completed = tomllib.loads(text.replace('# "CFA4K/l" = "..."', '"CFA4K/l" = "R"'))
    assert curves(head, completed).bands == ("B", "V", "R")


def test_bands_far_apart_in_a_table_are_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skysure.data.files.delimited.BLOCK", 200)
    columns = {name: np.tile(values, 40) for name, values in night().items()}
    columns["band"] = np.array(["blue"] * 20 + ["g"] * (40 * N - 40) + ["red"] * 20)
    message = refusal(write(tmp_path / "p.csv", columns), {"zero_point": 27.5})
    assert '"blue" = "...", "red" = "..."' in message


# columns


@pytest.mark.parametrize("lacking", [("mjd", "flux"), ("mjd", "flux", "name"), ("mjd", "flux", "flux_error")])
def test_bands_are_told_however_many_columns_are_missing(tmp_path: Path, lacking: tuple[str, ...]) -> None:
    columns = night(band=["clear", "blue"] * (N // 2))
    path = write(tmp_path / "p.csv", {f"x{n[::-1]}" if n in lacking else n: v for n, v in columns.items()})
    message = refusal(path)
    assert '"blue" = "...", "clear" = "..."' in message
    assert message.count("no column") >= len(lacking)


def test_a_column_that_is_only_spelt_alike_is_told_and_not_offered(tmp_path: Path) -> None:
    message = refusal(write(tmp_path / "p.csv", night(band=None, bond=["g"] * N)), {"zero_point": 27.5})
    assert 'band = "..." (perhaps "bond")' in message
    message = refusal(write(tmp_path / "p.csv", night(band=None, FILTER=["g"] * N)), {"columns": {"band": "bund"}})
    assert 'band = "FILTER"' in message


def test_two_columns_that_may_be_meant_are_both_named_and_none_is_chosen(tmp_path: Path) -> None:
    message = refusal(write(tmp_path / "p.csv", night(photoz=[0.1] * N, hostz=[0.2] * N)), {"zero_point": 27.5})
    assert 'redshift = "...", one of "photoz", "hostz"' in message


def test_the_one_error_of_a_table_is_offered_and_drafted(tmp_path: Path) -> None:
    columns = night(flux=None, flux_error=None, magnitude=[20.0] * N, error=[0.1] * (N - 1) + [""])
    columns["magnitude"] = [20.0] * (N - 1) + [""]
    path = write(tmp_path / "p.csv", columns)
    assert 'mag_error = "error"' in refusal(path)
    text = draft(path, tmp_path)
    assert tomllib.loads(text)["reading"]["drop_points"] == ["nan"]
    assert curves(path, tomllib.loads(text)).counts.tolist() == [N - 1]


def test_drop_points_is_drafted_only_where_it_saves_objects(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", night(flux=[1.0] + [""] * (N - 1)))
    assert "drop_points" not in draft(path, tmp_path)
    path = write(tmp_path / "p.csv", night(flux=[""] + [1.0] * (N - 1)))
    assert 'drop_points = [\n    "nan",\n]' in draft(path, tmp_path)  # the zero point is still open


# zero points


def test_a_column_of_zero_points_is_offered_and_gives_the_same_fluxes(tmp_path: Path) -> None:
    for name in ("zp", "ZEROPT", "magzp", "zero_point_"):
        columns = night(flux=np.full(N, 10.0), flux_error=np.full(N, 0.5)) | {name: np.full(N, 25.0)}
        path = write(tmp_path / "p.csv", columns)
        message = refusal(path)
        assert f'zero_point = "{name}" in [reading.columns]' in message
        assert "27.5" not in message
        assert tomllib.loads(draft(path, tmp_path))["reading"]["columns"]["zero_point"] == name
        read = curves(path, {"columns": {"zero_point": name}})
        np.testing.assert_allclose(read.flux, 100.0)
        np.testing.assert_allclose(read.flux_error, 5.0)


def test_a_zero_point_that_the_rows_contradict_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", night(zp=np.full(N, 25.0)))
    for reading in ({"zero_point": 27.5}, {"unit": "nJy"}):
        assert "column 'zp' is 25 to 25" in refusal(path, reading)
    assert len(curves(path, {"zero_point": 25.0})) == 1
    assert len(curves(path, {"zero_point": 27.5, "columns": {"zero_point": ""}})) == 1


def test_without_any_zero_point_it_stays_open(tmp_path: Path) -> None:
    message = refusal(write(tmp_path / "p.csv", night()))
    assert 'zero_point = ..., or unit = "..."' in message


def test_the_zero_point_of_a_survey_format_is_that_of_its_own_flux(tmp_path: Path) -> None:
    counts = {"FLUX": [1000.0] * 4, "FLUXERR": [50.0] * 4, "ZPT": [30.0] * 4}
    path = snana(tmp_path / "a.dat", "grgr", **counts)
    message = refusal(path, {"columns": {"flux": "FLUX"}})
    assert 'zero_point = "ZPT"' in message
    read = curves(path, {"columns": {"flux": "FLUX", "zero_point": "ZPT"}})
    np.testing.assert_allclose(read.flux, 100.0)
    assert curves(path).flux.tolist() == [100.5] * 4
    assert curves(path, {"columns": {"flux": "FLUXCAL"}}).flux.tolist() == [100.5] * 4
    lines = path.read_text().replace("FLUXCALERR", "OTHER").replace("FLUXCAL", "ANOTHER")
    path.write_text(lines)
    message = refusal(path)
    assert 'flux = "FLUX", and its zero point: zero_point = "ZPT"' in message
    assert 'flux_error = "FLUXERR"' in message


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if Reading(dialect=d).with_dialect().zero_point is not None])
def test_no_zero_point_of_a_survey_format_is_used_for_another_column(dialect: str) -> None:
    own = Reading(dialect=dialect).with_dialect()
    assert Reading(dialect=dialect, columns={"flux": own.names_of("flux")[0]}).with_dialect().zero_point is not None
    assert Reading(dialect=dialect, columns={"flux": "counts"}).with_dialect().zero_point is None


@pytest.mark.parametrize("column", ["zpsys", "magsys", "mag_system"])
def test_magnitude_systems_other_than_ab_are_told(tmp_path: Path, column: str) -> None:
    path = write(tmp_path / "p.csv", night() | {column: ["AB"] * 5 + ["vega"] * 3})
    source = open_lightcurves([path], {"zero_point": 27.5})
    assert sum(len(chunk.time) for chunk in source.chunks()) == N
    (note,) = [note for note in source.notes if "vega" in note]
    assert note.startswith("3 observations")
    selected = open_lightcurves([path], {"zero_point": 27.5, "keep": {column: "ab"}})
    assert sum(len(chunk.time) for chunk in selected.chunks()) == 5
    assert selected.notes == (f"3 points left out by the values of '{column}' (keep)",)


def test_a_survey_format_that_a_reading_overrides_is_named(tmp_path: Path) -> None:
    columns = {"object_id": [7] * N, "mjd": 59000.25 + np.arange(N), "passband": [1, 2] * 4, "flux": [100.5] * N,
               "flux_err": [5.5] * N, "detected": [1] * N}  # fmt: skip
    path = write(tmp_path / "p.csv", columns)
    assert curves(path).bands == ("g", "r")
    message = refusal(path, {"zero_point": 27.5})
    assert message.count('dialect = "plasticc"') == 1
    assert '"1" = "...", "2" = "..."' in message
    assert curves(path, {"dialect": "plasticc", "zero_point": 27.5}).bands == ("g", "r")


def test_drafts_offer_no_column_that_says_it_is_something_else(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", night(zpsys=["ab"] * N, limiting_mag=["20"] * N, host_name=["x"] * N))
    offered = {name for names in verbs.inspect([str(path)])["candidates"].values() for name in names}
    assert offered == {"host_name"}


def test_a_command_that_is_offered_quotes_its_path(tmp_path: Path) -> None:
    (tmp_path / "my run.training").mkdir()
    with pytest.raises(InputError) as refused:
        find(str(tmp_path / "my run"))
    assert shlex.split(refused.value.fix)[-2] == str(tmp_path / "my run")


# rows and numbers


@pytest.mark.parametrize("first", [True, False])
def test_rows_that_separate_objects_of_snana_are_dropped(tmp_path: Path, first: bool) -> None:
    rows = {name: [] for name in ("SNID", "MJD", "FLUXCAL", "FLUXCALERR", "FLT")}
    mark = (-777.0, -777.0, -777.0, "-")
    for k in range(3):
        points = [(59000.25 + n, 100.5, 5.5, "gr"[n % 2]) for n in range(4)]
        for row in [mark, *points] if first else [*points, mark]:
            for name, value in zip(rows, (f"sn{k}", *row), strict=True):
                rows[name].append(value)
    source = open_lightcurves([write(tmp_path / "p.csv", rows)])
    assert [len(chunk) for chunk in source.chunks()] == [3]
    assert source.rejected == []
    assert source.notes == ('read in the survey format "snana"',)
    rows = {name: [*values, value] for (name, values), value in zip(rows.items(), ("", *mark), strict=True)}
    source = open_lightcurves([write(tmp_path / "p.csv", rows)])
    assert [len(chunk) for chunk in source.chunks()] == [3]
    assert source.rejected == []
    rows["SNID"][-1] = "empty"
    source = open_lightcurves([write(tmp_path / "p.csv", rows)])
    assert [len(chunk) for chunk in source.chunks()] == [3]
    assert [(r.id, r.reason) for r in source.rejected] == [("empty", "no points")]


@pytest.mark.parametrize(("delimiter", "quote"), [(";", ""), ("\t", ""), ("|", ""), (" ", ""), (",", '"')])
@pytest.mark.parametrize("begin", ["", "\ufeff", "sep=;\n"])
def test_numbers_with_a_decimal_comma(tmp_path: Path, delimiter: str, quote: str, begin: str) -> None:
    if begin.startswith("sep") and delimiter != ";":
        return
    columns = {
        name: values if isinstance(values, list) else [f"{quote}{v:.3f}{quote}".replace(".", ",") for v in values]
        for name, values in night().items()
    }
    path = write(tmp_path / "p.csv", columns, delimiter)
    path.write_bytes((begin + path.read_text().replace("\n", "\r\n")).encode())
    read = curves(path, {"zero_point": 27.5})
    assert read.time.tolist() == (59000.25 + np.arange(N)).tolist()
    assert read.flux.tolist() == [100.5] * N


def test_commas_that_part_thousands_are_no_decimal_commas(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", night(flux=["1,100"] * N), ";")
    source = open_lightcurves([path], {"zero_point": 27.5})
    assert list(source.chunks()) == []
    assert "text in a number: flux" in source.rejected[0].reason


def test_decimal_commas_between_commas_are_an_error_that_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", night(flux=["100,5"] * N))
    assert "decimal comma" in refusal(path, {"zero_point": 27.5})


def test_a_comma_in_a_field_between_blanks_is_part_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "p.txt", night(note=["a,b"] * N), " ")
    assert curves(path, {"zero_point": 27.5}).counts.tolist() == [N]
    path = write(tmp_path / "p.txt", {"flux(AB,27.5)" if n == "flux" else n: v for n, v in night().items()}, " ")
    reading = {"zero_point": 27.5, "columns": {"flux": "flux(AB,27.5)", "flux_error": "flux_error"}}
    assert curves(path, reading).counts.tolist() == [N]


# what the times are, tables in memory


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("59000,25", "decimal comma"), ("2020-05-31T06:00:00", 'time_format = "isot"'),
        ("2020-05-31 06:00:00", 'time_format = "iso"'), ("yesterday", 'time = "..."'),
    ],
)  # fmt: skip
def test_times_that_are_no_numbers_are_told_apart(tmp_path: Path, value: str, words: str) -> None:
    Table(night(mjd=[value] * N)).write(tmp_path / "p.ecsv")
    message = refusal(tmp_path / "p.ecsv", {"zero_point": 27.5})
    assert words in message
    assert ("isot" in message) == ("dates" in message)


def test_zero_points_systems_and_colours_of_tables_in_memory() -> None:
    table = {n: np.asarray(v) for n, v in night(zp=np.full(N, 25.0), zpsys=["ab"] * N).items()}
    with pytest.raises(InputError, match=r"columns=.'zero_point': 'zp'"):
        LightCurves.from_table(table)
    read = LightCurves.from_table(table, columns={"zero_point": "zp"})
    np.testing.assert_allclose(read.flux, 1005.0)
    np.testing.assert_allclose(read.flux_error, 55.0)
    with pytest.raises(InputError, match="one of them"):
        LightCurves.from_table(table, columns={"zero_point": "zp"}, zero_point=27.5)
    with pytest.raises(InputError, match="'vega'"):
        LightCurves.from_table(table | {"zpsys": np.array(["vega"] * N)}, zero_point=25.0)
    with pytest.raises(InputError, match="looks like a colour"):
        LightCurves.from_table(table | {"band": np.array(["g", "g-r"] * (N // 2))}, zero_point=25.0)
