"""Alerts of ZTF and Rubin: the newest detection, ids inside of rows, names of several versions, Parquet and Avro."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.errors import InputError


def curves_of(path, reading=None) -> LightCurves:
    return LightCurves.concat(list(open_lightcurves([path], reading).chunks()))


def ztf_point(jd: float, mag: float | None = 19.0, fid: int = 1) -> dict:
    return {"jd": jd, "fid": fid, "magpsf": mag, "sigmapsf": None if mag is None else 0.1, "isdiffpos": "t"}


def ztf_alerts() -> list[dict]:
    """Alerts with two, one and no earlier detections; the second also has an upper limit."""
    start = 2460000.5
    return [
        {"objectId": "ZTF1", "candid": 2**53 + 1, "candidate": ztf_point(start + 9, 18.0, 2) | {"ra": 10.0, "rb": 0.9},
         "prv_candidates": [ztf_point(start), ztf_point(start + 3)]},
        {"objectId": "ZTF2", "candid": 2, "candidate": ztf_point(start + 8, 18.5) | {"ra": 11.0, "rb": 0.9},
         "prv_candidates": [ztf_point(start + 1, None), ztf_point(start + 2, 20.0, 2)]},
        {"objectId": "ZTF3", "candid": 3, "candidate": ztf_point(start + 7) | {"ra": 12.0, "rb": 0.9},
         "prv_candidates": None},
    ]  # fmt: skip


def rubin_point(mjd: float, names=("midpointMjdTai", "band", "psfFlux", "psfFluxErr"), **more) -> dict:
    return dict(zip(names, (mjd, "r", 363.078, 10.0), strict=True)) | more


def write(path, rows: list[dict]):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_the_newest_detection_of_a_ztf_alert_is_the_last_point(tmp_path):
    source = open_lightcurves([write(tmp_path / "alerts.parquet", ztf_alerts())])
    curves = LightCurves.concat(list(source.chunks()))
    assert curves.ids.tolist() == ["ZTF1", "ZTF2"]
    assert curves.counts.tolist() == [3, 2]
    assert curves.time.tolist() == [60000.0, 60003.0, 60009.0, 60002.0, 60008.0]
    np.testing.assert_allclose(curves.flux[2], 10 ** (0.4 * (27.5 - 18.0)))
    assert [curves.bands[b] for b in curves.band] == ["g", "g", "r", "r", "g"]
    assert [(r.id, r.reason) for r in source.rejected] == [("ZTF3", "one point")]
    assert any("1 points dropped" in note for note in source.notes)


def test_alerts_without_any_history_have_their_newest_detection(tmp_path):
    rows = [{k: v for k, v in row.items() if k != "prv_candidates"} for row in ztf_alerts()]
    for case in (
        rows,
        [row | {"prv_candidates": None} for row in rows],
        [row | {"prv_candidates": []} for row in rows],
    ):
        source = open_lightcurves([write(tmp_path / "alerts.parquet", case)])
        assert list(source.chunks()) == []
        assert [r.reason for r in source.rejected] == ["one point"] * 3


def test_a_newest_detection_that_is_in_the_history_is_taken_once(tmp_path):
    rows = ztf_alerts()[:1]
    rows[0]["prv_candidates"].append(ztf_point(2460009.5, 18.001, 2))
    assert curves_of(write(tmp_path / "alerts.parquet", rows)).counts.tolist() == [3]


def test_forced_photometry_of_a_ztf_alert_is_chosen_by_name(tmp_path):
    rows = ztf_alerts()[:1]
    rows[0]["fp_hists"] = [
        {"jd": 2460000.5 + k, "fid": 1, "forcediffimflux": 100.0, "forcediffimfluxunc": 5.0, "magzpsci": 26.5}
        for k in range(4)
    ]
    path = write(tmp_path / "alerts.parquet", rows)
    with pytest.raises(InputError) as error:
        open_lightcurves([path])
    assert "prv_candidates" in str(error.value)
    assert "fp_hists" in str(error.value)
    assert curves_of(path, {"nested": "prv_candidates"}).counts.tolist() == [3]
    np.testing.assert_allclose(curves_of(path, {"nested": "fp_hists"}).flux, 100 * 10**0.4, rtol=1e-6)


ID = 169830580431093809  # above 2^53: exact as an integer alone


@pytest.mark.parametrize("place", ["diaObject", "rows", "newest"])
def test_the_id_of_a_rubin_alert_is_found_where_it_is(tmp_path, place):
    inside = {} if place == "diaObject" else {"diaObjectId": ID}
    points = [rubin_point(60000.0 + k, diaSourceId=k, **inside) for k in range(3)]
    row = {"diaSourceId": 9, "diaSource": rubin_point(60009.0, diaSourceId=9, **inside), "prvDiaSources": points}
    if place == "diaObject":
        row["diaObject"] = {"diaObjectId": ID, "ra": 1.5, "dec": -2.5, "nDiaSources": 4}
    if place == "newest":
        row["prvDiaSources"] = None
        row["prvDiaSources"], row["diaSource"] = [row["diaSource"]], rubin_point(60010.0, diaSourceId=10, **inside)
    curves = curves_of(write(tmp_path / "alerts.parquet", [row]))
    assert curves.ids.tolist() == [str(ID)]
    assert curves.counts.tolist() == [2 if place == "newest" else 4]
    np.testing.assert_allclose(curves.flux, 10.0, rtol=1e-5)
    if place == "diaObject":
        assert (curves.column("ra")[0], curves.column("dec")[0]) == (1.5, -2.5)


def test_rows_of_several_ids_are_set_aside(tmp_path):
    rows = [{"prvDiaSources": [rubin_point(60000.0 + k, diaObjectId=ID + k) for k in range(3)]}]
    source = open_lightcurves([write(tmp_path / "alerts.parquet", rows)])
    assert list(source.chunks()) == []
    assert source.rejected[0].reason == "the id changes within the object"


def test_an_id_that_is_nowhere_is_asked_for(tmp_path):
    path = write(tmp_path / "alerts.parquet", [{"prvDiaSources": [rubin_point(60000.0), rubin_point(60001.0)]}])
    with pytest.raises(InputError, match="no column") as error:
        open_lightcurves([path], {"dialect": "rubin"})
    assert "columns" in error.value.fix


@pytest.mark.parametrize("names", [
    ("midpointMjdTai", "band", "psfFlux", "psfFluxErr"), ("midPointTai", "filterName", "psFlux", "psFluxErr"),
    ("midpointMjdTai", "band", "psfDiffFlux", "psfDiffFluxErr"), ("midPointTai", "filterName", "psfFlux", "psfFluxErr"),
])  # fmt: skip
@pytest.mark.parametrize("form", ["nested", "flat"])
def test_older_and_newer_names_of_rubin(tmp_path, names, form):
    points = [rubin_point(60000.0 + k, names) for k in range(3)]
    flat = [{"diaObjectId": ID, **point} for point in points]
    rows = flat if form == "flat" else [{"diaObjectId": ID, "prvDiaSources": points}]
    curves = curves_of(write(tmp_path / "sources.parquet", rows))
    assert (curves.ids.tolist(), curves.counts.tolist()) == ([str(ID)], [3])
    np.testing.assert_allclose(curves.flux, 10.0, rtol=1e-5)


def test_the_flux_of_the_difference_image_comes_before_that_of_the_science_image(tmp_path):
    points = [rubin_point(60000.0 + k) | {"psfDiffFlux": 36.3078, "psfDiffFluxErr": 1.0} for k in range(3)]
    for row in ({"diaObjectId": 7}, {"objectId": 7}):
        curves = curves_of(write(tmp_path / "forced.parquet", [row | {"forcedSource": points}]))
        np.testing.assert_allclose(curves.flux, 1.0, rtol=1e-5)


def test_a_band_beside_the_lists_holds_for_all_their_points(tmp_path):
    """The files of ZTF's data releases: a row an object and filter."""
    rows = [
        {"objectid": 100 + fid, "filterid": fid, "objra": 1.0, "objdec": 2.0, "hmjd": [60000.0, 60001.0, 60002.0],
         "mag": [20.0, 20.0, 12.0], "magerr": [0.1] * 3, "catflags": [0, 0, 32768]}
        for fid in (1, 2)
    ]  # fmt: skip
    source = open_lightcurves([write(tmp_path / "field.parquet", rows)])
    curves = LightCurves.concat(list(source.chunks()))
    assert curves.counts.tolist() == [2, 2]
    assert [curves.bands[b] for b in curves.band] == ["g", "g", "r", "r"]
    assert curves.column("ra").tolist() == [1.0, 1.0]
    assert any("2 points left out by the bits of 'catflags'" in note for note in source.notes)
    assert any("one band each" in note for note in source.notes)


