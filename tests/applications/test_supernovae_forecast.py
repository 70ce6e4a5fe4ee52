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
    classifier = network(SMALL, SCHEMA).eval()
    calibrate(classifier, InMemorySource(SCHEMA, [curves]))
    return classifier


def test_a_row_an_object_day_and_band_in_nanojansky(model, curves) -> None:
    forecast = predict(model, curves[:10], Query(forecast="5d", samples=3))
    assert isinstance(forecast, Values)
    assert len(forecast) == 10 * 5 * 4
    assert forecast.rows["id"][::20].tolist() == curves.ids[:10].tolist()
    assert forecast.rows["band"][:4].tolist() == ["g", "r", "i", "z"]
    assert forecast.rows["days_ahead"][:20:4].tolist() == [1, 2, 3, 4, 5]
    table = forecast.to_table()
    assert table["flux"].unit == "nJy"
    assert {"flux_error", "flux_aleatoric", "flux_epistemic", "flux_low", "flux_high"} <= set(table.colnames)
    assert np.allclose(table["flux_error"] ** 2, table["flux_aleatoric"] ** 2 + table["flux_epistemic"] ** 2)
    assert (table["flux_low"] < table["flux_high"]).all()
    assert (forecast.epistemic > 0).all()


def test_the_grid_is_the_same_as_given_times_and_bands(model, curves) -> None:
    subset = curves[:6]
    forecast = predict(model, subset, Query(forecast="4d", samples=3))
    owner, band = np.repeat(np.arange(6), 16), np.tile(np.arange(4), 24)
    fluxes = fluxes_at(model, subset, owner, forecast.rows["mjd"], band, Query(samples=3))
    assert fluxes.centre.numpy() * NANOJANSKY_PER_FLUX == pytest.approx(forecast.mean[:, 0], rel=1e-4)
    predictive = fluxes.variance.numpy() * NANOJANSKY_PER_FLUX**2
    assert predictive == pytest.approx(forecast.predictive[:, 0, 0], rel=1e-4)


@pytest.mark.parametrize("options", [{}, {"dropout": "tied"}, {"dropout": "none", "cell": "lstm"}, {"members": 2}])
def test_later_points_change_nothing(curves, options) -> None:
    model = network(Settings(**{"hidden": 8, "head": 8, "forecast": 0.5} | options), SCHEMA).eval()
    subset = curves[:30]
    since = subset.time - group_by_night(subset, SCHEMA.bands, SMALL).trigger[subset.owner]
    changed = LightCurves(
        subset.objects, subset.offsets, subset.time, subset.band,
        np.where(since > 15, 3 * subset.flux + 50, subset.flux), subset.flux_error, subset.bands,
    )  # fmt: skip
    query = Query(forecast="3d", at_epoch="15", samples=3)
    forecasts = [predict(model, c, query) for c in (subset, changed, subset.select_points(since <= 15))]
    for other in forecasts[1:]:
        assert np.array_equal(forecasts[0].mean, other.mean, equal_nan=True)
        assert np.array_equal(forecasts[0].low, other.low, equal_nan=True)
    assert np.isfinite(forecasts[0].mean).mean() > 0.8
    assert not np.array_equal(forecasts[0].mean, predict(model, changed, Query(forecast="3d", samples=3)).mean)


def test_of_an_object_hardly_seen_nothing_is_said(model, curves) -> None:
    lone = curves[:2].select_points(np.arange(curves[:2].offsets[-1]) < 1)
    forecast = predict(model, lone, Query(forecast="2d", samples=2))
    assert np.isnan(forecast.mean).all()
    assert len(forecast) == 2 * 2 * 4
    assert fluxes_at(model, lone, np.array([0]), np.array([56000.0]), np.array([1]), Query()).centre.isnan().all()


def test_forecasts_are_flagged_as_classes_are(model, curves) -> None:
    lone = curves[:1].select_points(np.arange(curves[:1].offsets[-1]) < 1)
    for subset in (lone, curves[1:3], replace(curves[1:3], bands=("u", "r", "i", "z"))):
        forecast = predict(model, subset, Query(forecast="2d", samples=2))
        classes = predict(model, subset, Query(samples=2))
        assert forecast.quality_flags.tolist() == np.repeat(classes.quality_flags, 8).tolist()
        assert forecast.to_table()["quality_flags"].tolist() == forecast.quality_flags.tolist()
    assert "band u" in forecast.quality_flags[0]


