"""Scores of classes against scikit-learn, and against chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import (
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from skysure.evaluation import classes as of_classes
from skysure.evaluation.bins import shares_by_bin
from skysure.evaluation.tables import table_by_class, table_of_unknown
from skysure.methods.calibration import scores
from skysure.report import sentences


def calibrated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three classes, and truths drawn from them."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.5, 0.5, 0.5], n)
    return p, (rng.random(n)[:, None] > p.cumsum(1)[:, :-1]).sum(1)


def by_name(scores) -> dict:
    return {score.name: score for score in scores}


def test_scores_are_those_of_scikit_learn() -> None:
    p, truth = calibrated(500)
    before = p**2 / (p**2).sum(1, keepdims=True)
    scores = by_name(of_classes.score_classes(p, truth, before))
    assert scores["accuracy"].value == pytest.approx(100 * (p.argmax(1) == truth).mean())
    assert scores["nll"].value == pytest.approx(log_loss(truth, p))
    assert scores["nll"].before == pytest.approx(log_loss(truth, before))
    assert scores["nll"].change == pytest.approx(scores["nll"].value - scores["nll"].before)
    assert scores["brier"].value == pytest.approx(sum(brier_score_loss(truth == k, p[:, k]) for k in range(3)))
    area = of_classes.score_ranking(p, truth)[0]
    assert area.value == pytest.approx(roc_auc_score(truth, p, multi_class="ovr", average="macro"))
    assert area.low < area.value < area.high
    curve = of_classes.confusion_curve(p, truth, "abc")
    assert curve.data["counts"] == confusion_matrix(truth, p.argmax(1)).tolist()


def test_one_class_against_the_rest() -> None:
    p, truth = calibrated(500)
    selected, positive = p[:, 1] > 0.5, truth == 1
    scores = by_name(of_classes.score_one_class(p[:, 1], positive, "b"))
    assert scores["auc_b"].value == pytest.approx(roc_auc_score(positive, p[:, 1]))
    assert scores["purity_b"].value == pytest.approx(100 * precision_score(positive, selected))
    assert scores["completeness_b"].value == pytest.approx(100 * recall_score(positive, selected))
    assert scores["accuracy_b"].value == pytest.approx(100 * (selected == positive).mean())
    assert scores["f1_b"].value < f1_score(positive, selected)  # false positives count three times
    nothing = by_name(of_classes.score_one_class(np.full(9, 0.1), np.arange(9) == 0, "b"))
    assert "purity_b" not in nothing  # nothing is selected: it is not defined


def test_the_change_by_calibration_has_the_interval_of_paired_rows() -> None:
    """Of a mean over rows, the standard error of the differences: far less than that of either score."""
    p, truth = calibrated(2000)
    before = p**1.2 / (p**1.2).sum(1, keepdims=True)
    score = by_name(of_classes.score_classes(p, truth, before))["nll"]
    index = np.arange(len(truth))
    error = np.std(np.log(before[index, truth]) - np.log(p[index, truth])) / len(truth) ** 0.5
    assert (score.change_high - score.change_low) / 2 == pytest.approx(error, rel=0.15)
    assert score.high - score.low > 3 * (score.change_high - score.change_low)


def test_the_expected_calibration_error_is_that_of_a_calibrated_model() -> None:
    """Over test parts of 30 objects drawn from the probabilities themselves: about the median, inside with 95 %."""
    inside = above = 0
    for seed in range(60):
        p, truth = calibrated(30, seed)
        score = by_name(of_classes.score_classes(p, truth))["ece"]
        assert score.value == pytest.approx(scores.ece(p, truth))
        inside += score.expected_low <= score.value <= score.expected_high
        above += score.value > score.expected
    assert inside >= 53  # of 60; at 95.5 % less has a chance of 3 in 1,000
    assert 15 <= above <= 45
    assert score.expected > 0.05  # of a perfectly calibrated model of 30 objects


def test_thirty_objects_get_no_verdict_and_thousands_do() -> None:
    for n, end in ((30, "too few objects to tell (N = 30)."), (4000, "consistent with perfect calibration.")):
        p, truth = calibrated(n, 1)
        scores = of_classes.score_classes(p, truth)
        metrics = {"scores": [vars(score) for score in scores], "objects": n}
        (sentence,) = [text for text in sentences(metrics) if "calibration error" in text]
        assert sentence.endswith(end)
    p, truth = calibrated(4000, 1)
    sure = p**3 / (p**3).sum(1, keepdims=True)
    metrics = {"scores": [vars(score) for score in of_classes.score_classes(sure, truth)], "objects": 4000}
    assert any("off by more than chance explains" in text for text in sentences(metrics))


def test_harmful_calibration_is_reported_from_the_numbers() -> None:
    p, truth = calibrated(3000)
    worse = p**2 / (p**2).sum(1, keepdims=True)
    for after, before, hurts in ((worse, p, True), (p, worse, False)):
        metrics = {"scores": [vars(score) for score in of_classes.score_classes(after, truth, before)]}
        warnings = [text for text in sentences(metrics) if text.startswith("Calibration makes")]
        assert len(warnings) == 2 * hurts  # negative log-likelihood and Brier score


def test_sets_and_their_curve() -> None:
    p, truth = calibrated(400)
    sets = np.stack([p > threshold for threshold in (0.3, 0.1)], 1)
    coverage, size = of_classes.score_sets(sets[:, 1], truth, 0.9)
    assert coverage.value == pytest.approx(100 * (p[np.arange(400), truth] > 0.1).mean())
    assert size.value == pytest.approx((p > 0.1).sum() / 400)
    curve = of_classes.set_curve(sets, truth, (0.7, 0.9), calibrated_on=500).data
    assert curve["actual"][1] == pytest.approx(coverage.value / 100)
    assert curve["size"][1] == pytest.approx(size.value)
    alone = of_classes.set_curve(sets, truth, (0.7, 0.9)).data
    assert curve["band_low"][1] < alone["band_low"][1]  # a level set on 500 objects is random itself


def test_out_of_distribution_detection() -> None:
    rng = np.random.default_rng(0)
    unknown = np.arange(300) < 100
    percentile = np.where(unknown, rng.beta(5, 1, 300), rng.random(300))
    flagged, area = of_classes.score_out_of_distribution(percentile, percentile > 0.95, unknown)
    assert area.value == pytest.approx(roc_auc_score(unknown, percentile))
    wilson = binomtest(int((percentile[unknown] > 0.95).sum()), 100).proportion_ci(0.683, "wilson")
    assert (flagged.low, flagged.high) == pytest.approx((100 * wilson.low, 100 * wilson.high))
    assert of_classes.score_out_of_distribution(percentile, percentile > 0.95, np.zeros(300, bool)) == []
    assert len(of_classes.score_out_of_distribution(percentile, percentile > 0.95, np.ones(300, bool))) == 1


def test_reliability_of_one_class_or_of_the_answer() -> None:
    p, truth = calibrated(500)
    top = of_classes.reliability(p, truth, p).data
    assert top["of"] is None
    assert np.dot(top["after"]["observed"], top["after"]["n"]) == pytest.approx((p.argmax(1) == truth).sum())
    curve = of_classes.reliability(p, truth, p, (2, "c")).data
    assert curve["of"] == "c"
    assert np.dot(curve["after"]["observed"], curve["after"]["n"]) == pytest.approx((truth == 2).sum())
    assert np.dot(curve["after"]["predicted"], curve["after"]["n"]) == pytest.approx(p[:, 2].sum())


def test_the_table_by_class() -> None:
    p, truth = calibrated(300)
    sets = p > 0.1
    p4, sets4 = (np.concatenate([x, np.zeros((300, 1), x.dtype)], 1) for x in (p, sets))
    table = table_by_class(p4, truth, sets4, ("a", "b", "c", "never"), 0.9, "galaxies")
    assert [row[0] for row in table.rows] == ["a", "b", "c"]
    assert [column.name for column in table.columns] == ["class", "count", "recall", "purity", "coverage", "size"]
    assert table.columns[1].label == "Galaxies"
    for k, (_, n, recall, purity, coverage, size) in enumerate(table.rows):
        assert n == (truth == k).sum()
        assert recall["value"] == pytest.approx(100 * recall_score(truth == k, p.argmax(1) == k))
        assert purity["value"] == pytest.approx(100 * precision_score(truth == k, p.argmax(1) == k))
        assert coverage["value"] == pytest.approx(100 * sets[truth == k, k].mean())
        assert size == pytest.approx(sets[truth == k].sum(1).mean())


def test_the_table_of_unknown_classes() -> None:
    p, truth = calibrated(200)
    label = np.array(["a", "b", "c"], "<U3")[truth]
    label[:40], truth[:40] = "odd", -1
    label[:5] = ""
    percentile = np.linspace(1, 0, 200)
    table = table_of_unknown(label, truth, p, percentile, percentile > 0.9, ("a", "b", "c"), None)
    rows = {row[0]: row for row in table.rows}
    assert {name: row[1] for name, row in rows.items()} == {"a": "yes", "b": "yes", "c": "yes", "odd": "no"}
    assert rows["odd"][2] == 35
    odd = label == "odd"
    beside = odd | (truth >= 0)
    assert rows["odd"][4] == pytest.approx(roc_auc_score(odd[beside], percentile[beside]))
    assert len(table.columns) == len(rows["odd"]) == 6
    with_positive = table_of_unknown(label, truth, p, percentile, percentile > 0.9, ("a", "b", "c"), "a")
    assert with_positive.columns[-1].label == "Classified as a"
    assert with_positive.rows[-1][-1]["value"] == pytest.approx(100 * (p[odd, 0] > 0.5).mean())


def test_bins_count_every_row_once_and_leave_out_what_is_not_finite() -> None:
    p, truth = calibrated(900)
    column = np.random.default_rng(1).uniform(size=900)
    column[:20] = np.nan
    correct, hits = p.argmax(1) == truth, p[np.arange(900), truth] > 0.1
    bins = shares_by_bin(column, np.array([0.2, 0.5]), correct=correct, confidence=p.max(1), hits=hits, nominal=0.9)
    assert [(b["low"], b["high"]) for b in bins] == [(None, 0.2), (0.2, 0.5), (0.5, None)]
    assert sum(b["n"] for b in bins) == 880
    middle = (column > 0.2) & (column <= 0.5)
    assert bins[1]["accuracy"] == pytest.approx(correct[middle].mean())
    assert bins[1]["coverage"] == pytest.approx(hits[middle].mean())
    assert bins[1]["confidence"] == pytest.approx(p.max(1)[middle].mean())
    few = shares_by_bin(
        column, np.array([0.2, 0.5]), correct=correct, confidence=p.max(1), hits=hits, nominal=0.9,
        calibrated_on=lambda rows: 50,
    )  # fmt: skip
    assert few[1]["coverage_band_low"] < bins[1]["coverage_band_low"]
