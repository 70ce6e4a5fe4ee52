import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from sklearn.metrics import confusion_matrix, precision_score, recall_score, roc_auc_score

from skysure.errors import InputError
from skysure.methods.calibration import (
    auc,
    aurc,
    best_threshold,
    completeness,
    confusion,
    excess_aurc,
    figure_of_merit,
    macro_auc,
    purity,
    risk_coverage,
    roc,
)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), digits=st.integers(0, 3))
def test_auc_is_that_of_scikit_learn_with_ties_and_weights(seed, digits):
    rng = np.random.default_rng(seed)
    score, positive, weight = rng.normal(size=40).round(digits), rng.random(40) < 0.4, rng.random((3, 40))
    positive[:2] = [True, False]
    assert auc(score, positive) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    expected = [roc_auc_score(positive, score, sample_weight=w) for w in weight]
    np.testing.assert_allclose(auc(score, positive, weight), expected, atol=1e-12)


def test_auc_of_one_kind_is_not_a_number():
    assert np.isnan(auc(np.arange(3.0), np.ones(3, bool)))


def test_scores_that_are_not_numbers_raise_an_error():
    score, positive = np.array([0.1, np.nan, 0.5]), np.array([True, False, True])
    for rank in (auc, aurc):
        with pytest.raises(InputError, match="NaN"):
            rank(score, positive)


def test_scores_and_labels_in_the_wrong_order_raise_errors():
    score, positive = np.array([0.1, 0.7, 0.5]), np.array([1.0, 0.0, 1.0])
    for rank in (auc, roc, lambda a, b: best_threshold(score=a, positive=b)):
        with pytest.raises(InputError, match="in the wrong order"):
            rank(positive, score)
        rank(score, positive.astype(int))


def test_roc_rises_from_corner_to_corner_with_the_area_of_auc():
    rng = np.random.default_rng(0)
    positive = rng.random(20_000) < 0.3
    score = rng.normal(size=20_000) + 1.5 * positive
    false, true = roc(score, positive)
    assert len(false) <= 200
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert (np.diff(false) >= 0).all()
    assert (np.diff(true) >= 0).all()
    assert np.trapezoid(true, false) == pytest.approx(auc(score, positive), abs=1e-3)


def test_choosing():
    rng = np.random.default_rng(1)
    selected, positive = rng.random(200) < 0.5, rng.random(200) < 0.3
    hit, false, lost = (selected & positive).sum(), (selected & ~positive).sum(), (~selected & positive).sum()
    assert purity(selected, positive) == pytest.approx(precision_score(positive, selected))
    assert completeness(selected, positive) == pytest.approx(recall_score(positive, selected))
    assert figure_of_merit(selected, positive) == pytest.approx(hit / (hit + lost) * hit / (hit + 3 * false))
    assert figure_of_merit(selected, positive, penalty=1.0) == pytest.approx(
        purity(selected, positive) * completeness(selected, positive)
    )
    assert np.isnan(purity(np.zeros(200, bool), positive))


def test_confusion_is_that_of_scikit_learn_with_absent_classes():
    rng = np.random.default_rng(2)
    truth, predicted = rng.integers(3, size=100), rng.integers(1, 4, size=100)
    np.testing.assert_array_equal(
        confusion(truth=truth, predicted=predicted, classes=5), confusion_matrix(truth, predicted, labels=range(5))
    )


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), digits=st.integers(0, 3))
def test_aurc_is_the_integral_of_the_mean_loss_over_what_is_kept(seed, digits):
    rng = np.random.default_rng(seed)
    confidence, loss, weight = rng.random(8).round(digits), rng.exponential(size=8), rng.integers(0, 3, size=(2, 8))
    weight[:, 0] = 1

    def risk(c, w):
        """Mean loss of the surest rows of total weight c, rows of equal confidence in equal parts."""
        lost = n_kept = 0.0
        for level in np.unique(confidence)[::-1]:
            rows = confidence == level
            part = min(w[rows].sum(), c - n_kept)
            if part > 0:
                lost, n_kept = lost + part * np.average(loss[rows], weights=w[rows]), n_kept + part
        return lost / c

    areas = aurc(confidence, loss, weight.astype(float))
    for w, area in zip(weight.astype(float), areas, strict=True):
        corners = np.unique(np.cumsum([w[confidence == level].sum() for level in np.unique(confidence)[::-1]]))
        expected = sum(quad(risk, a, b, args=(w,))[0] for a, b in zip(np.r_[0, corners], corners, strict=False))
        assert area == pytest.approx(expected / w.sum(), rel=1e-6)
        repeated = [np.repeat(x, w.astype(int)) for x in (confidence, loss)]
        assert aurc(*repeated) == pytest.approx(area, rel=1e-9)
    assert aurc(confidence, loss) == pytest.approx(aurc(confidence, loss, np.ones(8)))