def test_of_no_objects_nothing_is_forecast(model, curves) -> None:
    assert len(predict(model, curves[:0], Query(forecast="2d", samples=2))) == 0


def test_points_without_a_number_are_no_truth_of_forecasts(curves) -> None:
    holes = replace(curves, flux=np.where(np.arange(len(curves.flux)) % 5, curves.flux, np.nan))
    points = next_points(holes, SCHEMA.bands, SMALL, 3, np.random.default_rng(0))
    assert len(points.owner)
    assert np.isfinite(points.flux).all()


def test_evaluation_asked_for_a_forecast_shows_classes_all_the_same(model, curves) -> None:
    evaluation = evaluate(model, InMemorySource(SCHEMA, [curves[:12]]), Query(forecast="2d", samples=2))
    assert evaluation.metrics["examples"]


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
    forecast, classes = (predict(model, kilonovae, Query(samples=3, forecast=f)) for f in (5, None))
    assert isinstance(forecast, Values)
    is_ood = forecast.is_ood.reshape(len(kilonovae), -1)
    assert (is_ood == classes.is_ood[:, None]).all()
    assert np.array_equal(forecast.ood_percentile[::20], classes.ood_percentile, equal_nan=True)
    assert is_ood.mean() > 0.4
    ends = (forecast.low, forecast.high, forecast.measured_low, forecast.measured_high)
    for values in (*ends, forecast.predictive[..., 0]):
        assert np.isnan(values[forecast.is_ood]).all()
        assert np.isfinite(values[~forecast.is_ood & np.isfinite(forecast.mean[:, 0])]).all()
    assert (np.char.find(forecast.quality_flags, WITHHELD) >= 0).tolist() == forecast.is_ood.tolist()
    assert np.isfinite(forecast.mean[forecast.is_ood]).all()


def test_the_errors_of_the_last_measurements_of_each_band() -> None:
    measured, error = np.ones((1, 9, 3), np.float32), np.arange(1.0, 28.0, dtype=np.float32).reshape(1, 9, 3)
    measured[0, 7:, 1] = 0
    measured[0, :, 2] = 0  # not seen in this band
    errors = last_errors({"measured": torch.from_numpy(measured), "flux_error": torch.from_numpy(error)})[0]
    of_each = [error[0, 1:, 0], error[0, :7, 1]]
    for values, expected in zip(errors, [*of_each, [np.median(np.concatenate(of_each))]], strict=True):
        assert np.sort(values[np.isfinite(values)]).tolist() == np.sort(expected).tolist()


def test_measurements_of_several_errors_are_a_mixture_of_those_of_each() -> None:
    fluxes = Fluxes(
        np.ones(2), torch.tensor([[0.3, 1.0], [0.7, 0.0]]).double(), torch.tensor([[0.0, 5.0], [4.0, 1.0]]).double(),
        torch.ones(2, 2).double(), torch.zeros(2).double(),
    )  # fmt: skip
    mixture = fluxes.measured_with(np.array([[1.0, 3.0, np.nan], [2.0, np.nan, np.nan]]))
    variances = [fluxes.measured(np.full(2, e)).variance[k] for k, e in ((0, 1.0), (0, 3.0), (1, 2.0))]
    assert torch.allclose(mixture.centre, fluxes.centre)
    assert mixture.variance.tolist() == pytest.approx([float(variances[0] + variances[1]) / 2, float(variances[2])])


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
    plain, with_forecaster = (network(Settings(hidden=8, head=8, forecast=f), SCHEMA).state_dict() for f in (0.0, 1.0))
    assert set(plain) < set(with_forecaster)
    assert all(torch.equal(with_forecaster[name], values) for name, values in plain.items())


