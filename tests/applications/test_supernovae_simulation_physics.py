"""Sky, spectra and selection of the supernova simulator against astropy and published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from astropy.modeling.models import BlackBody

from skysure.applications.supernovae.simulation import cosmology, dust, hosts, selection, spectra
from skysure.applications.supernovae.simulation.passbands import EDGES, passbands
from skysure.applications.supernovae.simulation.populations import (
    KINDS,
    UNKNOWNS,
    draw_ia,
    spectral_scatter,
    two_sided,
)

UNIVERSE = FlatLambdaCDM(70, 0.3, Tcmb0=0)
REDSHIFTS = np.array([0.01, 0.1, 0.5, 1.1, 2.0])


def test_distances_equal_those_of_astropy() -> None:
    expected = UNIVERSE.distmod(REDSHIFTS).value
    np.testing.assert_allclose(cosmology.distance_modulus(REDSHIFTS), expected, atol=2e-4)


def test_volume_element_equals_that_of_astropy() -> None:
    expected = (UNIVERSE.differential_comoving_volume(REDSHIFTS) * 4 * np.pi * u.sr).to_value(u.Mpc**3)
    np.testing.assert_allclose(cosmology.volume_element(REDSHIFTS), expected, rtol=1e-4)


@pytest.mark.parametrize(("rate", "slope", "expected"), [(2.6e-5, 1.5, 1402.0), (6.8e-5, 3.6, 12_320.0)])
def test_events_of_a_season_are_those_of_the_challenge(rate: float, slope: float, expected: float) -> None:
    # SPCC: 0.00456 sr, z 0.02..1.1, a season of 0.6027 (Ia) or 0.5890 (others) years, from its README files.
    years = 0.6027 if slope == 1.5 else 0.5890
    # its clock runs slower by the mean redshift, ours by each object's: they differ by a few in a hundred
    counted = cosmology.events(rate, slope, 0.02, 1.1) * 0.00456 / (4 * np.pi) * years
    assert counted == pytest.approx(expected, rel=0.06)


def test_drawn_redshifts_follow_rate_and_volume() -> None:
    redshifts = cosmology.draw_redshift(np.random.default_rng(0).random(40_000), 3.6, 0.02, 1.1)
    below = cosmology.events(1.0, 3.6, 0.02, 0.7) / cosmology.events(1.0, 3.6, 0.02, 1.1)
    assert (redshifts < 0.7).mean() == pytest.approx(below, abs=4 * np.sqrt(below * (1 - below) / 40_000))


def test_dust_agrees_with_the_published_table() -> None:
    # Fitzpatrick (1999, PASP 111, 63), Table 3: A(λ)/E(B−V) for R_V = 3.1
    wavelength = np.array([26_500.0, 12_200.0, 6000.0, 5470.0, 4670.0, 4110.0, 2700.0, 2600.0])[1:]
    published = np.array([0.265, 0.829, 2.688, 3.055, 3.806, 4.315, 6.265, 6.591])[1:]
    np.testing.assert_allclose(dust.extinction(wavelength), published, atol=0.02)


def test_dust_reddens_by_one_magnitude() -> None:
    # E(B−V) = A(B) − A(V) by definition, for bands of some width only roughly at one wavelength each
    for r_v in (2.2, 3.1, 5.0):
        blue, visual = dust.extinction(np.array([4400.0, 5480.0]), r_v)
        assert blue - visual == pytest.approx(1.0, abs=0.08)
        assert visual == pytest.approx(r_v, abs=0.1)


@pytest.mark.parametrize("kelvin", [3000.0, 6000.0, 12_000.0, 30_000.0])
def test_black_body_equals_that_of_astropy(kelvin: float) -> None:
    wavelength = np.array([2000.0, 3500.0, 5500.0, 9000.0])
    flux = BlackBody(temperature=kelvin * u.K)(wavelength * u.AA).value
    reference = BlackBody(temperature=kelvin * u.K)(5500 * u.AA).value
    np.testing.assert_allclose(
        spectra.black_body(wavelength, np.array(kelvin)), -2.5 * np.log10(flux / reference), atol=2e-5
    )


def test_mean_ia_is_as_bright_as_ia_are() -> None:
    # Mean B of normal Ia: −19.3 to −19.5 (Vega); AB is 0.1 brighter there
    blue = spectra.ia_magnitude(np.array([-2.0, 0.0, 2.0]), np.full(3, 4400.0)).min()
    assert blue == pytest.approx(-19.42, abs=0.12)


def test_ia_declines_by_about_one_magnitude_in_fifteen_days_in_blue() -> None:
    # Δm15(B) of a normal Ia is 1.1 (Phillips et al. 1999); of one wavelength it may differ by two tenths
    peak, later = spectra.ia_magnitude(np.array([0.0, 15.0]), np.full(2, 4400.0))
    assert later - peak == pytest.approx(1.1, abs=0.25)


def test_ia_has_a_second_maximum_in_the_near_infrared() -> None:
    days = np.arange(0.0, 60.0)
    dip = spectra.ia_magnitude(days, np.full(60, 7900.0))
    assert dip[8:14].max() > dip[18:30].min() + 0.1


def test_ia_colours_act_as_the_inputs_say() -> None:
    draws = draw_ia(50_000, np.random.default_rng(3))
    # bright goes with broad: stretch rises by 0.085 for each −0.11 mag, hidden under 0.12 mag of scatter
    slope = np.cov(draws["offset"], draws["stretch"])[0, 1] / draws["stretch"].var()
    assert slope == pytest.approx(-0.11 / 0.085, abs=0.05)
    assert dust.extinction(np.array([4400.0]), 2.2)[0] == pytest.approx(3.2, abs=0.1)


def test_two_sided_normal_has_its_two_widths() -> None:
    values = two_sided(100_000, 1.5, 0.9, (-20.0, 20.0), np.random.default_rng(0))
    assert (values < 0).mean() == pytest.approx(1.5 / 2.4, abs=0.006)
    assert np.sqrt((values[values < 0] ** 2).mean()) == pytest.approx(1.5, rel=0.02)
    assert np.sqrt((values[values > 0] ** 2).mean()) == pytest.approx(0.9, rel=0.02)


@pytest.mark.parametrize("kind", [k for k in (*KINDS, *UNKNOWNS) if k.mean], ids=lambda kind: kind.subtype)
def test_cooling_photospheres_are_finite_and_dark_before_the_explosion(kind) -> None:
    rng = np.random.default_rng(1)
    shape = {name: values[:, None] for name, values in kind.draw(300, rng).items()}
    magnitude = spectra.cooling_magnitude(np.array([-5.0, 0.0, 0.1, 20.0, 200.0]), np.full(5, 3000.0), shape)
    assert np.isposinf(magnitude[:, :2]).all()
    assert np.isfinite(magnitude[:, 2:]).all()


def test_kinds_keep_the_ratios_of_their_rates() -> None:
    rates = {name: sum(k.rate for k in KINDS if k.label == name) for name in ("Ia", "II", "Ibc")}
    assert rates["II"] / (rates["II"] + rates["Ibc"]) == pytest.approx(0.71)
    assert rates["II"] + rates["Ibc"] == pytest.approx(6.8e-5)
    assert rates["Ia"] == 2.6e-5


def test_spectral_scatter_is_that_of_the_challenge() -> None:
    np.testing.assert_allclose(spectral_scatter(np.array([2210.0, 3000.0, 5000.0])), [0.70, 0.179, 0.020])


def test_quadrature_is_exact_for_a_quintic_spectrum() -> None:
    bands = passbands("des")
    for (low, high), wavelength in zip(EDGES["des"].values(), bands.wavelength, strict=True):
        x = (wavelength - 7000) / 3000
        exact = np.polynomial.Polynomial([1, -2, 0.5, 3, 1, 2]).integ()
        mean = (exact((high - 7000) / 3000) - exact((low - 7000) / 3000)) * 3000 / (high - low)
        assert np.polynomial.Polynomial([1, -2, 0.5, 3, 1, 2])(x) @ bands.weight == pytest.approx(mean)


def test_selection_by_brightness_is_that_of_the_challenge() -> None:
    # r: 0.30 (1 − x⁵) alone where i is too bright for its own rule
    assert selection.spectrum_chance(16.0, 21.0) == pytest.approx(0.30)
    assert selection.spectrum_chance(18.75, 21.0) == pytest.approx(0.30 * (1 - 0.5**5))
    assert selection.spectrum_chance(22.0, 22.5) == pytest.approx(0.30 * (1 - 0.5**6))
    assert selection.spectrum_chance(22.0, 24.0) == 0.0
    assert selection.detection_chance(3.9) == pytest.approx(0.06)
    assert selection.detection_chance(9.3) == 1.0
    assert selection.detection_chance(3.0) == 0.0


def test_two_bands_with_signal_are_asked_for() -> None:
    owner = np.repeat([0, 1, 2], [5, 5, 2])
    band = np.array([0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 1])
    snr = np.array([6, 6, 0, 0, 0, 9, 9, 9, 4.9, 0, 9, 9.0])
    # the second has one band, the third two points
    assert selection.two_bands(snr, owner, band, 3, 2).tolist() == [True, False, False]


def test_detections_count_nights() -> None:
    owner, time = np.array([0, 0, 0, 1]), np.array([10.6, 10.7, 12.6, 10.7])
    counted = selection.nights_detected(np.full(4, 20.0), owner, time, 2, np.random.default_rng(0))
    assert counted.tolist() == [2, 1]


def test_host_redshifts_are_as_good_as_their_errors_say() -> None:
    rng, true = np.random.default_rng(0), np.full(20_000, 0.6)
    redshift, error = hosts.draw_photoz(true, "good", rng)
    pull = (redshift - true) / error
    assert abs(pull.mean()) < 0.03
    assert pull.std() == pytest.approx(0.95, abs=0.03)  # a normal cut at two sigma, heaped there
    redshift, error = hosts.draw_photoz(true, "realistic", rng)
    assert np.isnan(redshift).mean() == pytest.approx(0.12, abs=0.01)
    assert (np.isnan(redshift) == np.isnan(error)).all()
    wild = np.abs(redshift - true) > 0.3
    assert 0.02 < wild.mean() < 0.06
    assert np.isnan(hosts.draw_photoz(true, "none", rng)[0]).all()
