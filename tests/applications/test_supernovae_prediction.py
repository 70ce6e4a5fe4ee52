"""Predictions: the same in any chunk, at any epoch what was known then, and no confidence without data."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import binom, entropy

from skysure.applications.supernovae import Query, Schema, Settings, calibrate, network, predict, train
from skysure.applications.supernovae.batches import group_by_night, tensors
from skysure.applications.supernovae.prediction import last, outputs_by_batch, predict_classes
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.lightcurves import LightCurves
from skysure.data.sources import InMemorySource
from skysure.errors import SettingsError
from skysure.predictions import concat

SMALL = Settings(hidden=16, head=16, rate=0.2, epochs=2, batch=32)
SCHEMA = Schema(bands=("g", "r", "i", "z"), classes=("Ia", "II", "Ibc"), redshift=(0.0, 1.5))


@pytest.fixture(scope="module")
def curves() -> LightCurves:
    return simulate_lightcurves(160, seed=3)


@pytest.fixture(scope="module")
def model(curves: LightCurves):
    """An untrained network, calibrated on simulated labels: what holds of it holds of any."""
    classifier = network(SMALL, SCHEMA).eval()
    calibrate(classifier, InMemorySource(SCHEMA, [curves]))
    return classifier


def test_rows_are_the_objects_in_their_order(model, curves) -> None:
    prediction = predict(model, curves, Query())
    assert prediction.rows["id"].tolist() == curves.ids.tolist()
    assert np.allclose(prediction.probability.sum(1), 1)
    assert np.allclose(prediction.aleatoric + prediction.epistemic, entropy(prediction.probability, axis=1))
    assert (prediction.probability_error > 0).any()
    assert len(prediction.to_table()) == len(curves)


def test_the_same_in_any_chunk_and_batch(model, curves) -> None:
    whole = predict(model, curves, Query())
    parts = concat([predict(model, curves[a:b], Query(batch=7)) for a, b in ((0, 50), (50, 51), (51, 160))])
    assert np.allclose(whole.probability, parts.probability, atol=1e-6)
    assert np.allclose(whole.epistemic, parts.epistemic, atol=1e-6)
    # The sets were calibrated on these very objects, some of which therefore lie on their bounds.
    less, more = (predict(model, curves, Query(coverage=c)).prediction_set for c in (0.89, 0.91))
    assert (less == more).mean() > 0.9
    assert np.array_equal(whole.prediction_set[less == more], parts.prediction_set[less == more])
    assert whole.rows["id"].tolist() == parts.rows["id"].tolist()


def test_another_seed_gives_other_samples(model, curves) -> None:
    first, second = (predict(model, curves, Query(seed=s)).probability for s in (0, 1))
    assert not np.array_equal(first, second)
    assert np.allclose(first, second, atol=0.2)


def detected(curves: LightCurves) -> np.ndarray:
    """Time of the first point with a signal-to-noise ratio above 4, shape (object,); infinite without."""
    bright = np.where(curves.flux > 4 * curves.flux_error, curves.time, np.inf)
    return np.array([bright[a:b].min(initial=np.inf) for a, b in pairwise(curves.offsets)])


@pytest.mark.parametrize("options", [{}, {"dropout": "tied"}, {"network": "charnock-moss", "dropout": "none"}])
@pytest.mark.parametrize("days", [0.0, 9.7, 15.0])
def test_at_an_epoch_only_what_was_known_then(curves, options, days) -> None:
    model = network(Settings(hidden=16, head=16, rate=0.2, **options), SCHEMA).eval()
    subset = curves[:40]
    early = subset.time <= detected(subset)[subset.owner] + days
    prediction = predict(model, subset, Query(at_epoch=f"{days:g}", samples=4))
    cut = predict(model, subset.select_points(early), Query(samples=4))
    assert (prediction.rows["days_since_trigger"] <= days + 1e-6).sum() > 20
    assert not (prediction.rows["days_since_trigger"] < -0.5).any()
    assert np.allclose(prediction.probability, cut.probability, atol=1e-6)
    assert np.array_equal(prediction.quality_flags, cut.quality_flags)


@pytest.mark.parametrize("options", [{}, {"dropout": "tied"}])
def test_a_night_knows_nothing_of_those_after_it(curves, options) -> None:
    model = network(Settings(hidden=16, head=16, rate=0.2, **options), SCHEMA).eval()
    subset = curves[:40]
    early = subset.select_points(subset.time <= detected(subset)[subset.owner] + 10.49)
    rows = []
    for light_curves in (subset, early):
        prediction = predict(model, light_curves, Query(at_epoch="all", samples=4))
        with np.errstate(invalid="ignore"):
            rows.append((prediction.rows["id"], prediction.probability, prediction.rows["days_since_trigger"] < 9.5))
    (ids, whole, soon), (same, cut, present) = rows
    assert soon.sum() > 60
    assert np.array_equal(ids[soon], same[present])
    assert np.allclose(whole[soon], cut[present], atol=1e-6)


def test_all_epochs_are_rows_in_order_of_time(model, curves) -> None:
    prediction = predict(model, curves[:20], Query(at_epoch="all", samples=3))
    for name in np.unique(prediction.rows["id"]):
        assert (np.diff(prediction.rows["mjd"][prediction.rows["id"] == name]) > 0).all()
    assert list(dict.fromkeys(prediction.rows["id"].tolist())) == curves.ids[:20].tolist()


def lonely() -> LightCurves:
    """One night; flat noise; nothing; and one detection after a non-detection."""
    return LightCurves(
        {"id": np.array(["one night", "noise", "empty", "two nights"])}, np.array([0, 2, 12, 12, 14]),
        np.array([5.0, 5.1, *np.arange(10.0), 1.0, 2.0]), np.zeros(14, np.int16),
        np.array([90.0, 95.0, *np.tile([2.0, -2.0], 5), 1.0, 90.0]), np.full(14, 3.0), ("r",),
    )  # fmt: skip


def test_no_confidence_without_data(model, curves) -> None:
    model.frequency.copy_(torch.tensor([0.2, 0.5, 0.3]))
    prediction = predict(model, lonely(), Query())
    assert np.allclose(prediction.probability[:3], [0.2, 0.5, 0.3], atol=1e-6)
    assert prediction.prediction_set[:3].all()
    assert [bool(f) for f in prediction.quality_flags] == [True, True, True, False]
    assert not np.allclose(prediction.probability[3], [0.2, 0.5, 0.3])
    with_others = predict(model, LightCurves.concat([curves[:3], lonely()]), Query())
    assert with_others.rows["id"][3:].tolist() == lonely().ids.tolist()
    none = predict(model, lonely()[2:3], Query(at_epoch="all"))
    assert len(none) == 1


def test_sets_hold_the_truth_as_often_as_asked_whatever_the_network() -> None:
    model = network(Settings(hidden=8, head=8), SCHEMA).eval()
    calibrate(model, InMemorySource(SCHEMA, [simulate_lightcurves(400, seed=5)]))
    fresh = simulate_lightcurves(800, seed=6)
    truth = np.array([SCHEMA.classes.index(label) for label in fresh.objects["label"]])
    for coverage in (0.5, 0.9):
        prediction = predict(model, fresh, Query(samples=4, coverage=coverage))
        hits = prediction.prediction_set[np.arange(800), truth].sum()
        low, high = binom.ppf([1e-4, 1 - 1e-4], 800, coverage) + 800 * np.array([-0.06, 0.06])
        assert low <= hits <= high


def test_unlike_what_was_trained_on(model, curves) -> None:
    strange = LightCurves(
        curves.objects, curves.offsets, curves.time, curves.band, 500 * curves.flux, curves.flux_error, curves.bands
    )
    assert predict(model, curves, Query()).is_ood.mean() < 0.05
    assert predict(model, strange, Query()).is_ood.mean() > 0.5


def test_a_redshift_out_of_range_is_flagged(model, curves) -> None:
    far = curves.objects | {"redshift": np.full(len(curves), 2.5)}
    distant = LightCurves(far, curves.offsets, curves.time, curves.band, curves.flux, curves.flux_error, curves.bands)
    assert all("redshift" in flag for flag in predict(model, distant[:5], Query(samples=2)).quality_flags)


def test_a_query_that_makes_no_sense(model, curves) -> None:
    with pytest.raises(SettingsError, match="at_epoch"):
        predict(model, curves[:2], Query(at_epoch="soon"))


def test_training_learns_and_repeats_itself() -> None:
    source = InMemorySource(SCHEMA, [simulate_lightcurves(240, seed=9)])
    first, second = (list(train(source, SMALL)) for _ in range(2))
    losses = [state.record["validation_nll"] for state in first]
    assert losses[-1] < np.log(3)
    assert losses[-1] < losses[0]
    assert all(torch.equal(tensor, second[-1].tensors[name]) for name, tensor in first[-1].tensors.items())
    resumed = list(train(source, SMALL, first[0]))
    assert all(torch.equal(tensor, resumed[-1].tensors[name]) for name, tensor in first[-1].tensors.items())


def test_networks_of_an_ensemble_train_as_if_alone_and_resume() -> None:
    source = InMemorySource(SCHEMA, [simulate_lightcurves(120, seed=9)])
    settings = replace(SMALL, members=2, epochs=2)
    alone, many = (list(train(source, replace(settings, members=m))) for m in (1, 2))
    first = {n: t for n, t in alone[-1].weights.items() if n.startswith("networks.0.")}
    assert [(s.epoch, s.epochs, s.done) for s in many] == [(1, 4, False), (2, 4, False), (3, 4, False), (4, 4, True)]
    assert all(torch.equal(tensor, many[-1].weights[name]) for name, tensor in first.items())
    assert not torch.equal(*(many[-1].weights[f"networks.{k}.encoder.embedding.bias"] for k in (0, 1)))
    for stopped in many[:-1]:
        (*_, resumed) = train(source, settings, stopped)
        assert all(torch.equal(tensor, resumed.weights[name]) for name, tensor in many[-1].weights.items())


def test_an_ensemble_is_one_model_that_answers_as_the_mean_of_its_members(curves) -> None:
    settings = replace(SMALL, members=2, dropout="none", epochs=1)
    source = InMemorySource(SCHEMA, [curves])
    *_, state = train(source, settings)
    model = network(settings, SCHEMA).eval()
    model.load_state_dict(state.weights)
    nights = group_by_night(curves, model.bands, settings)
    (outputs,) = outputs_by_batch(model, nights, Query(), last)
    with torch.no_grad():
        rows, last_night = np.arange(len(outputs.owner)), nights.counts[outputs.owner] - 1
        logits = model(tensors(nights[outputs.owner]))[:, rows, last_night]
    assert torch.allclose(logits, outputs.logits, atol=1e-5)
    assert not torch.allclose(logits[0], logits[1], atol=1e-2)
    prediction = predict_classes(model, outputs, Query(), nights, curves.ids)
    assert np.allclose(prediction.probability, outputs.logits.double().softmax(-1).mean(0), atol=1e-6)
    assert (prediction.epistemic > 0).all()
    calibrate(model, source)
    assert np.isfinite(predict(model, curves, Query()).probability).all()