def test_likelihood_is_that_of_a_mixture_with_the_error_of_the_point() -> None:
    weight, mean, std = np.array([0.2, 0.5, 0.3]), np.array([1.0, 4.0, 9.0]), np.array([0.5, 1.0, 2.0])
    forecast = torch.tensor(np.stack([np.log(weight), mean, 2 * np.log(std)]))[None, None, None].expand(1, 1, 2, 3, 3)
    batch = {"ahead": torch.tensor([[[3.0, 8.0]]]).double(), "ahead_error": torch.tensor([[[0.7, 0.0]]]).double()}
    truth = -np.log((weight * norm.pdf(3.0, mean, np.hypot(std, 0.7))).sum())
    assert forecast_nll(forecast, batch).numpy() == pytest.approx([truth])  # the second was not measured


def test_samples_are_gathered_without_loss_of_mean_or_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(40, 5, 3, 3, generator=generator)
    samples[..., 0, :] = samples[..., 0, :].log_softmax(-1)
    combined = combine_samples(np.arange(5.0), [samples[:20], samples[20:]])
    weight, mean, variance = samples[..., 0, :].exp(), samples[..., 1, :], samples[..., 2, :].exp()
    centre = (weight * mean).sum(-1).mean(0)
    total = (weight * (variance + (mean - centre[:, None]) ** 2)).sum(-1).mean(0)
    assert torch.allclose(combined.centre.float(), centre, atol=1e-5)
    assert torch.allclose(combined.variance.float(), total, rtol=1e-5)
    assert torch.allclose(combined.epistemic.float(), (weight * mean).sum(-1).var(0), rtol=1e-5)
    assert len(combined.share) == 6


