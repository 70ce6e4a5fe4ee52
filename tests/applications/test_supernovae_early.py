"""What was known so many days after the trigger, and of which kinds: counted anew from predictions at every night."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from skysure.applications.supernovae import Query, Schema, Settings, calibrate, evaluate, network, predict
from skysure.applications.supernovae.early import DAYS, last_night_by_day
from skysure.applications.supernovae.scores import by_bin
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.sources import InMemorySource

SCHEMA = Schema(bands=("g", "r", "i", "z"), classes=("Ia", "II", "Ibc"))
QUERY = Query(samples=4)


@pytest.fixture(scope="module")
def model():
    classifier = network(Settings(hidden=16, head=16), SCHEMA).eval()
    calibrate(classifier, InMemorySource(SCHEMA, [simulate_lightcurves(150, seed=1)]))
    return classifier


@pytest.fixture(scope="module")
def curves():
    return simulate_lightcurves(120, seed=3, unknowns=True)


@pytest.fixture(scope="module")
def metrics(model, curves) -> dict:
    return json.loads(json.dumps(evaluate(model, InMemorySource(SCHEMA, [curves[:50], curves[50:]]), QUERY).metrics))


def test_the_latest_nights_are_those_until_each_day() -> None:
    rng = np.random.default_rng(0)
    time = np.sort(rng.uniform(-30, 100, (40, 12)), 1).astype(np.float32)
    time[np.arange(40), rng.integers(0, 6, 40)] = 0.0
    time, nights = np.sort(time, 1), rng.integers(1, 13, 40)
    expected = {
        (row, before - 1)
        for row in range(40)
        for day in DAYS
        if (before := int((time[row, : nights[row]] <= day + 0.5).sum())) > 1 and time[row, before - 1] > -0.5
    }
    mask = torch.arange(12) < torch.from_numpy(nights)[:, None]
    row, night = last_night_by_day(torch.from_numpy(time), mask, np.arange(40))
    assert len(row) == len(expected)
    assert set(zip(row.tolist(), night.tolist(), strict=True)) == expected


def test_early_shares_are_those_of_predictions_at_every_night(model, curves, metrics) -> None:
    prediction, early = predict(model, curves, Query(samples=QUERY.samples, at_epoch="all")), metrics["curves"]["early"]
    frequency = (model.frequency / model.frequency.sum()).numpy()
    class_of = {i: k for i, k in zip(curves.ids, curves.objects["label"], strict=True) if k in SCHEMA.classes}
    ids, since = prediction.rows["id"], prediction.rows["days_since_trigger"]
    ever = {i for i, days in zip(ids, since, strict=True) if np.isfinite(days)}
    class_of = {i: SCHEMA.classes.index(k) for i, k in class_of.items() if i in ever}
    assert early["n"] == len(class_of)
    for k, day in enumerate(early["days"]):
        last = {i: j for j, i in enumerate(ids) if since[j] <= day + 0.5}
        p = np.array([prediction.probability[last[i]] if i in last else frequency for i in class_of])
        members = np.array([prediction.prediction_set[last[i]] if i in last else [True] * 3 for i in class_of])
        truth = np.array(list(class_of.values()))
        called = p[:, 0] > 0.5
        assert early["accuracy"][k] == pytest.approx((p.argmax(1) == truth).mean())
        assert early["coverage"][k] == pytest.approx(members[np.arange(len(truth)), truth].mean())
        assert early["single"][k] == pytest.approx((members.sum(1) == 1).mean())
        assert early["completeness"][k] == pytest.approx(called[truth == 0].mean())
        assert (early["purity"][k] is None) == (not called.any())
        if called.any():
            assert early["purity"][k] == pytest.approx((truth[called] == 0).mean())


def test_nothing_is_told_of_days_that_were_not_asked_for(model, curves) -> None:
    curve = evaluate(model, InMemorySource(SCHEMA, [curves]), Query(samples=2, at_epoch="12")).metrics["curves"][
        "early"
    ]
    assert curve["days"] == [0.0, 2.0, 5.0, 10.0]


def test_the_table_of_unknown_classes_counts_each_label(model, curves, metrics) -> None:
    (table,) = (table for table in metrics["tables"] if table["name"] == "unknown")
    prediction, label = predict(model, curves, QUERY), curves.objects["label"]
    inside = np.isin(label, SCHEMA.classes)
    assert {row[0] for row in table["rows"]} == set(label.tolist())
    for kind, is_known, n, flagged, area, highest, called in table["rows"]:
        in_class = label == kind
        assert (is_known == "yes") == (kind in SCHEMA.classes)
        assert n == in_class.sum()
        assert flagged["value"] == pytest.approx(100 * prediction.is_ood[in_class].mean())
        assert highest == pytest.approx(prediction.probability[in_class].max(1).mean())
        assert called["value"] == pytest.approx(100 * (prediction.probability[in_class, 0] > 0.5).mean())
        if kind in SCHEMA.classes:
            assert area is None
        else:
            compared = in_class | inside
            assert area == pytest.approx(roc_auc_score(in_class[compared], prediction.ood_percentile[compared]))


@pytest.mark.parametrize("shift", [0.0, 0.12])
def test_bins_are_inside_their_bands_where_the_model_is_calibrated_and_outside_where_not(shift: float) -> None:
    rng, n, runs = np.random.default_rng(4), 3000, 40
    outside = 0
    for _ in range(runs):
        p = rng.dirichlet([0.4, 0.4, 0.4], n)
        column = rng.uniform(size=n)
        truth = (rng.random(n)[:, None] > p.cumsum(1)).sum(1)
        level = rng.beta(451, 50)  # what sets that were set at 90 % on 500 objects hold (Vovk 2013)
        contained = rng.random(n) < np.where(column < 0.3, level - shift, level)
        members = np.zeros((n, 3), bool)
        members[np.arange(n), truth] = contained
        rows = {"probability": p, "truth": truth, "prediction_set": members, "level": np.zeros(n, int)}
        bins = by_bin(rows, column, np.array([0.3, 0.6]), Query(), np.array([[500]]))
        outside += any(not b["coverage_band_low"] <= b["coverage"] <= b["coverage_band_high"] for b in bins)
        assert bins[0]["low"] is None
        assert sum(b["n"] for b in bins) == n
    assert outside <= 4 if shift == 0 else outside == runs
