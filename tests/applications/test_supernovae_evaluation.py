"""Evaluations: plain JSON, and the same scores as scikit-learn's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import (
    brier_score_loss,
    confusion_matrix,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from skysure.applications.supernovae import Query, Schema, Settings, calibrate, evaluate, figures, network, predict
from skysure.applications.supernovae.batches import group_by_night, tensors
from skysure.applications.supernovae.evaluation import best_point_snr
from skysure.applications.supernovae.examples import title_of
from skysure.applications.supernovae.inference import best_snr_so_far
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.lightcurves import LightCurves
from skysure.data.sources import InMemorySource
from skysure.report import page, render

SCHEMA = Schema(bands=("g", "r", "i", "z"), classes=("Ia", "II", "Ibc"))
QUERY = Query(samples=4)


@pytest.fixture(scope="module")
def model():
    classifier = network(Settings(hidden=16, head=16), SCHEMA).eval()
    calibrate(classifier, InMemorySource(SCHEMA, [simulate_lightcurves(200, seed=1)]))
    return classifier


@pytest.fixture(scope="module")
def curves() -> LightCurves:
    return simulate_lightcurves(150, seed=2, unknowns=True)


@pytest.fixture(scope="module")
def metrics(model, curves) -> dict:
    return evaluate(model, InMemorySource(SCHEMA, [curves[:70], curves[70:]]), QUERY).metrics


def test_scores_are_those_of_scikit_learn(model, curves, metrics) -> None:
    prediction = predict(model, curves, QUERY)
    has_class = np.isin(curves.objects["label"], SCHEMA.classes)
    truth = np.array([SCHEMA.classes.index(x) for x in curves.objects["label"][has_class]])
    p = prediction.probability[has_class]
    scores = {row["name"]: row["value"] for row in metrics["scores"]}
    assert scores["accuracy"] == pytest.approx(100 * (p.argmax(1) == truth).mean())
    assert scores["accuracy_Ia"] == pytest.approx(100 * ((p[:, 0] > 0.5) == (truth == 0)).mean())
    assert scores["auc_Ia"] == pytest.approx(roc_auc_score(truth == 0, p[:, 0]))
    assert scores["nll"] == pytest.approx(log_loss(truth, p, labels=[0, 1, 2]))
    assert scores["brier"] == pytest.approx(sum(brier_score_loss(truth == k, p[:, k]) for k in range(3)))
    assert scores["set_coverage"] == pytest.approx(
        100 * prediction.prediction_set[has_class][np.arange(has_class.sum()), truth].mean()
    )
    assert metrics["curves"]["confusion"]["counts"] == confusion_matrix(truth, p.argmax(1), labels=[0, 1, 2]).tolist()


def test_each_class_has_its_row_and_its_own_coverage(model, curves, metrics) -> None:
    table = next(table for table in metrics["tables"] if table["name"] == "classes")
    prediction = predict(model, curves, QUERY)
    has_class = np.isin(curves.objects["label"], SCHEMA.classes)
    truth = curves.objects["label"][has_class]
    predicted = np.array(SCHEMA.classes)[prediction.probability[has_class].argmax(1)]
    members = prediction.prediction_set[has_class]
    assert [row[0] for row in table["rows"]] == list(SCHEMA.classes)
    for k, (name, n, right, purity, coverage, size) in enumerate(table["rows"]):
        in_class = truth == name
        assert n == in_class.sum()
        assert right["value"] == pytest.approx(100 * recall_score(truth == name, predicted == name))
        assert (purity is None) == (not (predicted == name).any())
        if purity:
            assert purity["value"] == pytest.approx(100 * precision_score(truth == name, predicted == name))
        wilson = binomtest(int(members[in_class, k].sum()), n).proportion_ci(0.683, "wilson")
        assert coverage["value"] == pytest.approx(100 * members[in_class, k].mean())
        assert (coverage["low"], coverage["high"]) == pytest.approx((100 * wilson.low, 100 * wilson.high))
        assert size == pytest.approx(members[in_class].sum(1).mean())
    overall = {row["name"]: row["value"] for row in metrics["scores"]}["set_coverage"]
    assert overall == pytest.approx(
        np.average([r[4]["value"] for r in table["rows"]], weights=[r[1] for r in table["rows"]])
    )
    text = page({}, metrics).replace("\N{NO-BREAK SPACE}", " ")
    assert "Scores by class" in text
    assert "90 % is the nominal level for all classes together, not for each" in text
    assert "The nominal coverage of 90 % is that of all light curves together, not of each class" in text


def test_where_no_classes_are_named_no_score_is_that_of_the_first(curves) -> None:
    schema = Schema(bands=SCHEMA.bands, classes=("II", "Ia", "Ibc"))
    classifier = network(Settings(classes=(), hidden=16, head=16), schema).eval()
    calibrate(classifier, InMemorySource(schema, [simulate_lightcurves(100, seed=1)]))
    evaluation = evaluate(classifier, InMemorySource(schema, [curves]), QUERY)
    p, label = predict(classifier, curves, QUERY).probability, curves.objects["label"]
    has_class = np.isin(label, schema.classes)
    p, truth = p[has_class], np.array([schema.classes.index(x) for x in label[has_class]])
    scores = {row["name"]: row for row in evaluation.metrics["scores"]}
    assert [n for n, s in scores.items() if s.get("headline")] == ["macro_auc", "accuracy", "ece", "set_coverage"]
    assert scores["macro_auc"]["value"] == pytest.approx(roc_auc_score(truth, p, multi_class="ovr", average="macro"))
    assert scores["macro_auc"]["low"] < scores["macro_auc"]["value"] < scores["macro_auc"]["high"]
    curve = evaluation.metrics["curves"]["reliability"]
    assert curve["of"] is None
    right = (p.argmax(1) == truth).sum()
    assert np.dot(curve["after"]["observed"], curve["after"]["n"]) == pytest.approx(right)
    text = json.dumps([evaluation.metrics[key] for key in ("scores", "tables")]) + page({}, evaluation.metrics)
    assert "against the rest" not in text
    assert "Classified as II" not in text
    assert not {"completeness", "purity"} & set(evaluation.metrics["curves"]["early"])
    assert [render(f) for f in figures(evaluation) if f.name in ("early", "reliability")]


def test_at_an_epoch_light_curves_are_binned_by_what_was_seen_until_then(model, curves) -> None:
    evaluation = evaluate(model, InMemorySource(SCHEMA, [curves]), Query(samples=2, at_epoch="3"))
    labelled = curves[np.isin(curves.objects["label"], SCHEMA.classes)]
    trigger = group_by_night(labelled, model.bands, model.settings).trigger
    early = labelled.select_points(labelled.time - trigger[labelled.owner] <= 3)
    rows = evaluation.metrics["curves"]["by"]["Largest signal-to-noise ratio"]
    edges = np.quantile(best_point_snr(early), np.arange(1, 6) / 6, method="inverted_cdf")
    assert [row["low"] for row in rows[1:]] == pytest.approx(edges)
    assert np.median(best_point_snr(labelled)) > 1.3 * edges[2]  # light curves go on to rise


def test_light_curves_too_short_for_an_answer_are_scored_as_such(model) -> None:
    curves = simulate_lightcurves(12, seed=3)
    lone = curves.select_points(np.isin(np.arange(len(curves.time)), curves.offsets[:-1]))
    evaluation = evaluate(model, InMemorySource(SCHEMA, [lone]), QUERY)
    assert {row["name"]: row["value"] for row in evaluation.metrics["scores"]}["set_coverage"] == 100
    assert "Days since detection" not in evaluation.metrics["curves"]["by"]
    assert "early" not in [figure.name for figure in figures(evaluation)]


def test_metrics_are_plain_and_bounded(metrics) -> None:
    text = json.dumps(metrics, allow_nan=False)
    assert len(text) < 400_000
    assert metrics["objects"] == 150
    assert metrics["truth"] is True
    assert {row["name"] for row in metrics["scores"]} >= {"unknown_flagged", "unknown_auroc", "ece", "set_size"}
    for bins in metrics["curves"]["by"].values():
        assert all(b["coverage_low"] - 1e-9 <= b["coverage"] <= b["coverage_high"] + 1e-9 for b in bins)
    assert sum(b["n"] for b in metrics["curves"]["by"]["Largest signal-to-noise ratio"]) <= 150
    assert {e["group"] for e in metrics["examples"]} == {"example", "uncertain", "novel"}
    assert 0.9 in metrics["curves"]["sets"]["nominal"]


def test_at_an_epoch_the_scores_are_those_of_what_was_known_then(model, curves) -> None:
    early = Query(samples=QUERY.samples, at_epoch="8")
    metrics = evaluate(model, InMemorySource(SCHEMA, [curves]), early).metrics
    p = predict(model, curves, early).probability
    has_class = np.isin(curves.objects["label"], SCHEMA.classes)
    truth = np.array([SCHEMA.classes.index(x) for x in curves.objects["label"][has_class]])
    scores = {row["name"]: row["value"] for row in metrics["scores"]}
    assert scores["nll"] == pytest.approx(log_loss(truth, p[has_class], labels=[0, 1, 2]))
    assert metrics["curves"]["by"]["Days since detection"][-1]["low"] <= 8
    assert metrics["title"] == "Classes of supernovae 8 days after the first detection"


def test_the_uncertain_are_uncertain(model, curves, metrics) -> None:
    prediction = predict(model, curves, QUERY)
    doubt = dict(zip(prediction.rows["id"].tolist(), prediction.aleatoric + prediction.epistemic, strict=True))
    uncertainties = [doubt[e["id"]] for e in metrics["examples"] if e["group"] == "uncertain"]
    assert uncertainties == pytest.approx(sorted(doubt.values(), reverse=True)[: len(uncertainties)])


def test_without_truth_there_are_no_scores(model, curves) -> None:
    bare = {name: values for name, values in curves.objects.items() if name != "label"}
    unknown = LightCurves(bare, curves.offsets, curves.time, curves.band, curves.flux, curves.flux_error, curves.bands)
    evaluation = evaluate(model, InMemorySource(SCHEMA, [unknown[:30]]), QUERY)
    assert evaluation.metrics["truth"] is False
    assert evaluation.metrics["scores"] == []
    assert len(evaluation.metrics["examples"]) > 0
    json.dumps(evaluation.metrics, allow_nan=False)
    assert list(figures(evaluation))


def test_figures_are_drawn_from_the_numbers_alone(model, curves) -> None:
    from skysure.evaluation import Evaluation

    evaluation = evaluate(model, InMemorySource(SCHEMA, [curves]), QUERY)
    reread = Evaluation.from_metrics(json.loads(json.dumps(evaluation.metrics)))
    assert [f.name for f in figures(evaluation)] == [f.name for f in figures(reread)]


@pytest.mark.parametrize(
    ("z", "error", "title"),
    [(0.676, 0.03, "sn, z = 0.68 ± 0.03"), (0.7092, 0.0012, "sn, z = 0.709 ± 0.001"),
     (0.41, 0.25, "sn, z = 0.41 ± 0.25"), (0.5, np.nan, "sn, z = 0.500"), (np.nan, np.nan, "sn")],
)  # fmt: skip
def test_an_example_is_named_with_its_redshift(z: float, error: float, title: str) -> None:
    objects = {"id": np.array(["sn"]), "redshift": np.array([z]), "redshift_error": np.array([error])}
    points = np.array([0, 1]), np.ones(1), np.zeros(1, np.int16), np.ones(1), np.ones(1)
    assert title_of(LightCurves(objects, *points, ("g",))) == title


def test_examples_are_long_enough_to_show_something(metrics) -> None:
    for example in metrics["examples"]:
        if example["group"] == "example":
            assert example["epochs"]["time"][-1] >= 30


def test_the_best_point_is_one_that_has_a_number(curves: LightCurves) -> None:
    flux = curves.flux.copy()
    flux[curves.offsets[0]] = np.nan
    spoilt = LightCurves(
        curves.objects, curves.offsets, curves.time, curves.band, flux, curves.flux_error, curves.bands
    )
    assert np.isfinite(best_point_snr(spoilt)).all()
    assert np.array_equal(best_point_snr(spoilt)[1:], best_point_snr(curves)[1:])


def test_the_best_point_of_a_light_curve_is_not_its_best_night_so_far(model, curves) -> None:
    curve = curves[int(np.argmax(curves.counts)) :][:1]
    best_snr = best_snr_so_far(tensors(group_by_night(curve, model.bands, model.settings)))[0].numpy()
    nights = group_by_night(curve, model.bands, model.settings)
    ratio = np.where(nights.measured, nights.flux / nights.flux_error, -np.inf).max(1)
    assert best_snr == pytest.approx([ratio[: k + 1].max() for k in range(len(ratio))])
    assert best_point_snr(curve) == pytest.approx([(curve.flux / curve.flux_error).max()])
    assert best_snr[0] < best_point_snr(curve)[0]