@pytest.mark.parametrize(("factor", "seed"), [(0.3, 0), (1.0, 1), (4.0, 2)])
def test_calibration_mends_widths_and_intervals(factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    days, error = rng.uniform(0.5, 60, 4000), rng.uniform(0.5, 2.0, 4000)
    std = rng.uniform(0.5, 3.0, 4000)
    flux = rng.normal(0, np.hypot(factor * std, error))  # what is predicted is wrong by the factor
    ones = torch.ones(1, 4000, dtype=torch.float64)
    fluxes = Fluxes(days, ones, 0 * ones, torch.from_numpy(std)[None], 0.1 * ones[0])
    first, second = np.arange(4000) < 2000, np.arange(4000) >= 2000
    fitted = Horizons().fit(fluxes[first.nonzero()[0]], flux[first], error[first])
    new = fitted(fluxes[second.nonzero()[0]])
    low, high = fitted.interval(new.measured(error[second]), 0.683)
    coverage = ((low <= flux[second]) & (flux[second] <= high)).mean()
    assert coverage == pytest.approx(0.683, abs=0.06)
    assert np.median(new.std[0].numpy() / std[second]) == pytest.approx(factor, rel=0.35, abs=0.15)
    assert torch.allclose(new.epistemic, 0.1 * (new.std[0] / torch.from_numpy(std[second])) ** 2)


def test_the_last_measurement_of_each_band_is_carried_forwards(curves) -> None:
    batch = tensors(group_by_night(curves[:5], SCHEMA.bands, SMALL))
    last = last_measurement(batch)
    for k in range(5):
        for night in range(int(batch["nights"][k])):
            measured = np.flatnonzero(batch["measured"][k, : night + 1, 2])
            assert bool(last.exists[k, night, 2]) == bool(len(measured))
            if len(measured):
                assert last.flux[k, night, 2] == batch["flux"][k, measured[-1], 2]
                assert last.age[k, night, 2] == batch["time"][k, night] - batch["time"][k, measured[-1]]


def test_what_comes_later_is_what_was_measured_then(curves) -> None:
    nights = group_by_night(curves[:20], SCHEMA.bands, SMALL)
    points = draw_later_points(nights, 3, np.random.default_rng(0))
    assert points["days"].shape == points["ahead_error"].shape == (20, 3, 4)
    for k, cut, query in np.argwhere(points["ahead_error"] > 0):
        start = nights.offsets[k] + points["cut"][k, cut]
        assert nights.time[start] > -0.5
        days, band = points["days"][k, cut, query], points["band"][k, cut, query]
        assert 0 < days <= 60
        night = np.flatnonzero(np.abs(nights.time[: nights.offsets[k + 1]] - nights.time[start] - days) < 1e-4)
        assert points["ahead"][k, cut, query] in nights.flux[night, band]
        if query == 0:
            assert nights.offsets[k] + points["cut"][k, cut] + 1 in night
    assert (points["ahead_error"][..., 0] > 0).any(1).mean() > 0.9


def test_the_next_points_come_right_after_what_is_known(curves) -> None:
    points = next_points(curves, SCHEMA.bands, SMALL, 3, np.random.default_rng(1))
    whole = {name: curves[np.array([k])] for k, name in enumerate(curves.ids)}
    assert len(points.past) > 100
    for k, name in enumerate(points.past.ids):
        n_past, all_points = int(points.past.counts[k]), whole[name]
        rows = slice(3 * k, 3 * k + 3)
        assert np.array_equal(points.time[rows], all_points.time[n_past : n_past + 3])
        assert np.array_equal(points.flux[rows], all_points.flux[n_past : n_past + 3])
    assert group_by_night(points.past, SCHEMA.bands, SMALL).classifiable.all()


@pytest.mark.parametrize("until", [0.0, 9.7, 20.0])
def test_at_an_epoch_the_next_points_are_those_after_it(curves, until: float) -> None:
    points = next_points(curves, SCHEMA.bands, SMALL, 3, np.random.default_rng(1), until)
    nights = group_by_night(curves, SCHEMA.bands, SMALL, until)
    past_nights = group_by_night(points.past, SCHEMA.bands, SMALL)
    rows = {name: k for k, name in enumerate(points.past.ids)}
    for k, name in enumerate(curves.ids):
        curve = curves[k : k + 1]
        since = curve.time - nights.trigger[k]
        before, next_time = since <= until, curve.time[since > until][:3]
        last = nights.trigger[k] + nights.time[nights.owner == k].max(initial=-np.inf)
        fit = nights.classifiable[k] and last > nights.trigger[k] - 0.5 and len(next_time) == 3
        assert (name in rows) == bool(fit and next_time[2] - last <= 60)
        if name in rows:
            row = rows[name]
            assert np.array_equal(points.time[3 * row : 3 * row + 3], next_time)
            assert np.array_equal(points.flux[3 * row : 3 * row + 3], curve.flux[~before][:3])
            assert np.array_equal(past_nights.flux[past_nights.owner == row], nights.flux[nights.owner == k])
    assert len(rows) > (60 if until else 5)


def test_at_an_epoch_forecasts_are_scored_from_what_is_seen_until_then(model, curves) -> None:
    query, subset = Query(samples=3, at_epoch="12"), curves[:40]
    outlook = ForecastScores(model, query)
    outlook.consider(subset)
    later = next_points(subset, SCHEMA.bands, SMALL, 3, np.random.default_rng(0), 12)
    early = subset.select_points(subset.time - group_by_night(subset, SCHEMA.bands, SMALL).trigger[subset.owner] <= 12)
    owner = np.flatnonzero(np.isin(subset.ids, later.past.ids))[later.owner]
    fluxes = fluxes_at(model, early, owner, later.time, later.band, query).measured(later.flux_error)
    error = crps_of_each(fluxes.mean.numpy(), fluxes.std.numpy(), later.flux, share=fluxes.share.numpy())
    scores = {s.name: s for s in outlook.scores()}
    assert scores["forecast_crps"].value == pytest.approx((error / later.flux_error).mean(), rel=1e-4)
    assert scores["forecast_crps"].label == "Forecasts of the next 3 points after day 12: CRPS"
    curve = curves[np.array([int(np.argmax(curves.counts))])]
    starts = [early_forecast_of(curve, model, Query(samples=3, at_epoch=e))["from"] for e in ("", "12", "30")]
    assert starts[0] <= 10 < starts[2] <= 30
    assert starts[0] <= starts[1] <= 12


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
    rows_by_days = outlook.by_days()
    for name, factor in (("crps", 1), ("coverage", 100)):  # bins are parts of the whole
        whole = np.average([row[name] for row in rows_by_days], weights=[row["n"] for row in rows_by_days])
        assert factor * whole == pytest.approx(scores[f"forecast_{name}"].value)
        assert all(row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] for row in rows_by_days)
    without = ForecastScores(network(Settings(hidden=8, head=8), SCHEMA), Query())
    without.consider(curves)
    assert (without.scores(), without.curves()) == ([], [])
    assert [(curve.name, curve.data) for curve in outlook.curves()] == [("forecast", outlook.by_days())]


