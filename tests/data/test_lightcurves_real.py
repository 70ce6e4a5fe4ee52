"""Real and published sets, where SKYSURE_DATA has them, and how much work reading is."""

from __future__ import annotations

import cProfile
import pstats

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.data.lightcurves.reading import Reading


def read(*paths, reading=None):
    for path in paths:
        if not path.exists():
            pytest.skip(f"no {path.name} among the real data")
    source = open_lightcurves(paths, reading)
    return source, LightCurves.concat(list(source.chunks()))


def test_spcc_pair_is_read_whole(sky_data):
    source, curves = read(sky_data / "spcc" / "lightcurves.parquet", sky_data / "spcc" / "objects.parquet")
    assert (len(curves), source.rejected_count) == (19_243, 0)
    assert len(curves.time) == 1_852_238 - 20  # the z band of object 396420 is a row of -9 throughout
    assert curves.bands == ("g", "r", "i", "z")
    assert (curves.objects["label"] == "Ia").sum() == 4_623
    table = pq.read_table(sky_data / "spcc" / "objects.parquet")
    order = np.argsort(curves.ids.astype(int))
    photoz = table["host_photoz"].to_numpy()[np.argsort(table["object_id"].to_numpy())]
    np.testing.assert_array_equal(curves.column("redshift")[order], photoz)
    assert "peak_mjd" not in curves.objects
    assert set(curves.objects["group"][curves.objects["label"] == "Ia"]) == {""}


def test_spcc_pair_by_a_short_reading(sky_data):
    reading = Reading.from_toml(
        {"zero_point": 27.5, "drop_points": ["error"], "columns": {"label": "type", "redshift": "host_photoz"}}
    )
    folder = sky_data / "spcc"
    source, curves = read(folder / "lightcurves.parquet", folder / "objects.parquet", reading=reading)
    assert (len(curves), source.reading) == (19_243, reading)
    assert np.isfinite(curves.column("redshift_error")).all()


def test_spcc_text_equals_the_tables(sky_data):
    folder = sky_data / "spcc"
    _, text = read(folder / "raw_sample.tar.xz")
    _, table = read(folder / "lightcurves.parquet", folder / "objects.parquet")
    assert len(text) == 40
    common = np.intersect1d(text.ids, table.ids)
    assert len(common) == 36
    ours, theirs = (c[np.array([np.flatnonzero(c.ids == i)[0] for i in common])] for c in (text, table))
    assert ours.counts.tolist() == theirs.counts.tolist()
    for name in ("time", "flux", "flux_error"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12)
    assert np.array(ours.bands)[ours.band].tolist() == np.array(theirs.bands)[theirs.band].tolist()
    for name in ("label", "group"):
        assert ours.objects[name].tolist() == theirs.objects[name].tolist()
    for name in ("redshift", "redshift_error", "ra", "dec", "mwebv"):
        np.testing.assert_allclose(ours.column(name), theirs.column(name), rtol=1e-12)


def test_plasticc_training_set(sky_data):
    source, curves = read(sky_data / "plasticc")
    assert (len(curves), len(curves.time), source.rejected_count) == (7_848, 1_421_705, 0)
    assert source.facts.by_class["Ia"] == 2_313
    assert source.facts.bands == ("u", "g", "r", "i", "z", "y")
    assert len(source.facts.classes) == 14


def test_real_ia_straight_from_the_archive(sky_data):
    source, curves = read(sky_data / "real_ia" / "snana_text.tar.xz")
    assert len(curves) + source.rejected_count == 490
    assert {r.reason for r in source.rejected} == {"no points"}
    assert len(curves.time) == 42_136
    assert set(curves.objects["label"]) == {"Ia", ""}
    assert any("unsorted" in note for note in source.notes)
    _, helio = read(
        sky_data / "real_ia" / "snana_text.tar.xz",
        reading=Reading(columns={"redshift": "REDSHIFT_HELIO"}, constants={"label": "Ia"}),
    )
    assert set(helio.objects["label"]) == {"Ia"}
    assert np.isfinite(helio.column("redshift")).all()


@pytest.mark.parametrize("bands", ["text", "numbers"])
def test_a_million_points_from_parquet_are_read_in_arrays(tmp_path, bands):
    """No function is called for each point; the time that it takes is a matter of the machine."""
    rng = np.random.default_rng(1)
    n = 1_000_000
    band = rng.integers(0, 4, n)
    table = {
        "object_id": np.repeat(np.arange(n // 100), 100), "mjd": np.tile(np.arange(100) + 59000.0, n // 100),
        "band": np.array(["g", "r", "i", "z"])[band] if bands == "text" else band, "flux": rng.normal(size=n),
        "flux_error": rng.uniform(1, 2, n),
    }  # fmt: skip
    pq.write_table(pa.table(table), tmp_path / "p.parquet")
    reading = Reading(zero_point=27.5, bands=dict(zip("0123", "griz", strict=True)))
    with cProfile.Profile() as profile:
        points = sum(len(c.time) for c in open_lightcurves([tmp_path / "p.parquet"], reading).chunks())
    assert points == n
    assert pstats.Stats(profile).total_calls < n // 4
