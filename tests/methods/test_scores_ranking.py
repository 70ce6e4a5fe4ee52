import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, precision_score, recall_score, roc_auc_score

from skysure.methods.calibration import auc, completeness, confusion, figure_of_merit, purity, roc


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), digits=st.integers(0, 3))
def test_auc_is_that_of_scikit_learn_with_ties_and_weights(seed, digits):
    rng = np.random.default_rng(seed)
    score, positive, weight = rng.normal(size=40).round(digits), rng.random(40) < 0.4, rng.random((3, 40))
    positive[:2] = [True, False]
    assert auc(score, positive) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    wanted = [roc_auc_score(positive, score, sample_weight=w) for w in weight]
    np.testing.assert_allclose(auc(score, positive, weight), wanted, atol=1e-12)


def test_auc_of_one_kind_is_not_a_number():
    assert np.isnan(auc(np.arange(3.0), np.ones(3, bool)))


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
    truth, said = rng.integers(3, size=100), rng.integers(1, 4, size=100)
    np.testing.assert_array_equal(confusion(truth, said, 5), confusion_matrix(truth, said, labels=range(5)))