def test_errors_of_forecasts_scatter_as_objects_do() -> None:
    rng = np.random.default_rng(5)
    crps = np.repeat(rng.exponential(size=2000), 3)  # the points of an object are off together
    interval, few = mean_over_objects(crps), mean_over_objects(crps, np.arange(6000) % 3 == 0)
    error = crps.std() / 2000**0.5
    assert [interval.value, few.value] == pytest.approx([crps.mean()] * 2)
    assert (interval.high - interval.low) / 2 == pytest.approx(error, rel=0.15)  # 400 resamples
    assert (few.high - few.low) / 2 == pytest.approx(error, rel=0.15)
    outlook = ForecastScores(network(Settings(hidden=8, head=8), SCHEMA), Query())
    inside = np.repeat(rng.random(2000) < 0.68, 3)
    outlook.rows = [np.stack([np.ones(6000), crps, inside])]
    (row,), score = outlook.by_days(), outlook.scores()[1]
    error = inside.std() / 2000**0.5  # not that of 6000 hits and misses
    assert (row["coverage_high"] - row["coverage_low"]) / 2 == pytest.approx(error, rel=0.15)
    assert (score.high - score.low) / 2 == pytest.approx(100 * error, rel=0.15)


def early_forecast_of(curve, model, query: Query) -> dict:
    """Give the early forecast of an example."""
    forecast = describe("example", curve, model, query, early_forecast(query)).data["forecast"]
    assert forecast is not None
    return forecast


def test_an_example_shows_what_was_forecast_ten_days_after_the_trigger(model, curves) -> None:
    curve = curves[np.array([int(np.argmax(curves.counts))])]
    forecast = early_forecast_of(curve, model, Query(samples=3))
    assert len(forecast["flux"]) == len(forecast["low"]) == 4
    assert len(forecast["flux"][0]) == len(forecast["time"]) == 30
    assert forecast["from"] <= 10
    low, high = np.array(forecast["low"]), np.array(forecast["high"])
    assert (low < high).all()
    without = network(Settings(hidden=8, head=8), SCHEMA).eval()
    calibrate(without, InMemorySource(SCHEMA, [curves]))
    assert example_of("example", curve, without, Query(samples=3)).data["forecast"] is None


def test_a_run_forecasts_on_the_command_line(tmp_path: Path, without_figures, supernova_run, capsys) -> None:
    few = {"objects": 300, "epochs": 1, "validation": 50, "calibration": 50, "test": 100, "device": "cpu"}
    skysure.train("supernovae", out=tmp_path / "with", forecast=0.3, hidden=8, head=8, **few)
    simulated = tmp_path / "night.parquet"
    skysure.simulate("supernovae", simulated, 8, seed=9)
    out = tmp_path / "forecast.parquet"
    arguments = [str(simulated), "--forecast", "3d", "--at-epoch", "20", "--out", str(out)]
    assert main(["predict", str(tmp_path / "with"), *arguments]) == 0
    table = pq.read_table(out)
    assert len(table) == 8 * 3 * 4
    assert {"id", "mjd", "days_ahead", "band", "flux", "flux_error", "flux_low", "flux_high"} <= set(table.column_names)
    assert main(["predict", str(supernova_run), *arguments, "--force"]) == 1
    assert "without a forecaster" in capsys.readouterr().err
    page = tmp_path / "forecast.html"
    assert main(["predict", str(tmp_path / "with"), *arguments[:-1], str(page)]) == 0
    assert "8 objects in" in capsys.readouterr().err
    metrics = json.loads((tmp_path / "with" / "metrics.json").read_text())
    assert {"forecast_crps", "forecast_coverage"} <= {s["name"] for s in metrics["scores"]}
    assert any(example["forecast"] for example in metrics["examples"])
