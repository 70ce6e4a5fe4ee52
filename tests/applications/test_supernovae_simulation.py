"""Simulated light curves: repeatable, streamed, without bias, as a survey would see them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysure.applications.supernovae.settings import Settings
from skysure.applications.supernovae.simulation.explosions import Explosions, draw_explosions
from skysure.applications.supernovae.simulation.statistics import summary
from skysure.applications.supernovae.simulation.surveys import SURVEYS, draw_seasons, moon
from skysure.applications.supernovae.simulator import observe, simulate, simulate_lightcurves
from skysure.data.lightcurves import LightCurves


@pytest.fixture(scope="module")
def des() -> LightCurves:
    return simulate_lightcurves(4000, "des", seed=5, unknowns=True)


def some_explosions(n: int = 400, survey: str = "des") -> Explosions:
    start = np.full(n, 56_200.0)
    return draw_explosions(SURVEYS[survey], start, start + 150, False, np.random.default_rng(2))


def same(a: LightCurves, b: LightCurves) -> bool:
    columns = all(np.array_equal(a.objects[n], b.objects[n], equal_nan=n.startswith("red")) for n in a.objects)
    return columns and all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ("offsets", "time", "band", "flux"))


def test_a_seed_gives_the_same_objects_and_few_are_the_first_of_many() -> None:
    many = simulate_lightcurves(2500, "des", seed=3)
    assert same(many[:700], simulate_lightcurves(700, "des", seed=3))
    assert not np.array_equal(many.flux[:50], simulate_lightcurves(700, "des", seed=4).flux[:50])


def test_a_source_streams_without_end_and_repeats_itself() -> None:
    source = simulate(Settings(survey="lsst", photoz="none"), None, seed=1)
    walk = source.chunks()
    first, second = next(walk), next(walk)
    assert len(set(first.ids) | set(second.ids)) == len(first) + len(second)
    assert len(first) < 4096
    assert same(first, next(source.chunks()))
    assert source.schema.bands == ("u", "g", "r", "i", "z", "y")
    assert np.isnan(first.column("redshift")).all()


def test_source_gives_as_many_as_asked() -> None:
    sizes = [len(chunk) for chunk in simulate(Settings(photoz="good"), 3000, seed=1).chunks()]
    assert sum(sizes) == 3000
    assert len(sizes) > 1


def test_light_curves_are_sorted_and_selected(des: LightCurves) -> None:
    within = np.ones(len(des.time), bool)
    within[des.offsets[:-1]] = False
    assert (np.diff(des.time)[within[1:]] >= 0).all()
    assert (des.flux_error > 0).all()
    high = des.flux / des.flux_error > 5
    bands = [len(set(des.band[a:b][high[a:b]])) for a, b in zip(des.offsets[:-1], des.offsets[1:], strict=True)]
    assert min(bands) >= 2
    assert des.counts.min() >= 5
    assert len(set(des.objects["group"])) == len(des)


def test_kinds_are_mixed_as_in_the_challenge(des: LightCurves) -> None:
    # SPCC: Ia 24 %, II 63 %, Ibc 13 % of what is found, with the same rates, volume and depth
    labels = des.objects["label"]
    has_class = np.isin(labels, ["Ia", "II", "Ibc"])
    share = {name: (labels[has_class] == name).mean() for name in ("Ia", "II", "Ibc")}
    assert share == pytest.approx({"Ia": 0.24, "II": 0.63, "Ibc": 0.13}, abs=0.08)
    assert {"SLSN", "TDE", "KN"} <= set(labels)
    assert 0.02 < 1 - has_class.mean() < 0.2


def test_time_span_hardly_tells_redshift(des: LightCurves) -> None:
    # in SPCC R² is 0.32: its curves were cut in rest-frame days
    span = des.time[des.offsets[1:] - 1] - des.time[des.offsets[:-1]]
    ia = des.objects["label"] == "Ia"
    assert np.corrcoef(span[ia], des.objects["true_redshift"][ia])[0, 1] ** 2 < 0.05


def test_brightness_is_that_of_the_challenge(des: LightCurves) -> None:
    # medians of the 19,243 objects of SPCC at hand: peak r 24.06, i 23.88, points 101, host redshift 0.656
    numbers = summary(des)
    assert np.nanmedian(numbers["peak_r"]) == pytest.approx(24.06, abs=0.25)
    assert np.nanmedian(numbers["peak_i"]) == pytest.approx(23.88, abs=0.25)
    assert np.median(numbers["points"]) == pytest.approx(101, abs=15)
    assert np.median(numbers["redshift"]) == pytest.approx(0.656, abs=0.06)


def test_noise_has_no_bias_and_the_size_it_claims() -> None:
    rng = np.random.default_rng(0)
    clean, sky = rng.uniform(0, 30, 200_000), rng.uniform(1, 10, 200_000)
    flux, error = observe(clean, sky, SURVEYS["des"], rng)
    pull = (flux - clean) / error
    assert abs(np.average(flux - clean, weights=sky**-2.0)) < 4 / np.sqrt((sky**-2.0).sum())
    assert pull.std() == pytest.approx(1, abs=0.01)


def test_bright_fluxes_are_limited_by_calibration() -> None:
    flux, error = observe(np.full(1000, 1e5), np.ones(1000), SURVEYS["des"], np.random.default_rng(0))
    assert np.median(flux / error) == pytest.approx(50, rel=0.02)


def test_light_curves_stretch_with_redshift() -> None:
    near = some_explosions()
    far = replace(near, redshift=2 * near.redshift + 1)
    owner = np.arange(len(near))
    band = np.ones(len(near), np.int64)
    # the same spectrum and dimming: only the clock differs
    early = near.flux(owner, near.origin + 15 * (1 + near.redshift), band)
    late = far.flux(owner, far.origin + 15 * (1 + far.redshift), band)
    np.testing.assert_allclose(early, late, rtol=2e-3)
    assert (early > 0).all()


def test_flux_falls_with_distance_as_the_distance_modulus_says() -> None:
    near = some_explosions(50)
    owner, band = np.arange(50), np.ones(50, np.int64)
    farther = replace(near, dimming=near.dimming + np.float32(2.5))
    time = near.origin + 10
    np.testing.assert_allclose(farther.flux(owner, time, band), near.flux(owner, time, band) / 10, rtol=1e-4)


def test_reading_one_wavelength_a_band_is_good_enough_to_spare_the_hopeless() -> None:
    all_nodes = some_explosions()
    owner, band = np.arange(400), np.full(400, 2)
    time = all_nodes.origin + 20
    coarse, fine = all_nodes.at_middle().flux(owner, time, band), all_nodes.flux(owner, time, band)
    assert np.median(np.abs(coarse / fine - 1)) < 0.1


@given(seed=st.integers(0, 10_000), survey=st.sampled_from(["des", "lsst"]))
@settings(max_examples=15)
def test_seasons_keep_to_their_survey(seed: int, survey: str) -> None:
    plan = SURVEYS[survey]
    seasons = draw_seasons(plan, 20, np.random.default_rng(seed))
    owner = np.repeat(np.arange(20), np.diff(seasons.offsets))
    assert ((seasons.time >= seasons.start[owner]) & (seasons.time < seasons.end[owner] + 1)).all()
    assert (np.diff(seasons.time)[np.diff(owner) == 0] > 0).all()
    assert (seasons.sky_error > 0).all()
    assert seasons.band.max() < len(plan.passbands.names)
    nights = [len(set(np.floor(seasons.time[owner == k]))) for k in range(20)]
    assert 20 < np.mean(nights) < 80


def test_moonlight_spoils_blue_bands_most() -> None:
    seasons = draw_seasons(SURVEYS["des"], 300, np.random.default_rng(0))
    full, new = moon(seasons.time) > 0.9, moon(seasons.time) < 0.1
    ratio = [
        np.exp(np.log(seasons.sky_error[full & (seasons.band == b)]).mean())
        / np.exp(np.log(seasons.sky_error[new & (seasons.band == b)]).mean())
        for b in range(4)
    ]
    assert ratio[0] > ratio[1] > ratio[2] > ratio[3] > 1
    # up half of the time, then 2.6 magnitudes of sky in g: half of that in noise
    assert ratio[0] == pytest.approx(10 ** (0.2 * 2.6 * 0.5), rel=0.1)


def test_moon_is_full_when_it_was() -> None:
    # total lunar eclipses of 2015-09-28 02:47, 2018-01-31 13:30, 2022-05-16 04:11 (UT); new: eclipse 2017-08-21 18:26
    assert (moon(np.array([57_293.116, 58_149.562, 59_715.174])) > 0.98).all()
    assert moon(57_986.768) < 0.02


def test_spectra_are_taken_of_the_bright_and_mostly_of_ia(des: LightCurves) -> None:
    # SPCC: 1,103 of 21,319; 51 % Ia; median r peak 22.9 against 24.3, z 0.44 against 0.68
    typed = des.objects["spectroscopic"]
    assert typed.mean() == pytest.approx(0.052, abs=0.03)
    assert (des.objects["label"][typed] == "Ia").mean() > 1.3 * (des.objects["label"] == "Ia").mean()
    assert np.median(des.objects["true_redshift"][typed]) < 0.8 * np.median(des.objects["true_redshift"])


def test_summary_of_a_known_curve() -> None:
    time = np.arange(0.0, 40.0, 2.0)
    flux = 100 * np.exp(-(((time - 20) / 10) ** 2))
    table = {
        "id": ["a"] * 40, "time": np.tile(time, 2), "band": ["r"] * 20 + ["i"] * 20,
        "flux": np.concatenate([flux, flux * 2]), "flux_error": np.ones(40),
    }  # fmt: skip
    numbers = summary(LightCurves.from_table(table, zero_point=27.5).in_bands(("r", "i")))
    assert numbers["points"] == [40]
    assert numbers["peak_r"][0] == pytest.approx(27.5 - 5.0)
    assert numbers["snr_i"] == [200]
    assert numbers["colour_r_i"][0] == pytest.approx(2.5 * np.log10(2))
    # half of the maximum is 8.3 days off it; i has twice the flux of r and sets the maximum
    assert (numbers["rise"], numbers["decline"]) == ([8.0], [8.0])
