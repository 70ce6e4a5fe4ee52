"""The same objects through every format, and formats that surveys use."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from skysure.data.lightcurves import LightCurves, describe, open_lightcurves, propose
from skysure.data.lightcurves.reading import Reading

BANDS = np.array(["g", "r", "i", "z"])
FLUX = Reading(zero_point=27.5)


@pytest.fixture(scope="module")
def objects():
    """Twelve objects: ids, and one long table of their points in order, as plain arrays."""
    rng = np.random.default_rng(5)
    counts = rng.integers(3, 30, 12)
    n = int(counts.sum())
    ids = np.array([f"SN{k:03d}" for k in range(12)])
    time = np.concatenate([np.sort(rng.uniform(56000, 56100, c)) for c in counts])
    table = {
        "id": np.repeat(ids, counts), "mjd": time, "band": BANDS[rng.integers(0, 4, n)],
        "flux": rng.normal(5, 20, n), "flux_error": rng.uniform(0.5, 3, n),
    }  # fmt: skip
    about = {"id": ids, "label": np.array(["Ia", "II", "Ibc"])[np.arange(12) % 3], "redshift": rng.uniform(0.1, 1, 12),
             "redshift_error": np.full(12, 0.03), "ra": rng.uniform(0, 360, 12), "dec": rng.uniform(-60, 0, 12),
             "mwebv": rng.uniform(0, 0.1, 12)}  # fmt: skip
    return table, about, counts


def joined(source) -> LightCurves:
    return LightCurves.concat(list(source.chunks()))


def assert_same(curves: LightCurves, objects, tolerance=0.0, about=True):
    table, facts, counts = objects
    curves = curves[np.argsort(curves.ids)]
    assert curves.ids.tolist() == facts["id"].tolist()
    assert curves.counts.tolist() == counts.tolist()
    for ours, theirs in (("time", "mjd"), ("flux", "flux"), ("flux_error", "flux_error")):
        np.testing.assert_allclose(getattr(curves, ours), table[theirs], rtol=tolerance, atol=tolerance)
    assert np.array(curves.bands)[curves.band].tolist() == table["band"].tolist()
    if about:
        assert curves.objects["label"].tolist() == facts["label"].tolist()
        for name in ("redshift", "redshift_error", "ra", "dec", "mwebv"):
            np.testing.assert_allclose(curves.column(name), facts[name], rtol=max(tolerance, 1e-6))


def write_csv(path: Path, table) -> Path:
    names = list(table)
    rows = zip(*(np.asarray(table[n]).tolist() for n in names), strict=True)
    path.write_text("\n".join([",".join(names)] + [",".join(map(str, row)) for row in rows]) + "\n")
    return path


def nested_table(objects, form: str) -> pa.Table:
    table, about, counts = objects
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    lists = {n: pa.ListArray.from_arrays(offsets, pa.array(table[n])) for n in ("mjd", "band", "flux", "flux_error")}
    if form == "lists":
        return pa.table({**about, **lists})
    if form == "struct of lists":
        return pa.table({**about, "lightcurve": pa.StructArray.from_arrays(list(lists.values()), names=list(lists))})
    struct = pa.StructArray.from_arrays([pa.array(table[n]) for n in lists], names=list(lists))
    return pa.table({**about, "lightcurve": pa.ListArray.from_arrays(offsets, struct)})


def text_of(objects, k: int) -> bytes:
    """An object as SNANA text; repr keeps every digit."""
    table, about, counts = objects
    about, start = {n: v[k].item() for n, v in about.items()}, int(counts[:k].sum())
    head = (
        f"SURVEY: TEST\nSNID:  {about['id']}  # our name\nRA: {about['ra']!r} deg\nDECL: {about['dec']!r}\n"
        f"MWEBV: {about['mwebv']!r} MW\nFILTERS: griz\nHOST_GALAXY_PHOTO-Z: {about['redshift']!r} +- 0.03\n"
        f"SIM_COMMENT:  SN Type = {about['label']} , MODEL = X\nSIM_REDSHIFT: 9.9\nSNTYPE: -9\n\n"
        f"NOBS: {counts[k]}\nNVAR: 5\nVARLIST: MJD FLT FIELD FLUXCAL FLUXCALERR\n"
    )
    cells = [table[n][start : start + counts[k]].tolist() for n in ("mjd", "band", "flux", "flux_error")]
    rows = [f"OBS: {t!r} {b} NULL {f!r} {e!r}\n" for t, b, f, e in zip(*cells, strict=True)]
    return (head + "".join(rows) + "END:\n").encode()


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "csv.xz", "ecsv", "vot", "fits", "fits.gz"])
def test_long_table_with_table_of_objects(tmp_path, objects, suffix):
    table, about, _ = objects
    paths = []
    for name, columns in (("points", table), ("objects", about)):
        path = tmp_path / f"{name}.{suffix}"
        if suffix == "parquet":
            pq.write_table(pa.table(columns), path, row_group_size=50)
        elif suffix.startswith("csv"):
            plain = write_csv(tmp_path / f"{name}.csv", columns)
            if suffix != "csv":
                pack = gzip.compress if suffix.endswith("gz") else lzma.compress
                path.write_bytes(pack(plain.read_bytes()))
                plain.unlink()
        else:
            Table(columns).write(path, format={"vot": "votable", "ecsv": "ascii.ecsv"}.get(suffix, "fits"))
        paths.append(path)
    assert_same(joined(open_lightcurves(paths, FLUX)), objects)
    assert_same(joined(open_lightcurves([tmp_path], FLUX)), objects)
    assert_same(joined(open_lightcurves([str(tmp_path / "*")], FLUX)), objects)


@pytest.mark.parametrize("form", ["lists", "struct of lists", "list of structs"])
def test_nested_parquet(tmp_path, objects, form):
    pq.write_table(nested_table(objects, form), tmp_path / "nested.parquet", row_group_size=5)
    assert_same(joined(open_lightcurves([tmp_path / "nested.parquet"], FLUX)), objects)


def test_an_id_that_is_repeated_in_the_lists_is_that_of_the_object(tmp_path, objects):
    table = nested_table(objects, "lists")
    ids = np.repeat(table["id"].to_numpy(), objects[2])
    lists = pa.ListArray.from_arrays(table["mjd"].combine_chunks().offsets, pa.array(ids))
    pq.write_table(table.set_column(table.schema.get_field_index("id"), "id", lists), tmp_path / "nested.parquet")
    assert_same(joined(open_lightcurves([tmp_path / "nested.parquet"], FLUX)), objects)


def test_a_proposal_for_a_folder_looks_for_bands_where_they_are(tmp_path, objects):
    table, _, _ = objects
    write_csv(tmp_path / "a.csv", table)
    write_csv(tmp_path / "b.csv", {n: v for n, v in table.items() if n != "band"})
    assert propose([tmp_path]).columns["band"] == "band"


@pytest.mark.parametrize("collection", [False, True])
def test_hats_catalogue_reads_its_partitions_and_nothing_else(tmp_path, objects, collection):
    whole = nested_table(objects, "struct of lists")
    root = tmp_path / "catalogue"
    if collection:
        root.mkdir()
        (root / "collection.properties").write_text("obs_collection=x\nhats_primary_table_url=object\n")
        margin = root / "object_margin" / "dataset" / "Norder=0"
        margin.mkdir(parents=True)
        pq.write_table(whole.slice(0, 3), margin / "Npix=1.parquet")
        root = root / "object"
    for k, part in enumerate((whole.slice(0, 7), whole.slice(7))):
        folder = root / "dataset" / "Norder=1" / "Dir=0"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(part, folder / f"Npix={k}.parquet")
    pq.write_metadata(whole.schema, root / "dataset" / "_common_metadata")
    (root / "properties").write_text("obs_collection=x")
    (root / "partition_info.csv").write_text("Norder,Npix\n1,0\n1,1\n")
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(root / "skymap.fits")
    assert_same(joined(open_lightcurves([tmp_path / "catalogue"], FLUX)), objects)


@pytest.mark.parametrize("packing", ["folder", "tar", "tar.gz", "tar.xz", "zip", "gz in folder", "list"])
def test_snana_text(tmp_path, objects, packing):
    folder = tmp_path / "VERSION"
    folder.mkdir()
    names = [f"sn_{k:03d}.dat" for k in range(12)]
    for k, name in enumerate(names):
        (folder / name).write_bytes(text_of(objects, k))
    (folder / "VERSION.README").write_text("SNID: of notes\n")
    (folder / "VERSION.LIST").write_text("\n".join(names) + "\n")
    (folder / "filter_g.dat").write_text("4000 0.1\n4100 0.2\n")
    path = folder
    if packing.startswith("tar"):
        path = tmp_path / f"data.{packing}"
        with tarfile.open(path, "w:" + packing.partition(".")[2]) as pack:
            pack.add(folder, "VERSION")
    elif packing == "zip":
        path = tmp_path / "data.zip"
        with zipfile.ZipFile(path, "w") as pack:
            for name in names:
                pack.write(folder / name, f"VERSION/{name}")
    elif packing == "gz in folder":
        for name in names:
            (folder / (name + ".gz")).write_bytes(gzip.compress((folder / name).read_bytes()))
            (folder / name).unlink()
    elif packing == "list":
        path = folder / "VERSION.LIST"
    source = open_lightcurves([path])
    assert_same(joined(source), objects, tolerance=1e-15)
    assert source.reading == Reading(dialect="snana")
    assert "redshift" in source.facts.columns


def test_snana_ignore_list_drops_its_epochs(tmp_path, objects):
    table, about, counts = objects
    for k in (0, 1):
        (tmp_path / f"sn_{k}.dat").write_bytes(text_of(objects, k))
    (tmp_path / "V.IGNORE").write_text(f"IGNORE: {about['id'][0]} {table['mjd'][1]:.3f} {table['band'][1]}\n")
    curves = joined(open_lightcurves([tmp_path]))
    assert curves.counts.tolist() == [counts[0] - 1, counts[1]]
    assert table["mjd"][1] not in curves.time


@pytest.mark.parametrize("suffix", ["FITS", "FITS.gz"])
def test_snana_fits_pair(tmp_path, objects, suffix):
    table, about, counts = objects
    order, pointers, rows = [], [], 0
    for k, n in enumerate(counts):
        start = int(counts[:k].sum())
        order += [*range(start, start + n), -1]
        pointers.append((rows + 1, rows + n))
        rows += n + 1
    last = np.array(order) < 0
    phot = Table({
        "MJD": np.where(last, -777.0, table["mjd"][order]), "BAND": np.where(last, "-", table["band"][order]),
        "FLUXCAL": table["flux"][order], "FLUXCALERR": table["flux_error"][order],
    })  # fmt: skip
    head = Table({
        "SNID": [f"{i:<16}" for i in about["id"]], "SNTYPE": [{"Ia": 1, "II": 2, "Ibc": 3}[t] for t in about["label"]],
        "PTROBS_MIN": [p[0] for p in pointers], "PTROBS_MAX": [p[1] for p in pointers], "MWEBV": about["mwebv"],
        "RA": about["ra"], "DEC": about["dec"], "HOSTGAL_PHOTOZ": about["redshift"],
        "HOSTGAL_PHOTOZ_ERR": about["redshift_error"], "SIM_REDSHIFT_CMB": about["redshift"] + 1,
    })  # fmt: skip
    for name, columns in (("HEAD", head), ("PHOT", phot)):
        hdu = fits.BinTableHDU(columns)
        primary = fits.PrimaryHDU()
        primary.header["PHOTFILE"] = "V_PHOT.FITS"
        fits.HDUList([primary, hdu]).writeto(tmp_path / f"V_{name}.{suffix}")
    assert_same(joined(open_lightcurves([tmp_path])), objects)
    assert_same(joined(open_lightcurves([tmp_path / f"V_HEAD.{suffix}"])), objects)


def test_plasticc_csv(tmp_path, objects):
    table, about, _ = objects
    number = {i: str(k + 100) for k, i in enumerate(about["id"])}
    points = {
        "object_id": [number[i] for i in table["id"]], "mjd": table["mjd"],
        "passband": ["ugrizy".index(b) for b in table["band"]], "flux": table["flux"],
        "flux_err": table["flux_error"], "detected_bool": np.ones(len(table["mjd"]), int),
    }  # fmt: skip
    metadata = {
        "object_id": list(number.values()), "ra": about["ra"], "decl": about["dec"], "mwebv": about["mwebv"],
        "hostgal_photoz": about["redshift"], "hostgal_photoz_err": about["redshift_error"],
        "true_z": about["redshift"] + 1, "true_target": [{"Ia": 90, "II": 42, "Ibc": 62}[t] for t in about["label"]],
    }  # fmt: skip
    write_csv(tmp_path / "plasticc_train_lightcurves.csv", points)
    write_csv(tmp_path / "plasticc_train_metadata.csv", metadata)
    source = open_lightcurves([tmp_path])
    renamed = {n: v for n, v in about.items() if n != "id"} | {"id": np.array(list(number.values()))}
    assert_same(joined(source), (table, renamed, objects[2]))
    assert source.reading.dialect == "plasticc"


@pytest.mark.parametrize(("unit", "factor"), [("nJy", 1e-9), ("uJy", 1e-6), ("mJy", 1e-3), ("Jy", 1.0)])
def test_units_of_the_file_and_of_the_reading(tmp_path, objects, unit, factor):
    """An AB magnitude of 27.5 is 3631 Jy times 10^-11: from the definition of the magnitude."""
    table, _, _ = objects
    jansky = 3630.780547701 * 10 ** (-0.4 * 27.5)
    columns = dict(table, flux=table["flux"] * jansky / factor, flux_error=table["flux_error"] * jansky / factor)
    pq.write_table(pa.table(columns), tmp_path / "points.parquet")
    assert_same(joined(open_lightcurves([tmp_path], Reading(unit=unit))), objects, 1e-10, about=False)
    with_units = Table(columns, units={"flux": unit, "flux_error": unit})
    for name, form in (("p.ecsv", "ascii.ecsv"), ("p.vot", "votable"), ("p.fits", "fits"), ("p.parquet", "parquet")):
        with_units.write(tmp_path / name, format=form)
        assert_same(joined(open_lightcurves([tmp_path / name])), objects, 1e-10, about=False)


def test_an_error_in_another_unit_than_its_flux(tmp_path, objects):
    table, _, _ = objects
    in_other_units = Table(
        dict(table, flux_error=table["flux_error"] * 1e3), units={"flux": "uJy", "flux_error": "nJy"}
    )
    in_other_units.write(tmp_path / "p.ecsv")
    curves = joined(open_lightcurves([tmp_path / "p.ecsv"]))
    np.testing.assert_allclose(curves.flux / curves.flux_error, table["flux"] / table["flux_error"], rtol=1e-12)


def test_zero_point_of_the_reading_or_of_every_point(tmp_path, objects):
    table, _, _ = objects
    zero = np.linspace(22, 30, len(table["mjd"]))
    scale = 10 ** (-0.4 * (27.5 - zero))
    columns = dict(table, flux=table["flux"] * scale, flux_error=table["flux_error"] * scale, zp=zero)
    write_csv(tmp_path / "p.csv", columns)
    assert_same(
        joined(open_lightcurves([tmp_path / "p.csv"], Reading(columns={"zero_point": "zp"}))), objects, 1e-10, False
    )
    write_csv(tmp_path / "q.csv", dict(table, flux=table["flux"] * 100, flux_error=table["flux_error"] * 100))
    assert_same(joined(open_lightcurves([tmp_path / "q.csv"], Reading(zero_point=32.5))), objects, 1e-10, about=False)


def test_ztf_magnitudes_with_their_sign_and_julian_dates(tmp_path):
    rows = {
        "oid": ["ZTF1"] * 3, "jd": [2459000.5, 2459001.5, 2459002.5], "fid": [1, 2, 1],
        "magpsf": [20.0, 20.0, 19.0], "sigmapsf": [0.1, 0.2, 0.1], "isdiffpos": ["t", "f", "1"],
    }  # fmt: skip
    curves = joined(open_lightcurves([write_csv(tmp_path / "ztf.csv", rows)]))
    assert curves.time.tolist() == [59000.0, 59001.0, 59002.0]
    np.testing.assert_allclose(curves.flux, [1000.0, -1000.0, 10**3.4], rtol=1e-12)
    np.testing.assert_allclose(curves.flux_error[0], 1000 * 0.1 * np.log(10) / 2.5, rtol=1e-12)
    assert [curves.bands[b] for b in curves.band] == ["g", "r", "g"]


def test_forced_photometry_in_columns_of_blanks_below_comments(tmp_path):
    text = (
        "# Requested input R.A. = 1.0\n index, field, filter, zpdiff, jd, forcediffimflux, forcediffimfluxunc\n"
        " 0 500 ZTF_g 26.2 2459000.5 123.0 10.0\n 1 500 ZTF_r 26.3 2459001.5 null null\n"
        " 2 500 ZTF_r 26.3 2459003.5 50.0 9.0\n"
    )
    (tmp_path / "ZTF20abc.txt").write_text(text)
    source = open_lightcurves([tmp_path / "ZTF20abc.txt"], Reading(dialect="ztf", columns={"id": "<file>"}))
    curves = joined(source)
    assert curves.ids.tolist() == ["ZTF20abc"]
    np.testing.assert_allclose(curves.flux, [123 * 10 ** (0.4 * 1.3), 50 * 10 ** (0.4 * 1.2)], rtol=1e-12)
    assert any("dropped" in note for note in source.notes)


def test_rubin_nested_in_the_object_table(tmp_path):
    source = pa.array([[{"midpointMjdTai": 60000.0 + t, "band": b, "psfDiffFlux": f, "psfDiffFluxErr": 10.0}
                        for t, b, f in ((0, "g", 100.0), (1, "r", float("nan")), (2, "r", 363.07805477))]])  # fmt: skip
    detections = pa.array([[{"midpointMjdTai": 60000.0, "band": "g", "psfFlux": 1.0, "psfFluxErr": 1.0}]])
    sources = {"diaForcedSource": source, "diaSource": detections}
    table = pa.table({"diaObjectId": [7], "ra": [1.0], "dec": [2.0], **sources})
    pq.write_table(table, tmp_path / "dia.parquet")
    curves = joined(open_lightcurves([tmp_path / "dia.parquet"], Reading(dialect="rubin", nested="diaForcedSource")))
    assert curves.ids.tolist() == ["7"]
    np.testing.assert_allclose(curves.flux, [100 / 36.307805477, 10.0], rtol=1e-9)


def test_times_as_dates_and_other_formats(tmp_path):
    rows = {"id": ["a", "a"], "date": ["2020-01-01T00:00:00", "2020-01-02T12:00:00"], "band": ["g", "r"],
            "flux": [1, 2], "flux_error": [1, 1]}  # fmt: skip
    path = write_csv(tmp_path / "t.csv", rows)
    curves = joined(open_lightcurves([path], Reading(zero_point=27.5, time_format="isot")))
    np.testing.assert_allclose(curves.time, [58849.0, 58850.5])


def test_cuts_by_value_and_by_bit(tmp_path, objects):
    table, _, _ = objects
    n = len(table["mjd"])
    flags, detected = np.arange(n) % 4, np.arange(n) % 3 > 0
    pq.write_table(pa.table(dict(table, flags=flags, detected=detected)), tmp_path / "p.parquet")
    reading = Reading(zero_point=27.5, keep={"detected": True}, reject_bits={"flags": 2})
    curves = joined(open_lightcurves([tmp_path / "p.parquet"], reading))
    expected = table["mjd"][detected & (flags < 2)]
    assert set(curves.time) <= set(expected)
    assert len(curves.time) >= len(expected) - 12


def test_constants_carried_columns_and_labels(tmp_path, objects):
    table, about, _ = objects
    pq.write_table(pa.table(table), tmp_path / "points.parquet")
    more = dict(about, label=["Ia", "", "junk"] * 4, survey_code=np.arange(12), peak_mjd=np.arange(12.0))
    pq.write_table(pa.table(more), tmp_path / "objects.parquet")
    reading = Reading(zero_point=27.5, labels={"Ia": "Ia"}, constants={"group": "all"}, carry=("survey_code",))
    source = open_lightcurves([tmp_path], reading)
    curves = joined(source)
    assert curves.objects["label"].tolist() == ["Ia", "", ""] * 4
    assert set(curves.objects["group"]) == {"all"}
    assert curves.objects["survey_code"].tolist() == list(range(12))
    assert "peak_mjd" not in curves.objects
    assert any("junk" in note for note in source.notes)


def test_propose_maps_the_bands_of_a_survey_and_the_proposal_reads(tmp_path, objects):
    table, _, _ = objects
    columns = {"objID": table["id"], "MJD": table["mjd"], "filter": np.char.add("lsst_", table["band"]),
             "flux": table["flux"], "fluxerr": table["flux_error"]}  # fmt: skip
    Table(columns, units={"flux": "nJy"}).write(tmp_path / "p.ecsv")
    proposed = propose([tmp_path / "p.ecsv"])
    assert proposed.bands == {f"lsst_{b}": b for b in "griz"}
    assert (proposed.unit, proposed.columns["id"], proposed.columns["flux_error"]) == ("nJy", "objID", "fluxerr")
    assert Reading.from_toml(proposed.to_toml()) == proposed
    curves = joined(open_lightcurves([tmp_path / "p.ecsv"], proposed))
    np.testing.assert_allclose(curves.flux, table["flux"] / 36.30780547701, rtol=1e-9)


def test_describe_tells_what_a_user_wants_to_know(tmp_path, objects):
    table, about, _ = objects
    Table(table, units={"flux": "uJy"}).write(tmp_path / "points.ecsv")
    Table(about).write(tmp_path / "objects.ecsv")
    described = describe([tmp_path]).to_dict()
    assert described["formats"] == {"ecsv": 2}
    assert [t["rows"] for t in described["tables"]] == [len(table["mjd"]), 12]
    assert described["tables"][0]["columns"]["flux"] == {"type": "double", "unit": "uJy"}
    assert (described["objects"], described["points"], described["labelled"]) == (12, len(table["mjd"]), 12)
    assert described["classes"] == {"Ia": 4, "II": 4, "Ibc": 4}
    assert described["time"] == (table["mjd"].min(), table["mjd"].max())
    ratio = table["flux"] / table["flux_error"]
    np.testing.assert_allclose(np.array(described["signal_to_noise"])[[0, 2]], [ratio.min(), ratio.max()])
    assert described["problems"] == []


def test_describe_tells_of_a_file_that_cannot_be_read(tmp_path, objects):
    write_csv(tmp_path / "p.csv", objects[0])
    described = describe([tmp_path / "p.csv"]).to_dict()
    assert described["tables"][0]["file"].endswith("p.csv")
    assert "zero point" in described["problems"][0]


def test_chunks_have_their_size_and_a_walk_can_be_repeated(tmp_path, objects):
    pq.write_table(pa.table(objects[0]), tmp_path / "p.parquet")
    source = open_lightcurves([tmp_path / "p.parquet"], FLUX)
    assert [len(c) for c in source.chunks(size=5)] == [5, 5, 2]
    first, second = list(source.chunks(size=5)), list(source.chunks(size=5))
    assert all((a.flux == b.flux).all() and (a.ids == b.ids).all() for a, b in zip(first, second, strict=True))
    assert_same(LightCurves.concat(first), objects, about=False)


def test_an_object_cut_by_batches_is_whole(tmp_path, monkeypatch, objects):
    monkeypatch.setattr("skysure.data.files.parquet.BATCH", 7)
    monkeypatch.setattr("skysure.data.files.delimited.BLOCK", 500)
    pq.write_table(pa.table(objects[0]), tmp_path / "p.parquet")
    assert_same(joined(open_lightcurves([tmp_path / "p.parquet"], FLUX)), objects, about=False)
    write_csv(tmp_path / "p.csv", objects[0])
    assert_same(joined(open_lightcurves([tmp_path / "p.csv"], FLUX)), objects, about=False)


def test_a_parquet_in_a_tarball(tmp_path, objects):
    buffer = io.BytesIO()
    pq.write_table(pa.table(objects[0]), buffer)
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz") as pack:
        info = tarfile.TarInfo("deep/points.parquet")
        info.size = len(buffer.getvalue())
        pack.addfile(info, io.BytesIO(buffer.getvalue()))
    assert_same(joined(open_lightcurves([tmp_path / "t.tar.gz"], FLUX)), objects, about=False)


def test_what_astropy_masks_in_a_parquet_file_is_missing(tmp_path, objects):
    table = Table(objects[0], masked=True)
    table["flux"].mask[5] = True
    table.write(tmp_path / "masked.parquet")
    source = open_lightcurves([tmp_path / "masked.parquet"], {"zero_point": 27.5, "drop_points": ["nan"]})
    assert joined(source).flux.tolist() == np.delete(objects[0]["flux"], 5).tolist()
    assert any("the flux is not a number" in note for note in source.notes)


def test_some_columns_of_a_parquet_file_that_astropy_wrote(tmp_path, objects):
    Table(objects[0] | {"label": np.repeat("Ia", len(objects[0]["id"]))}).write(tmp_path / "whole.parquet")
    columns = pq.read_table(tmp_path / "whole.parquet").drop_columns(["label"])  # its header still speaks of the label
    pq.write_table(columns, tmp_path / "some.parquet")
    assert_same(joined(open_lightcurves([tmp_path / "some.parquet"], FLUX)), objects, about=False)
