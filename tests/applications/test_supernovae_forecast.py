"""Forecasts: no later data are used, intervals have nominal coverage, and a run without a forecaster is an error."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy.stats import binom, norm

import skysure
from skysure.applications.supernovae import Query, Schema, Settings, calibrate, evaluate, network, predict
from skysure.applications.supernovae.batches import group_by_night, tensors
from skysure.applications.supernovae.examples import describe, early_forecast, example_of
from skysure.applications.supernovae.forecasts.forecaster import forecast_nll, last_measurement
from skysure.applications.supernovae.forecasts.horizons import Fluxes, Horizons
from skysure.applications.supernovae.forecasts.later import draw_later_points, next_points
from skysure.applications.supernovae.forecasts.prediction import WITHHELD, fluxes_at, last_errors
from skysure.applications.supernovae.forecasts.scores import ForecastScores, mean_over_objects
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.cli import main
from skysure.data.lightcurves import LightCurves
from skysure.data.lightcurves.curves import NANOJANSKY_PER_FLUX
from skysure.data.sources import InMemorySource
from skysure.errors import InputError, SettingsError
from skysure.methods.calibration import crps_of_each
from skysure.methods.calibration.mixtures import combine_samples
from skysure.predictions import Values
from skysure.settings import build

SMALL = Settings(hidden=8, head=8, rate=0.2, forecast=0.5)
SCHEMA = Schema(bands=("g", "r", "i", "z"), classes=("Ia", "II", "Ibc"))


@pytest.fixture(scope="module")
def curves() -> LightCurves:
    return simulate_lightcurves(120, seed=4)


@pytest.fixture(scope="module")
def model(curves: LightCurves):
    """An untrained network, calibrated: what holds of it holds of any."""
    made = network(SMALL, SCHEMA).eval()
    calibrate(made, InMemorySource(SCHEMA, [curves]))
    return made


def test_a_row_an_object_day_and_band_in_nanojansky(model, curves) -> None:
    found = predict(model, curves[:10], Query(forecast="5d", samples=3))
    assert isinstance(found, Values)
    assert len(found) == 10 * 5 * 4
    assert found.rows["id"][::20].tolist() == curves.ids[:10].tolist()
    assert found.rows["band"][:4].tolist() == ["g", "r", "i", "z"]
    assert found.rows["days_ahead"][:20:4].tolist() == [1, 2, 3, 4, 5]
    table = found.to_table()
    assert table["flux"].unit == "nJy"
    assert {"flux_error", "flux_aleatoric", "flux_epistemic", "flux_low", "flux_high"} <= set(table.colnames)
    assert np.allclose(table["flux_error"] ** 2, table["flux_aleatoric"] ** 2 + table["flux_epistemic"] ** 2)
    assert (table["flux_low"] < table["flux_high"]).all()
    assert (found.epistemic > 0).all()


def test_the_grid_is_the_same_as_given_times_and_bands(model, curves) -> None:
    some = curves[:6]
    found = predict(model, some, Query(forecast="4d", samples=3))
    owner, band = np.repeat(np.arange(6), 16), np.tile(np.arange(4), 24)
    fluxes = fluxes_at(model, some, owner, found.rows["mjd"], band, Query(samples=3))
    assert fluxes.centre.numpy() * NANOJANSKY_PER_FLUX == pytest.approx(found.mean[:, 0], rel=1e-4)
    predictive = fluxes.variance.numpy() * NANOJANSKY_PER_FLUX**2
    assert predictive == pytest.approx(found.predictive[:, 0, 0], rel=1e-4)


@pytest.mark.parametrize("options", [{}, {"dropout": "tied"}, {"dropout": "none", "cell": "lstm"}, {"members": 2}])
def test_later_points_change_nothing(curves, options) -> None:
    model = network(Settings(**{"hidden": 8, "head": 8, "forecast": 0.5} | options), SCHEMA).eval()
    some = curves[:30]
    since = some.time - group_by_night(some, SCHEMA.bands, SMALL).trigger[some.owner]
    changed = LightCurves(
        some.objects, some.offsets, some.time, some.band,
        np.where(since > 15, 3 * some.flux + 50, some.flux), some.flux_error, some.bands,
    )  # fmt: skip
    asked = Query(forecast="3d", at_epoch="15", samples=3)
    found = [predict(model, c, asked) for c in (some, changed, some.select_points(since <= 15))]
    for other in found[1:]:
        assert np.array_equal(found[0].mean, other.mean, equal_nan=True)
        assert np.array_equal(found[0].low, other.low, equal_nan=True)
    assert np.isfinite(found[0].mean).mean() > 0.8
    assert not np.array_equal(found[0].mean, predict(model, changed, Query(forecast="3d", samples=3)).mean)


def test_of_an_object_hardly_seen_nothing_is_said(model, curves) -> None:
    lone = curves[:2].select_points(np.arange(curves[:2].offsets[-1]) < 1)
    found = predict(model, lone, Query(forecast="2d", samples=2))
    assert np.isnan(found.mean).all()
    assert len(found) == 2 * 2 * 4
    assert fluxes_at(model, lone, np.array([0]), np.array([56000.0]), np.array([1]), Query()).centre.isnan().all()


def test_forecasts_are_flagged_as_classes_are(model, curves) -> None:
    lone = curves[:1].select_points(np.arange(curves[:1].offsets[-1]) < 1)
    for some in (lone, curves[1:3], replace(curves[1:3], bands=("u", "r", "i", "z"))):
        found, classes = predict(model, some, Query(forecast="2d", samples=2)), predict(model, some, Query(samples=2))
        assert found.quality_flags.tolist() == np.repeat(classes.quality_flags, 8).tolist()
        assert found.to_table()["quality_flags"].tolist() == found.quality_flags.tolist()
    assert "band u" in found.quality_flags[0]


def test_of_no_objects_nothing_is_forecast(model, curves) -> None:
    assert len(predict(model, curves[:0], Query(forecast="2d", samples=2))) == 0


def test_points_without_a_number_are_no_truth_of_forecasts(curves) -> None:
    holes = replace(curves, flux=np.where(np.arange(len(curves.flux)) % 5, curves.flux, np.nan))
    found = next_points(holes, SCHEMA.bands, SMALL, 3, np.random.default_rng(0))
    assert len(found.owner)
    assert np.isfinite(found.flux).all()


def test_evaluation_asked_for_a_forecast_shows_classes_all_the_same(model, curves) -> None:
    found = evaluate(model, InMemorySource(SCHEMA, [curves[:12]]), Query(forecast="2d", samples=2))
    assert found.metrics["examples"]


@pytest.mark.parametrize("wrong", ["0d", "61d", "1.5d", "nan", "soon", "-3", "d"])
def test_days_that_cannot_be_forecast(wrong: str) -> None:
    with pytest.raises(SettingsError, match="forecast"):
        Query(forecast=wrong)


@pytest.mark.parametrize("value", [30, 30.0, "30", "30d", np.int64(30)])
def test_days_are_numbers_or_texts(value) -> None:
    assert Query(forecast=value) == build(Query, {"forecast": value}) == Query(forecast="30d")
    assert Query(forecast=value).days == 30


@pytest.mark.parametrize("value", [10, 10.0, "10", "1e1", np.float32(10)])
def test_an_epoch_is_a_number_or_a_text(value) -> None:
    assert Query(at_epoch=value) == build(Query, {"at_epoch": value})
    assert Query(at_epoch=value).until == 10


@pytest.mark.parametrize("wrong", [True, -1, "soon", float("nan"), [10]])
def test_epochs_that_make_no_sense(wrong) -> None:
    with pytest.raises(SettingsError, match="at_epoch"):
        Query(at_epoch=wrong)


def test_whole_light_curves_are_the_default() -> None:
    assert Query() == Query(at_epoch="", forecast="") == Query(at_epoch=None, forecast=None)
    assert Query().until == np.inf
    assert Query(at_epoch="all").until == np.inf


def test_kilonovae_out_of_distribution_have_no_errors() -> None:
    """Their fluxes were forecast below zero, with narrow intervals."""
    model = skysure.load("supernovae-griz").model.eval()
    curves = simulate_lightcurves(6000, seed=3, unknowns=True)
    kilonovae = curves[np.flatnonzero(curves.objects["label"] == "KN")]
    found, classes = (predict(model, kilonovae, Query(samples=3, forecast=f)) for f in (5, None))
    assert isinstance(found, Values)
    is_ood = found.is_ood.reshape(len(kilonovae), -1)
    assert (is_ood == classes.is_ood[:, None]).all()
    assert np.array_equal(found.ood_percentile[::20], classes.ood_percentile, equal_nan=True)
    assert is_ood.mean() > 0.4
    for values in (found.low, found.high, found.measured_low, found.measured_high, found.predictive[..., 0]):
        assert np.isnan(values[found.is_ood]).all()
        assert np.isfinite(values[~found.is_ood & np.isfinite(found.mean[:, 0])]).all()
    assert (np.char.find(found.quality_flags, WITHHELD) >= 0).tolist() == found.is_ood.tolist()
    assert np.isfinite(found.mean[found.is_ood]).all()


def test_the_errors_of_the_last_measurements_of_each_band() -> None:
    measured, error = np.ones((1, 9, 3), np.float32), np.arange(1.0, 28.0, dtype=np.float32).reshape(1, 9, 3)
    measured[0, 7:, 1] = 0
    measured[0, :, 2] = 0  # not seen in this band
    found = last_errors({"measured": torch.from_numpy(measured), "flux_error": torch.from_numpy(error)})[0]
    of_each = [error[0, 1:, 0], error[0, :7, 1]]
    for values, wanted in zip(found, [*of_each, [np.median(np.concatenate(of_each))]], strict=True):
        assert np.sort(values[np.isfinite(values)]).tolist() == np.sort(wanted).tolist()


def test_measurements_of_several_errors_are_a_mixture_of_those_of_each() -> None:
    fluxes = Fluxes(
        np.ones(2), torch.tensor([[0.3, 1.0], [0.7, 0.0]]).double(), torch.tensor([[0.0, 5.0], [4.0, 1.0]]).double(),
        torch.ones(2, 2).double(), torch.zeros(2).double(),
    )  # fmt: skip
    found = fluxes.measured_with(np.array([[1.0, 3.0, np.nan], [2.0, np.nan, np.nan]]))
    each = [fluxes.measured(np.full(2, e)).variance[k] for k, e in ((0, 1.0), (0, 3.0), (1, 2.0))]
    assert torch.allclose(found.centre, fluxes.centre)
    assert found.variance.tolist() == pytest.approx([float(each[0] + each[1]) / 2, float(each[2])])


@pytest.mark.parametrize("coverage", [0.683, 0.9])
def test_intervals_of_what_will_be_measured_hold_it_as_often_as_they_say(coverage: float) -> None:
    """One later point an object, with the error that is expected from its last ones."""
    model = skysure.load("supernovae-griz").model.eval()
    curves = simulate_lightcurves(1500, seed=77, photoz="realistic")
    later = next_points(curves, model.bands, model.settings, 1, np.random.default_rng(2))
    owner = np.arange(len(later.past))
    assert np.array_equal(later.owner, owner)
    query = Query(samples=10)
    fluxes = fluxes_at(model, later.past, owner, later.time, later.band, query)
    errors = last_errors(tensors(group_by_night(later.past, model.bands, model.settings)))[owner, later.band]
    low, high = model.horizons.interval(fluxes.measured_with(errors), coverage)
    hits, n = int(((low <= later.flux) & (later.flux <= high)).sum()), len(owner)
    few, many = binom.ppf([1e-3, 1 - 1e-3], n, coverage)
    assert few - 0.02 * n <= hits <= many + 0.02 * n  # calibrated on 3,000 other objects
    low, high = model.horizons.interval(fluxes, coverage)
    assert ((low <= later.flux) & (later.flux <= high)).sum() < hits  # those of the source are narrower


def test_questions_and_settings_that_contradict() -> None:
    assert Query(forecast="30").days == Query(forecast="30d").days == 30
    with pytest.raises(SettingsError, match="at_epoch"):
        Query(forecast="30d", at_epoch="all")
    with pytest.raises(SettingsError, match="network"):
        Settings(forecast=1.0, network="charnock-moss")


def test_a_model_without_a_forecaster_says_so(curves) -> None:
    model = network(Settings(hidden=8, head=8), SCHEMA)
    with pytest.raises(InputError, match="--forecast"):
        predict(model, curves[:3], Query(forecast="10d"))


def test_the_classifier_begins_the_same_with_and_without(curves) -> None:
    plain, both = (network(Settings(hidden=8, head=8, forecast=f), SCHEMA).state_dict() for f in (0.0, 1.0))
    assert set(plain) < set(both)
    assert all(torch.equal(both[name], values) for name, values in plain.items())


def test_likelihood_is_that_of_a_mixture_with_the_error_of_the_point() -> None:
    weight, mean, std = np.array([0.2, 0.5, 0.3]), np.array([1.0, 4.0, 9.0]), np.array([0.5, 1.0, 2.0])
    found = torch.tensor(np.stack([np.log(weight), mean, 2 * np.log(std)]))[None, None, None].expand(1, 1, 2, 3, 3)
    batch = {"ahead": torch.tensor([[[3.0, 8.0]]]).double(), "ahead_error": torch.tensor([[[0.7, 0.0]]]).double()}
    truth = -np.log((weight * norm.pdf(3.0, mean, np.hypot(std, 0.7))).sum())
    assert forecast_nll(found, batch).numpy() == pytest.approx([truth])  # the second was not measured


def test_samples_are_gathered_without_loss_of_mean_or_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(40, 5, 3, 3, generator=generator)
    samples[..., 0, :] = samples[..., 0, :].log_softmax(-1)
    found = combine_samples(np.arange(5.0), [samples[:20], samples[20:]])
    weight, mean, variance = samples[..., 0, :].exp(), samples[..., 1, :], samples[..., 2, :].exp()
    centre = (weight * mean).sum(-1).mean(0)
    total = (weight * (variance + (mean - centre[:, None]) ** 2)).sum(-1).mean(0)
    assert torch.allclose(found.centre.float(), centre, atol=1e-5)
    assert torch.allclose(found.variance.float(), total, rtol=1e-5)
    assert torch.allclose(found.epistemic.float(), (weight * mean).sum(-1).var(0), rtol=1e-5)
    assert len(found.share) == 6


@pytest.mark.parametrize(("factor", "seed"), [(0.3, 0), (1.0, 1), (4.0, 2)])
def test_calibration_mends_widths_and_intervals(factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    days, error = rng.uniform(0.5, 60, 4000), rng.uniform(0.5, 2.0, 4000)
    std = rng.uniform(0.5, 3.0, 4000)
    flux = rng.normal(0, np.hypot(factor * std, error))  # what is predicted is wrong by the factor
    one = torch.ones(1, 4000, dtype=torch.float64)
    fluxes = Fluxes(days, one, 0 * one, torch.from_numpy(std)[None], 0.1 * one[0])
    first, second = np.arange(4000) < 2000, np.arange(4000) >= 2000
    fitted = Horizons().fit(fluxes[first.nonzero()[0]], flux[first], error[first])
    new = fitted(fluxes[second.nonzero()[0]])
    low, high = fitted.interval(new.measured(error[second]), 0.683)
    held = ((low <= flux[second]) & (flux[second] <= high)).mean()
    assert held == pytest.approx(0.683, abs=0.06)
    assert np.median(new.std[0].numpy() / std[second]) == pytest.approx(factor, rel=0.35, abs=0.15)
    assert torch.allclose(new.epistemic, 0.1 * (new.std[0] / torch.from_numpy(std[second])) ** 2)


def test_the_last_measurement_of_each_band_is_carried_forwards(curves) -> None:
    batch = tensors(group_by_night(curves[:5], SCHEMA.bands, SMALL))
    found = last_measurement(batch)
    for k in range(5):
        for night in range(int(batch["nights"][k])):
            seen = np.flatnonzero(batch["measured"][k, : night + 1, 2])
            assert bool(found.exists[k, night, 2]) == bool(len(seen))
            if len(seen):
                assert found.flux[k, night, 2] == batch["flux"][k, seen[-1], 2]
                assert found.age[k, night, 2] == batch["time"][k, night] - batch["time"][k, seen[-1]]


def test_what_comes_later_is_what_was_measured_then(curves) -> None:
    held = group_by_night(curves[:20], SCHEMA.bands, SMALL)
    drawn = draw_later_points(held, 3, np.random.default_rng(0))
    assert drawn["days"].shape == drawn["ahead_error"].shape == (20, 3, 4)
    for k, cut, query in np.argwhere(drawn["ahead_error"] > 0):
        start = held.offsets[k] + drawn["cut"][k, cut]
        assert held.time[start] > -0.5
        days, band = drawn["days"][k, cut, query], drawn["band"][k, cut, query]
        assert 0 < days <= 60
        night = np.flatnonzero(np.abs(held.time[: held.offsets[k + 1]] - held.time[start] - days) < 1e-4)
        assert drawn["ahead"][k, cut, query] in held.flux[night, band]
        if query == 0:
            assert held.offsets[k] + drawn["cut"][k, cut] + 1 in night
    assert (drawn["ahead_error"][..., 0] > 0).any(1).mean() > 0.9


def test_the_next_points_come_right_after_what_is_known(curves) -> None:
    found = next_points(curves, SCHEMA.bands, SMALL, 3, np.random.default_rng(1))
    whole = {name: curves[np.array([k])] for k, name in enumerate(curves.ids)}
    assert len(found.past) > 100
    for k, name in enumerate(found.past.ids):
        seen, all_points = int(found.past.counts[k]), whole[name]
        rows = slice(3 * k, 3 * k + 3)
        assert np.array_equal(found.time[rows], all_points.time[seen : seen + 3])
        assert np.array_equal(found.flux[rows], all_points.flux[seen : seen + 3])
    assert group_by_night(found.past, SCHEMA.bands, SMALL).classifiable.all()


@pytest.mark.parametrize("until", [0.0, 9.7, 20.0])
def test_at_an_epoch_the_next_points_are_those_after_it(curves, until: float) -> None:
    found = next_points(curves, SCHEMA.bands, SMALL, 3, np.random.default_rng(1), until)
    given = group_by_night(curves, SCHEMA.bands, SMALL, until)
    again = group_by_night(found.past, SCHEMA.bands, SMALL)
    rows = {name: k for k, name in enumerate(found.past.ids)}
    for k, name in enumerate(curves.ids):
        one = curves[k : k + 1]
        seen, next_time = one.time - given.trigger[k] <= until, one.time[one.time - given.trigger[k] > until][:3]
        last = given.trigger[k] + given.time[given.owner == k].max(initial=-np.inf)
        fit = given.classifiable[k] and last > given.trigger[k] - 0.5 and len(next_time) == 3
        assert (name in rows) == bool(fit and next_time[2] - last <= 60)
        if name in rows:
            mine = rows[name]
            assert np.array_equal(found.time[3 * mine : 3 * mine + 3], next_time)
            assert np.array_equal(found.flux[3 * mine : 3 * mine + 3], one.flux[~seen][:3])
            assert np.array_equal(again.flux[again.owner == mine], given.flux[given.owner == k])
    assert len(rows) > (60 if until else 5)


def test_at_an_epoch_forecasts_are_scored_from_what_is_seen_until_then(model, curves) -> None:
    asked, some = Query(samples=3, at_epoch="12"), curves[:40]
    outlook = ForecastScores(model, asked)
    outlook.consider(some)
    later = next_points(some, SCHEMA.bands, SMALL, 3, np.random.default_rng(0), 12)
    seen = some.select_points(some.time - group_by_night(some, SCHEMA.bands, SMALL).trigger[some.owner] <= 12)
    owner = np.flatnonzero(np.isin(some.ids, later.past.ids))[later.owner]
    found = fluxes_at(model, seen, owner, later.time, later.band, asked).measured(later.flux_error)
    error = crps_of_each(found.mean.numpy(), found.std.numpy(), later.flux, share=found.share.numpy())
    scores = {s.name: s for s in outlook.scores()}
    assert scores["forecast_crps"].value == pytest.approx((error / later.flux_error).mean(), rel=1e-4)
    assert scores["forecast_crps"].label == "Forecasts of the next 3 points after day 12: CRPS"
    one = curves[np.array([int(np.argmax(curves.counts))])]
    shown = [early_forecast_of(one, model, Query(samples=3, at_epoch=e))["from"] for e in ("", "12", "30")]
    assert shown[0] <= 10 < shown[2] <= 30
    assert shown[0] <= shown[1] <= 12


def test_scores_of_forecasts(model, curves) -> None:
    outlook = ForecastScores(model, Query(samples=3))
    outlook.consider(curves[:60])
    outlook.consider(curves[60:])
    scores = {s.name: s for s in outlook.scores()}
    crps = scores["forecast_crps"]
    assert crps.low < crps.value < crps.high
    assert scores["forecast_coverage"].value == pytest.approx(68.3, abs=12)  # calibrated on the same objects
    assert sum(row["n"] for row in outlook.by_days()) == 3 * len(
        next_points(curves, SCHEMA.bands, SMALL, 3, np.random.default_rng(0)).past
    )
    each = outlook.by_days()
    for name, factor in (("crps", 1), ("coverage", 100)):  # bins are parts of the whole
        whole = np.average([row[name] for row in each], weights=[row["n"] for row in each])
        assert factor * whole == pytest.approx(scores[f"forecast_{name}"].value)
        assert all(row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] for row in each)
    without = ForecastScores(network(Settings(hidden=8, head=8), SCHEMA), Query())
    without.consider(curves)
    assert (without.scores(), without.curves()) == ([], [])
    assert [(curve.name, curve.data) for curve in outlook.curves()] == [("forecast", outlook.by_days())]


def test_errors_of_forecasts_scatter_as_objects_do() -> None:
    rng = np.random.default_rng(5)
    crps = np.repeat(rng.exponential(size=2000), 3)  # the points of an object are off together
    found, few = mean_over_objects(crps), mean_over_objects(crps, np.arange(6000) % 3 == 0)
    error = crps.std() / 2000**0.5
    assert [found.value, few.value] == pytest.approx([crps.mean()] * 2)
    assert (found.high - found.low) / 2 == pytest.approx(error, rel=0.15)  # 400 resamples
    assert (few.high - few.low) / 2 == pytest.approx(error, rel=0.15)
    outlook = ForecastScores(network(Settings(hidden=8, head=8), SCHEMA), Query())
    held = np.repeat(rng.random(2000) < 0.68, 3)
    outlook.rows = [np.stack([np.ones(6000), crps, held])]
    (row,), score = outlook.by_days(), outlook.scores()[1]
    error = held.std() / 2000**0.5  # not that of 6000 hits and misses
    assert (row["coverage_high"] - row["coverage_low"]) / 2 == pytest.approx(error, rel=0.15)
    assert (score.high - score.low) / 2 == pytest.approx(100 * error, rel=0.15)


def early_forecast_of(one, model, query: Query) -> dict:
    """Give the early forecast of an example."""
    found = describe("example", one, model, query, early_forecast(query)).data["forecast"]
    assert found is not None
    return found


def test_an_example_shows_what_was_forecast_ten_days_after_the_trigger(model, curves) -> None:
    one = curves[np.array([int(np.argmax(curves.counts))])]
    found = early_forecast_of(one, model, Query(samples=3))
    assert len(found["flux"]) == len(found["low"]) == 4
    assert len(found["flux"][0]) == len(found["time"]) == 30
    assert found["from"] <= 10
    low, high = np.array(found["low"]), np.array(found["high"])
    assert (low < high).all()
    without = network(Settings(hidden=8, head=8), SCHEMA).eval()
    calibrate(without, InMemorySource(SCHEMA, [curves]))
    assert example_of("example", one, without, Query(samples=3)).data["forecast"] is None


def test_a_run_forecasts_on_the_command_line(tmp_path: Path, without_figures, supernova_run, capsys) -> None:
    few = {"objects": 300, "epochs": 1, "validation": 50, "calibration": 50, "test": 100, "device": "cpu"}
    skysure.train("supernovae", out=tmp_path / "with", forecast=0.3, hidden=8, head=8, **few)
    simulated = tmp_path / "night.parquet"
    skysure.simulate("supernovae", simulated, 8, seed=9)
    out = tmp_path / "forecast.parquet"
    asked = [str(simulated), "--forecast", "3d", "--at-epoch", "20", "--out", str(out)]
    assert main(["predict", str(tmp_path / "with"), *asked]) == 0
    table = pq.read_table(out)
    assert len(table) == 8 * 3 * 4
    assert {"id", "mjd", "days_ahead", "band", "flux", "flux_error", "flux_low", "flux_high"} <= set(table.column_names)
    assert main(["predict", str(supernova_run), *asked, "--force"]) == 1
    assert "without a forecaster" in capsys.readouterr().err
    page = tmp_path / "forecast.html"
    assert main(["predict", str(tmp_path / "with"), *asked[:-1], str(page)]) == 0
    assert "8 objects in" in capsys.readouterr().err
    metrics = json.loads((tmp_path / "with" / "metrics.json").read_text())
    assert {"forecast_crps", "forecast_coverage"} <= {s["name"] for s in metrics["scores"]}
    assert any(example["forecast"] for example in metrics["examples"])
