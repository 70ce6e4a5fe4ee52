"""Files as surveys, brokers and catalogues send them: each read right, or named for what it is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.errors import InputError


def read(path, reading=None) -> tuple[LightCurves, tuple[str, ...], str]:
    source = open_lightcurves([path], reading)
    curves = LightCurves.concat(list(source.chunks()))
    return curves, source.notes, source.reading.dialect


def write(path, text: str):
    path.write_text(text)
    return path


def bands_of(curves: LightCurves) -> str:
    return "".join(curves.bands[b] for b in curves.band)


ATLAS = """###MJD          m      dm   uJy   duJy F err chi/N     RA       Dec
59990.000000  19.239  0.024     73     2 c  0    1.20 150.10000   2.20000
59990.010000 -19.211  0.026    -75     2 o  0    1.20 150.10000   2.20000
59993.010000  18.536  0.023    140     3 o  1    1.20 150.10000   2.20000
59994.010000  18.536  0.023    140     0 o  0    1.20 150.10000   2.20000
59995.000000  18.536  0.023    140     3 c  0    1.20 150.10000   2.20000
"""


@pytest.mark.parametrize("separator", [" ", ","])
def test_atlas_forced_photometry(tmp_path, separator):
    text = ATLAS if separator == " " else "\n".join(",".join(line.split()) for line in ATLAS.splitlines())
    curves, notes, dialect = read(write(tmp_path / "SN2030ab.v1.txt", text))
    assert (dialect, curves.ids.tolist(), bands_of(curves)) == ("atlas", ["SN2030ab"], "coc")
    np.testing.assert_allclose(curves.flux, np.array([73, -75, 140]) / 0.0363078, rtol=1e-5)
    assert (curves.column("ra")[0], curves.column("dec")[0]) == (150.1, 2.2)
    assert any("1 points left out by the values of 'err'" in note for note in notes)


def test_several_objects_in_one_table_of_atlas_keep_their_ids(tmp_path):
    table = Table.read(ATLAS.lstrip("#"), format="ascii.basic")
    table["name"] = ["a", "a", "a", "b", "b"]
    table["duJy"] = 3
    table.write(tmp_path / "atlas.csv")
    assert read(tmp_path / "atlas.csv")[0].ids.tolist() == ["a", "b"]


RELEASE = """oid,expid,hjd,mjd,mag,magerr,catflags,filtercode,ra,dec
11,0,2459998.505,59998.0,20.0,0.03,0,zg,150.1,2.2
12,1,2459998.515,59998.1,20.0,0.03,0,zr,150.1,2.2
13,2,2459998.525,59998.2,20.0,0.03,0,zi,150.1,2.2
11,3,2459999.505,59999.0,20.0,0.03,0,zg,150.1,2.2
12,4,2459999.515,59999.1,12.1,0.03,32769,zr,150.1,2.2
12,4,2459999.515,59999.3,20.0,0.03,1,zr,150.1,2.2
13,5,2459999.525,59999.2,20.0,0.03,0,zi,150.1,2.2
"""


@pytest.mark.parametrize(
    "reading", [{}, {"columns": {"band": "filtercode"}, "bands": {"zg": "g", "zr": "r", "zi": "i"}}]
)
@pytest.mark.parametrize("suffix", ["csv", "tbl", "xml"])
def test_data_releases_of_ztf(tmp_path, suffix, reading):
    path = write(tmp_path / "release.csv", RELEASE)
    if suffix != "csv":
        path = tmp_path / f"release.{suffix}"
        Table.read(RELEASE, format="ascii.csv").write(path, format={"tbl": "ascii.ipac", "xml": "votable"}[suffix])
    curves, notes, dialect = read(path, reading)
    assert (dialect, curves.ids.tolist(), bands_of(curves)) == ("ztf", ["11", "12", "13"], "ggrrii")
    np.testing.assert_allclose(curves.flux, 1000.0)
    assert any("1 points left out by the bits of 'catflags'" in note for note in notes)
    assert any("one band each" in note for note in notes)
    joined, notes, _ = read(path, reading | {"columns": {"id": "<file>"}, "dialect": "ztf"})
    assert (joined.ids.tolist(), joined.counts.tolist()) == (["release"], [6])
    assert not any("one band each" in note for note in notes)


def test_objects_of_one_band_in_files_of_one_band_are_no_surprise(tmp_path):
    rows = [f"{k},{60000 + t},g,5,1" for k in "ab" for t in range(3)]
    notes = read(write(tmp_path / "g.csv", "\n".join(["id,mjd,band,flux,fluxerr", *rows])), {"zero_point": 27.5})[1]
    assert notes == ()


def test_a_release_as_an_ipac_table_of_keywords_and_comments(tmp_path):
    text = (
        "\\fixlen = T\n\\ a comment\n|       oid|     mjd|   mag|magerr|catflags|filtercode|\n"
        "|      long|  double| float| float|     int|      char|\n"
        "|          |     day|   mag|   mag|        |          |\n"
        "|      null|    null|  null|  null|    null|      null|\n"
        "  600200301  58000.0  20.00   0.02        0         zg\n"
        "  600200301  58001.0  20.00   0.02        0         zg\n"
    )
    curves, _, _ = read(write(tmp_path / "lc.tbl", text))
    assert (curves.ids.tolist(), curves.counts.tolist(), bands_of(curves)) == (["600200301"], [2], "gg")


def test_the_file_of_the_forced_photometry_service_of_ztf(tmp_path):
    head = "index, field, filter, pid, infobitssci, zpdiff, jd, forcediffimflux, forcediffimfluxunc, procstatus\n"
    rows = (
        "0 500 ZTF_g 1 0 26.2 2459000.5 123.0 10.0 0\n1 500 ZTF_r 2 0 26.3 2459001.5 null null 56\n"
        "2 500 ZTF_r 3 33554432 26.3 2459002.5 5e9 9.0 0\n3 500 ZTF_r 4 6 26.3 2459003.5 50.0 9.0 0\n"
        "4 500 ZTF_i 5 0 26.3 2459004.5 -99999 -99999 61\n"
    )
    text = "# Requested input R.A. = 1.0\n# Pixel scale = 1\n" + head + rows
    curves, notes, dialect = read(write(tmp_path / "forcedphotometry_req001_lc.txt", text))
    assert (dialect, curves.ids.tolist(), bands_of(curves)) == ("ztf_forced", ["forcedphotometry_req001_lc"], "gr")
    np.testing.assert_allclose(curves.flux, [123 * 10 ** (0.4 * 1.3), 50 * 10 ** (0.4 * 1.2)], rtol=1e-12)
    assert any("infobitssci" in note for note in notes)


@pytest.mark.parametrize("status", ["56,63", "0", "56,57,63"])
def test_commas_within_the_fields_of_a_table_between_blanks(tmp_path, status):
    head = "index, field, filter, pid, infobitssci, zpdiff, jd, forcediffimflux, forcediffimfluxunc, procstatus\n"
    first = f"0 500 ZTF_g 1 0 26.2 2459000.5 123.0 10.0 {status}\n"
    curves, _, dialect = read(write(tmp_path / "lc.txt", head + first + "1 500 ZTF_r 2 0 26.2 2459001.5 99 10.0 0\n"))
    assert (dialect, bands_of(curves)) == ("ztf_forced", "gr")


def test_columns_of_fink_with_their_prefixes(tmp_path):
    text = (
        "d:tag,i:candid,i:fid,i:isdiffpos,i:jd,i:magpsf,i:objectId,i:ra,i:sigmapsf\n"
        "valid,3,2,f,2459002.5,20,ZTF1,150.1,0.1\nupperlim,,1,,2459001.5,,ZTF1,150.1,\n"
        "valid,1,1,t,2459000.5,20,ZTF1,150.1,0.1\n"
    )
    curves, notes, dialect = read(write(tmp_path / "fink.csv", text))
    assert (dialect, curves.ids.tolist(), bands_of(curves)) == ("ztf", ["ZTF1"], "gr")
    assert curves.time.tolist() == [59000.0, 59002.0]
    np.testing.assert_allclose(curves.flux, [1000.0, -1000.0])
    assert any("1 points dropped" in note for note in notes)


def test_columns_of_fink_for_rubin(tmp_path):
    text = "r:diaObjectId,r:midpointMjdTai,r:band,r:psfFlux,r:psfFluxErr\n7,60000,g,363.078,10\n7,60001,r,363.078,10\n"
    curves, _, dialect = read(write(tmp_path / "fink.csv", text))
    assert (dialect, curves.ids.tolist(), bands_of(curves)) == ("rubin", ["7"], "gr")
    np.testing.assert_allclose(curves.flux, 10.0, rtol=1e-5)


def test_lists_of_fink(tmp_path):
    lists = {"cjd": [2459000.5, 2459001.5], "cfid": [1, 2], "cmagpsf": [20.0, 20.0], "csigmapsf": [0.1, 0.1]}
    pq.write_table(pa.Table.from_pylist([{"objectId": "ZTF1", **lists}]), tmp_path / "fink.parquet")
    curves, _, dialect = read(tmp_path / "fink.parquet")
    assert (dialect, curves.time.tolist(), bands_of(curves)) == ("ztf", [59000.0, 59001.0], "gr")


def test_columns_of_alerce(tmp_path):
    text = (
        "oid,candid,mjd,fid,mag,e_mag,isdiffpos\nZTF1,1,59000.0,1,20,0.1,1\nZTF1,2,59001.0,2,20,0.1,-1\n"
    )  # fmt: skip
    curves, _, dialect = read(write(tmp_path / "detections.csv", text))
    assert (dialect, curves.ids.tolist(), bands_of(curves)) == ("ztf", ["ZTF1"], "gr")
    np.testing.assert_allclose(curves.flux, [1000.0, -1000.0])


SALT2 = """@Z_HELIO 0.285
@MWEBV 0.0258
@SN 30D4ag
#Date :
#Flux : of a star of magnitude ZP
#Fluxerr :
#ZP :
#Filter :
#MagSys :
#end :
59998.0 10.0 1.0 25.0 MEGACAMPSF::g AB_B12
59998.1 100.0 10.0 27.5 MEGACAMPSF::r AB_B12
"""
SNCOSMO = """@z 0.2
@t0 60010.0
# a comment
time band flux fluxerr zp zpsys
59998.0 sdssg 10.0 1.0 25.0 ab
59998.1 bessellb 100.0 10.0 27.5 ab
"""


@pytest.mark.parametrize("name", ["lc-30D4ag.list", "lc-30D4ag.dat", "folder"])
def test_lists_of_salt2(tmp_path, name):
    path = tmp_path / "lc-30D4ag.list" if name == "folder" else tmp_path / name
    write(path, SALT2)
    curves, _, dialect = read(tmp_path if name == "folder" else path)
    assert (dialect, curves.ids.tolist(), bands_of(curves)) == ("salt2", ["30D4ag"], "gr")
    np.testing.assert_allclose(curves.flux, 100.0)
    assert curves.column("mwebv")[0] == 0.0258
    assert "redshift" not in curves.objects


def test_a_fact_of_a_salt2_list_is_a_column_to_name(tmp_path):
    curves, _, dialect = read(write(tmp_path / "sn.list", SALT2), {"columns": {"redshift": "Z_HELIO"}})
    assert (dialect, curves.column("redshift")[0]) == ("salt2", 0.285)


@pytest.mark.parametrize("text", [SNCOSMO, "\n".join(line for line in SNCOSMO.splitlines() if line[0] != "@")])
def test_text_of_sncosmo(tmp_path, text):
    reading = {} if "@" in text else {"dialect": "sncosmo", "columns": {"id": "<file>"}}
    curves, _, dialect = read(write(tmp_path / "sn.dat", text), reading)
    assert (dialect, curves.ids.tolist(), bands_of(curves)) == ("sncosmo", ["sn"], "gB")
    np.testing.assert_allclose(curves.flux, 100.0)


def test_a_salt2_list_with_a_short_row_is_named(tmp_path):
    with pytest.raises(InputError, match="line 13 has 2 values"):
        read(write(tmp_path / "sn.list", SALT2 + "59999.0 12.0\n"))


def test_a_list_of_files_is_still_one(tmp_path):
    with pytest.raises(InputError, match="listed in"):
        read(write(tmp_path / "VERSION.LIST", "sn_1.dat\nsn_2.dat\n"))


ASASSN = """HJD,UT Date,Camera,FWHM,Limit,mag,mag_err,flux(mJy),flux_err,Filter
2459000.5,2020-05-31.0,bj,1.5,17.5,>17.5,99.990,0.01,0.05,g
2459001.5,2020-06-01.0,bj,1.5,17.5,16.4,0.05,1.0,0.05,g
2459002.5,2020-06-02.0,bj,1.5,17.5,16.4,0.05,1.0,0.05,V
"""


def test_light_curves_of_asassn_use_the_fluxes_below_the_limit_too(tmp_path):
    curves, _, dialect = read(write(tmp_path / "ASASSN-30ab.csv", ASASSN))
    assert (dialect, curves.ids.tolist(), bands_of(curves)) == ("asassn", ["ASASSN-30ab"], "ggV")
    assert curves.time.tolist() == [59000.0, 59001.0, 59002.0]
    np.testing.assert_allclose(curves.flux, np.array([0.01, 1.0, 1.0]) * 1e6 / 36.3078, rtol=1e-5)


def test_newer_light_curves_of_asassn_drop_bad_images(tmp_path):
    text = (
        "# ASAS-SN Sky Patrol\nJD,Flux,Flux Error,Mag,Mag Error,Limit,FWHM,Filter,Quality,Camera\n"
        "2459000.5,1.0,0.1,16.4,0.05,17.5,1.5,g,G,bj\n2459001.5,99.0,0.1,11.4,0.05,17.5,1.5,g,B,bj\n"
        "2459002.5,1.0,0.1,16.4,0.05,17.5,1.5,g,G,bj\n"
    )
    curves, notes, dialect = read(write(tmp_path / "asassn.csv", text))
    assert (dialect, curves.counts.tolist()) == ("asassn", [2])
    np.testing.assert_allclose(curves.flux, 1e6 / 36.3078, rtol=1e-5)
    assert any("'Quality'" in note for note in notes)


def test_limits_among_magnitudes_are_no_damaged_numbers(tmp_path):
    rows = "a,60000,g,>17.5,\na,60001,g,16.0,0.1\na,60002,r,16.0,0.1\na,60003,r, < 18.1,0.1\n"
    path = write(tmp_path / "limits.csv", "id,mjd,band,mag,magerr\n" + rows)
    source = open_lightcurves([path])
    assert list(source.chunks()) == []
    assert 'drop_points = ["nan"]' in source.rejected[0].reason
    curves, notes, _ = read(path, {"drop_points": ["nan"]})
    assert curves.time.tolist() == [60001.0, 60002.0]
    assert any(note.startswith("2 values are limits") for note in notes)


def gaia_table() -> Table:
    zero = {"G": 25.8010446445, "BP": 25.3539555559, "RP": 25.1039837393}
    bands = ["G", "BP", "RP", "G"]
    flux = [10 ** (0.4 * (zero[b] - 20.0)) for b in bands]  # AB magnitude 20
    return Table({
        "source_id": [4110000000000000001] * 4, "transit_id": range(4), "band": bands,
        "time": [2000.0, 2000.1, 2000.2, 2001.0],
        "mag": [20.0] * 4, "flux": flux, "flux_error": np.array(flux) / 10, "flux_over_error": [10.0] * 4,
        "rejected_by_photometry": [False, False, False, True],
    })  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "ecsv", "votable", "fits"])
def test_epoch_photometry_of_gaia(tmp_path, form):
    table = gaia_table()
    table["flux"].unit = None if form == "csv" else "1 / s"
    table.write(tmp_path / f"gaia.{form}", format={"csv": "ascii.csv", "ecsv": "ascii.ecsv"}.get(form, form))
    curves, notes, dialect = read(tmp_path / f"gaia.{form}")
    assert (dialect, curves.ids.tolist()) == ("gaia", ["4110000000000000001"])
    assert [curves.bands[b] for b in curves.band] == ["G", "BP", "RP"]
    np.testing.assert_allclose(curves.time, [57197.0, 57197.1, 57197.2])
    np.testing.assert_allclose(curves.flux, 1000.0, rtol=1e-4)
    assert any("rejected_by_photometry" in note for note in notes)


def test_transits_of_gaia_as_arrays_are_named(tmp_path):
    rows = [{"source_id": 1, "g_transit_time": [1.0, 2.0], "g_transit_flux": [3.0, 4.0]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "raw.parquet")
    with pytest.raises(InputError, match="Gaia") as error:
        read(tmp_path / "raw.parquet")
    assert "INDIVIDUAL" in error.value.fix


@pytest.mark.parametrize("time", ["Time (MJD)", "MJD", "time [JD]", "HJD (days)"])
@pytest.mark.parametrize(("flux", "error"), [
    ("Flux (uJy)", "Flux Error (uJy)"), ("flux[mJy]", "flux_err[uJy]"), ("Flux (microJy)", "Flux_err"),
])  # fmt: skip
def test_units_in_the_names_of_columns(tmp_path, time, flux, error):
    start = 2460000.5 if "JD" in time and "MJD" not in time else 60000.0
    scale = 1e-3 if "mJy" in flux else 1.0
    rows = [f"a,{start + k},g,{36.3078 * scale},{3.63078 * (1 if 'uJy' in error else scale)}" for k in range(2)]
    path = write(tmp_path / "units.csv", "\n".join([f"name,{time},Filter,{flux},{error}", *rows]))
    curves, _, _ = read(path)
    assert curves.time.tolist() == [60000.0, 60001.0]
    np.testing.assert_allclose(curves.flux, 1000.0, rtol=1e-5)
    np.testing.assert_allclose(curves.flux_error, 100.0, rtol=1e-5)


def test_a_unit_in_a_name_that_is_no_flux_is_refused(tmp_path):
    path = write(tmp_path / "counts.csv", "id,mjd,band,flux (mag),flux_err (mag)\na,60000,g,1,1\na,60001,g,1,1\n")
    with pytest.raises(InputError, match="in 'mag'"):
        read(path)
