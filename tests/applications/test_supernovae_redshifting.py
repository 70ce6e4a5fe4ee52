"""Light curves moved to higher redshifts, against a supernova whose flux is known at all times and wavelengths."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from skysure.applications.supernovae.calibration import calibrate
from skysure.applications.supernovae.networks import network
from skysure.applications.supernovae.redshifting import (
    Surface,
    add_redshifted_copies,
    redshift_curve,
    sky_error,
    wavelengths,
)
from skysure.applications.supernovae.settings import Schema, Settings
from skysure.applications.supernovae.simulation.selection import is_detected
from skysure.applications.supernovae.simulation.surveys import SURVEYS, Survey
from skysure.applications.supernovae.simulator import observe
from skysure.applications.supernovae.training import read_labelled
from skysure.data.lightcurves import LightCurves
from skysure.data.sources import InMemorySource, SplitSource
from skysure.data.split import Split
from skysure.errors import InputError

DES = SURVEYS["des"]
PEAK = 56_040.0


def surface(time, wavelength):
    """A Gaussian in time that reddens with it."""
    return 400 * np.exp(-0.5 * ((time - PEAK) / 20) ** 2) * (wavelength / 7000) ** (1 + (time - PEAK) / 60)


def observed(redshift: float, seed: int = 0, n: int = 1) -> LightCurves:
    rng = np.random.default_rng(seed)
    time = np.repeat(np.arange(56_000.0, 56_100.0, 4), 4)
    band = np.tile(np.arange(4, dtype=np.int16), 25)
    flux, error = observe(np.tile(surface(time, wavelengths(DES)[band]), n), np.full(100 * n, 3.0), DES, rng)
    objects = {
        "id": np.array([f"sn{k}" for k in range(n)]), "label": np.full(n, "Ia"), "group": np.full(n, ""),
        "redshift": np.full(n, redshift), "redshift_error": np.full(n, 0.01),
    }  # fmt: skip
    offsets = 100 * np.arange(n + 1)
    return LightCurves(objects, offsets, np.tile(time, n), np.tile(band, n), flux, error, tuple("griz"))


def copies(curves: LightCurves) -> LightCurves:
    return curves[np.char.find(curves.ids, "+") > 0]


def originals(curves: LightCurves) -> LightCurves:
    return curves[np.char.find(curves.ids, "+") < 0]


@pytest.mark.parametrize("stretch", [1.0, 1.2, 1.4])
def test_a_moved_light_curve_is_the_supernova_from_farther_away(stretch):
    z = 0.25
    curve = observed(z)
    fitted, sky = Surface.fit(curve, DES), sky_error(curve, DES)
    moved = redshift_curve(curve, fitted, sky, stretch, DES, np.random.default_rng(1))
    there = stretch * (1 + z) - 1
    assert moved.objects["redshift"] == pytest.approx(there)
    assert moved.objects["redshift_error"] == pytest.approx(0.01 * stretch)
    assert np.allclose(np.diff(moved.time), stretch * np.diff(curve.time))
    distance = FlatLambdaCDM(H0=70, Om0=0.3).luminosity_distance
    dimmed = stretch * float((distance(z) / distance(there)) ** 2)
    expected = dimmed * surface(curve.time, wavelengths(DES)[curve.band] / stretch)
    inside = wavelengths(DES)[curve.band] / stretch > wavelengths(DES)[0]
    off = ((moved.flux - expected) / moved.flux_error)[inside]
    assert abs(off.mean()) < 0.3
    assert 0.8 < off.std() < 1.3


def test_errors_are_those_of_the_sky_and_of_less_light():
    curve = observed(0.25)
    assert np.median(sky_error(curve, DES)) == pytest.approx(3.0, rel=0.1)
    moved = redshift_curve(curve, Surface.fit(curve, DES), sky_error(curve, DES), 1.4, DES, np.random.default_rng(1))
    assert moved.flux_error.max() < curve.flux_error.max()
    assert np.median(moved.flux_error) == pytest.approx(3.0, rel=0.15)


def test_copies_share_the_group_of_their_original_and_can_be_found():
    curves = observed(0.25, n=3)
    curves.objects["redshift"][2] = np.nan
    extended = add_redshifted_copies(curves, 2, seed=5)
    assert extended.ids.tolist() == ["sn0", "sn0+0", "sn0+1", "sn1", "sn1+0", "sn1+1", "sn2"]
    assert extended.groups.tolist() == ["sn0"] * 3 + ["sn1"] * 3 + ["sn2"]
    assert np.array_equal(originals(extended).flux, curves.flux)
    assert (copies(extended).column("redshift") > 0.25).all()
    assert (copies(extended).column("redshift") <= 1.5 * 1.25 - 1).all()
    assert np.array_equal(extended.flux, add_redshifted_copies(curves, 2, seed=5).flux)
    assert not np.array_equal(extended.flux, add_redshifted_copies(curves, 2, seed=6).flux)


def test_what_the_survey_would_not_find_from_there_is_left_out():
    faint = observed(0.25)
    faint = LightCurves(**vars(faint) | {"flux": faint.flux / 50})
    assert len(add_redshifted_copies(faint, 3)) == 1


@pytest.mark.parametrize(("flux", "error"), [(np.nan, 1.0), (np.inf, 1.0), (9.0, 0.0), (9.0, -1.0), (9.0, np.nan)])
def test_points_that_say_nothing_are_not_moved(flux, error):
    curves = observed(0.25, n=2)
    without = add_redshifted_copies(curves.select_points(np.arange(200) != 7), 2, seed=5)
    curves.flux[7], curves.flux_error[7] = flux, error
    extended = add_redshifted_copies(curves, 2, seed=5)
    assert np.array_equal(originals(extended).flux, curves.flux, equal_nan=True)
    assert extended.ids.tolist() == without.ids.tolist()
    assert np.array_equal(copies(extended).flux, copies(without).flux)


def test_nothing_is_moved_to_where_distances_are_not_known():
    curves = observed(0.25, n=3)
    curves.objects["redshift"][:] = [0.25, 3.9, 4.5]
    extended = add_redshifted_copies(curves, 4, seed=5)
    assert "sn2+0" not in extended.ids
    assert "sn1+0" in extended.ids
    assert copies(extended).column("redshift").max() <= 4 + 1e-9


def test_bands_of_another_survey_are_a_fault():
    with pytest.raises(InputError, match="wavelength of u is not known"):
        add_redshifted_copies(LightCurves(**vars(observed(0.25)) | {"bands": ("u", "r", "i", "z")}), 1)


def test_training_and_its_calibration_take_copies_and_a_later_calibration_does_not():
    curves = observed(0.25, n=12)
    curves.objects["label"] = np.array(["Ia", "II", "Ibc"] * 4)
    schema = Schema(bands=tuple("griz"), classes=("Ia", "II", "Ibc"))
    model = network(Settings(hidden=8, head=8, redshifting=2), schema)
    nights, truth = read_labelled(InMemorySource(schema, [curves]), "train", model, 2)
    assert len(nights) == len(truth) == 36
    assert truth.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] * 4
    later = Split(curves.ids, curves.groups, np.full(12, "calibration"))
    for parts, calibrated_on in (
        (InMemorySource(schema, [curves]), 36),
        (SplitSource(InMemorySource(schema, [curves]), later), 12),
    ):
        calibrate(model, parts)
        assert max(int(stage.sets.counts.max()) for stage in model.stages) == calibrated_on


def test_how_a_source_is_cut_into_chunks_does_not_matter():
    curves = observed(0.25, n=6)
    curves.objects["label"] = np.array(["Ia", "", "II", "Ibc", "Ia", "II"])
    schema = Schema(bands=tuple("griz"), classes=("Ia", "II", "Ibc"))
    model = network(Settings(hidden=8, head=8), schema)
    whole, truth = read_labelled(InMemorySource(schema, [curves]), "train", model, 2)
    for cuts in ([0, 3, 6], [0, 1, 2, 5, 6]):
        chunks = [curves[start:stop] for start, stop in pairwise(cuts)]
        nights, labels = read_labelled(InMemorySource(schema, chunks), "train", model, 2)
        assert labels.tolist() == truth.tolist()
        for name in ("offsets", "time", "flux", "flux_error", "redshift"):
            assert np.array_equal(getattr(nights, name), getattr(whole, name))
    assert len(np.unique(whole.redshift)) == 11  # five objects at one redshift, and two copies of each


def test_a_copy_is_detected_on_as_many_nights_as_the_survey_asks():
    """For LSST on two: what is seen in two bands of one night is not found there, and is found in DES."""
    one_night = observed(0.25)
    flux = np.where(np.abs(one_night.time - PEAK) < 1, one_night.flux, 0.0)
    one_night = LightCurves(**vars(one_night) | {"flux": flux})
    one_night.objects["id"] = np.array(["flash"])
    rng, lsst = np.random.default_rng(0), SURVEYS["lsst"]

    def detections(curve: LightCurves, survey: Survey) -> list[bool]:
        return is_detected(survey, curve.flux / curve.flux_error, curve.owner, curve.time, curve.band, 1, rng).tolist()

    assert detections(one_night, DES) == [True]
    assert detections(one_night, lsst) == [False]
    assert detections(observed(0.25), lsst) == [True]
    copies_of = {s: copies(add_redshifted_copies(flashes(), 2, survey=s, farthest=1.05)) for s in ("des", "lsst")}
    assert len(copies_of["des"]) > 0
    assert len(copies_of["lsst"]) == 0


def flashes() -> LightCurves:
    """Supernovae all of whose points fall into one night."""
    curves = observed(0.25, n=4)
    return LightCurves(**vars(curves) | {"time": PEAK + 0.01 * (curves.time - PEAK) / 50})


def test_only_objects_of_a_class_are_copied():
    curves = observed(0.25, n=6)
    curves.objects["label"] = np.array(["", "Ia", "SLSN", "II", "", "Ibc"])
    schema = Schema(bands=tuple("griz"), classes=("Ia", "II", "Ibc"))
    model = network(Settings(hidden=8, head=8, redshifting=2), schema)
    lone_copies, among_them = (
        read_labelled(InMemorySource(schema, [c]), "train", model, 2)[0] for c in (curves, curves[[1, 3, 5]])
    )
    assert np.array_equal(lone_copies.flux, among_them.flux)