POINT = {"type": "record", "name": "point", "fields": [
    {"name": "jd", "type": "double"}, {"name": "fid", "type": "int"}, {"name": "magpsf", "type": ["null", "float"]},
    {"name": "sigmapsf", "type": ["null", "float"]}, {"name": "isdiffpos", "type": ["null", "string"]},
]}  # fmt: skip
ALERT = {"type": "record", "name": "alert", "namespace": "survey", "fields": [
    {"name": "objectId", "type": "string"}, {"name": "candid", "type": "long"}, {"name": "candidate", "type": POINT},
    {"name": "prv_candidates", "type": ["null", {"type": "array", "items": "point"}]},
    {"name": "cutoutScience", "type": ["null", "bytes"]},
]}  # fmt: skip


def test_alerts_in_avro_are_those_in_parquet(tmp_path):
    fastavro = pytest.importorskip("fastavro")
    rows = [row | {"cutoutScience": b"\x1f\x8b\x00"} for row in ztf_alerts()]
    with (tmp_path / "alerts.avro").open("wb") as stream:
        fastavro.writer(stream, ALERT, rows)
    expected = curves_of(write(tmp_path / "alerts.parquet", ztf_alerts()))
    curves = curves_of(tmp_path / "alerts.avro")
    assert curves.ids.tolist() == expected.ids.tolist()
    for name in ("time", "band", "flux", "offsets"):
        np.testing.assert_allclose(getattr(curves, name), getattr(expected, name), rtol=1e-6)


def test_damaged_avro_is_named(tmp_path):
    fastavro = pytest.importorskip("fastavro")
    path = tmp_path / "alerts.avro"
    with path.open("wb") as stream:
        fastavro.writer(stream, ALERT, ztf_alerts() * 50)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="Avro"):
        curves_of(path)


def test_avro_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fastavro", None)
    (tmp_path / "alerts.avro").write_bytes(b"Obj\x01")
    with pytest.raises(InputError, match=r"skysure\[avro\]"):
        open_lightcurves([tmp_path / "alerts.avro"])
