"""The whole evaluation of a classifier."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from skysure.evaluation import Evaluation
from skysure.evaluation.classification import evaluate_classes
from skysure.predictions import Classes
from skysure.report import page, standard_figures


def prediction(n: int = 400, **more: object) -> tuple[Classes, np.ndarray]:
    """Calibrated probabilities of three classes, and truths drawn from them; every fourth is unknown."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.5, 0.5, 0.5], n)
    truth = (rng.random(n)[:, None] > p.cumsum(1)[:, :-1]).sum(1)
    truth[::4] = -1
    ids, entropy = np.arange(n).astype(str), rng.random(n)
    return Classes({"id": ids}, ("a", "b", "c"), p, 0 * p, entropy, entropy / 2, p > 0.2, 0.9, **more), truth


def test_only_known_classes_are_scored() -> None:
    classes, truth = prediction()
    mask, p = truth >= 0, classes.probability
    evaluation = evaluate_classes(classes, truth, application="x", title="Shapes", part="test", noun="image")
    assert (evaluation.objects, evaluation.truth, evaluation.part) == (400, True, "test")
    assert evaluation.score("accuracy").value == pytest.approx(100 * accuracy_score(truth[mask], p[mask].argmax(1)))
    assert evaluation.score("nll").value == pytest.approx(log_loss(truth[mask], p[mask]))
    hits = classes.prediction_set[mask, truth[mask]]
    assert evaluation.score("set_coverage").value == pytest.approx(100 * hits.mean())
    assert evaluation.curve("confusion")["counts"] == confusion_matrix(truth[mask], p[mask].argmax(1)).tolist()
    assert evaluation.facts["uncertainty"]["epistemic"] == pytest.approx(classes.epistemic.mean())
    assert sum(row[1] for row in evaluation.tables[0].rows) == mask.sum()
    assert evaluation.tables[0].columns[1].label == "Images"


def test_it_makes_a_report_and_survives_its_file() -> None:
    classes, truth = prediction()
    evaluation = evaluate_classes(classes, truth, noun="image", application="x", title="Shapes")
    reread = Evaluation.from_metrics(evaluation.metrics)
    figures = list(standard_figures(reread.metrics))
    assert [figure.name for figure in figures] == ["confusion", "roc", "reliability"]
    assert "400 images" in page({}, reread.metrics, figures=figures)


def test_probabilities_before_calibration_are_beside() -> None:
    classes, truth = prediction()
    before = classes.probability**2 / (classes.probability**2).sum(1, keepdims=True)
    evaluation = evaluate_classes(classes, truth, before)
    mask = truth >= 0
    assert evaluation.score("nll").before == pytest.approx(log_loss(truth[mask], before[mask]))
    assert evaluation.curve("reliability")["before"] is not None
    assert evaluate_classes(classes, truth).curve("reliability")["before"] is None


def test_without_truth_there_are_facts_but_no_scores() -> None:
    classes, truth = prediction(is_ood=np.arange(400) < 3)
    evaluation = evaluate_classes(classes, np.full_like(truth, -1))
    assert not evaluation.truth
    assert evaluation.scores == evaluation.curves == evaluation.tables == ()
    assert evaluation.facts["is_ood"] == {"count": 3, "of": 400}


def test_one_class_alone_has_no_roc_curve() -> None:
    classes, truth = prediction()
    evaluation = evaluate_classes(classes, np.where(truth == 1, 1, -1))
    assert evaluation.curve("roc") is None
    assert "macro_auc" not in {score.name for score in evaluation.scores}