def test_aurc_of_many_rows_is_the_usual_sum():
    rng = np.random.default_rng(3)
    confidence = rng.random(20_000)
    loss = (rng.random(20_000) > confidence).astype(int)
    ordered = loss[np.argsort(-confidence)]
    usual = (np.cumsum(ordered) / np.arange(1, 20_001)).mean()
    assert aurc(confidence, loss) == pytest.approx(usual, abs=1e-4)
    # of true confidences, uniform: the c surest have the mean loss c / 2
    assert aurc(confidence, loss) == pytest.approx(0.25, abs=0.01)
    coverage, risk = risk_coverage(confidence, loss)
    assert len(coverage) <= 200
    assert (coverage[-1], risk[-1]) == (1, pytest.approx(loss.mean()))
    assert np.abs(risk - coverage / 2)[10:].max() < 0.02


@given(wrong=st.integers(0, 50))
def test_a_perfect_ranking_has_the_published_area_and_no_excess(wrong):
    """AURC* = r + (1 - r) ln(1 - r) at risk r (Geifman, Uziel and El-Yaniv 2019), exact for the integral."""
    loss = np.arange(50) < wrong
    r = wrong / 50
    best = r + (1 - r) * np.log(1 - r) if r < 1 else 1.0
    assert aurc(-loss.astype(float), loss) == pytest.approx(best, abs=1e-12)
    assert excess_aurc(-loss.astype(float), loss) == pytest.approx(0, abs=1e-12)
    assert aurc(np.zeros(50), loss) == pytest.approx(r)  # a confidence that says nothing keeps the risk
    assert excess_aurc(np.arange(50.0), loss) >= -1e-12


def test_where_probabilities_are_true_the_best_threshold_is_that_of_the_integrals():
    # p uniform: TP = (1 - t^2) / 2 and FP = (1 - t)^2 / 2 per row; both figures are largest at t = 1/2, and flat there
    rng = np.random.default_rng(4)
    p = rng.random(200_000)
    truth = rng.random(len(p)) < p

    def merit(t):
        hit, false = (1 - t**2) / 2, (1 - t) ** 2 / 2
        return hit**2 / (hit + 3 * false) / 0.5

    of_accuracy = best_threshold(
        score=p, positive=truth, merit=lambda selected, positive: (selected == positive).mean()
    )
    assert of_accuracy == pytest.approx(0.5, abs=0.03)
    assert merit(best_threshold(score=p, positive=truth)) == pytest.approx(merit(0.5), abs=1e-3)
    assert merit(0.4) < merit(0.5) - 0.005


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), digits=st.integers(1, 3), cut=st.floats(-0.1, 1.1))
def test_no_other_threshold_selects_better(seed, digits, cut):
    rng = np.random.default_rng(seed)
    score, positive = rng.random(60).round(digits), rng.random(60) < 0.4
    positive[0] = True
    best = figure_of_merit(score > best_threshold(score=score, positive=positive), positive)
    assert not figure_of_merit(score > cut, positive) > best + 1e-12


def test_where_all_should_be_selected_no_threshold_is_in_the_way():
    assert best_threshold(score=np.array([0.2, 0.2]), positive=np.array([True, True])) == -np.inf


def test_the_mean_area_leaves_out_classes_that_are_not_there() -> None:
    rng = np.random.default_rng(0)
    p, truth = rng.dirichlet(np.ones(4), 300), rng.choice([0, 1, 3], 300)
    areas = [roc_auc_score(truth == k, p[:, k]) for k in (0, 1, 3)]
    assert macro_auc(p, truth) == pytest.approx(np.mean(areas))
    weight = np.stack([np.ones(300), truth != 1, truth == 0]).astype(float)
    without = [roc_auc_score((truth == k)[truth != 1], p[truth != 1, k]) for k in (0, 3)]
    assert macro_auc(p, truth, weight) == pytest.approx([np.mean(areas), np.mean(without), np.nan], nan_ok=True)
