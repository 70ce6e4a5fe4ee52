"""Functions given logits, percentages, names, lists, arrays or tensors: the right number, or an InputError."""

from __future__ import annotations

from functools import partial
from inspect import isclass, unwrap

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skysure.errors import InputError
from skysure.evaluation import classes as of_classes
from skysure.evaluation import values as of_values
from skysure.evaluation.classification import evaluate_classes
from skysure.evaluation.episodes import score_return
from skysure.evaluation.tables import table_by_class
from skysure.methods import calibration as c
from skysure.methods.arguments import (
    checked,
    class_numbers,
    labels,
    probabilities,
    require_count,
    require_fraction,
    unchecked,
)
from skysure.methods.classifier import CalibratedClassifier
from skysure.methods.dropout import Dropout
from skysure.methods.likelihoods import Categorical, Gaussian, categorical_nll, gaussian_nll, mixture_nll
from skysure.methods.novelty import EmpiricalPValue, FeatureDistance, auroc, energy, fisher_combined, fpr_at_tpr
from skysure.methods.sampling import sample, split_classes, split_classes_until, split_values, split_values_until
from skysure.predictions import Classes

RNG = np.random.default_rng(0)
LOGITS = 2 * RNG.standard_normal((60, 3))
P = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
TRUTH = np.array([RNG.choice(3, p=p) for p in P])
NAMES = ("Ia", "II", "Ibc")
MEAN, STD, VALUE = RNG.standard_normal((4, 60)), np.full((4, 60), 0.7), RNG.standard_normal(60)
HITS = RNG.random(60) < 0.7
SCALINGS = [c.TemperatureScaling, partial(c.VectorScaling, 3)]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 16), nn.ReLU(), Dropout(nn.Linear(16, 3), 0.3))


def sets(probability, truth):
    return c.ConformalSets(3).fit(probability, truth).contains(probability, 0.8).double().mean()


CLASS_SCORES = {
    **{f.__name__: f for f in (c.nll, c.balanced_nll, c.brier, c.accuracy, c.ece, c.adaptive_ece, c.classwise_ece)},
    "macro_auc": c.macro_auc,
    "sets": sets,
    "interval": lambda p, y: c.with_interval(c.ece, p, y, resamples=5).low,
    "partial": lambda p, y: c.with_interval(partial(c.ece, bins=5), p, y, resamples=5).low,
    "score_by": lambda p, y: c.score_by(np.arange(60), c.brier, p, y, bins=2, resamples=50)[0]["value"],
    "scores": lambda p, y: of_classes.score_classes(p, y)[1].value,
    "reliability": lambda p, y: of_classes.reliability(p, y).data["after"]["observed"][0],
}
"""Functions of rows of probabilities and of class numbers."""
MIXTURE_SCORES = {
    "nll": c.gaussian_mixture_nll, "crps": c.crps, "crps_of_each": c.crps_of_each, "pit": c.pit,
    "scores": lambda *arrays: of_values.score_values(*arrays)[0].value,
    "hits": lambda *arrays: of_values.interval_hits(*arrays, (0.5, 0.9)),
}  # fmt: skip
"""Functions of means, standard deviations and true values."""


def pandas_series(values):
    return pytest.importorskip("pandas").Series(values)


def arrow_array(values):
    return pytest.importorskip("pyarrow").chunked_array([values])


FORMS = {
    "list": np.ndarray.tolist, "tuple": tuple, "tensor": torch.from_numpy, "big-endian": lambda x: x.astype(">f8"),
    "tensor with gradient": lambda x: torch.from_numpy(x.astype(float)).requires_grad_(),
    "list of tensors": lambda x: list(torch.from_numpy(x)), "objects": lambda x: x.astype(object),
    "masked, without gaps": np.ma.masked_array, "read-only": lambda x: np.broadcast_to(x, x.shape),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("score", CLASS_SCORES.values(), ids=CLASS_SCORES)
def test_probabilities_and_labels_in_any_usual_form(score, form):
    assert float(score(form(P), form(TRUTH))) == pytest.approx(float(score(P, TRUTH)), rel=1e-6)


@pytest.mark.parametrize("form", [np.float64, np.uint8, np.int32, pandas_series, arrow_array])
@pytest.mark.parametrize("score", CLASS_SCORES.values(), ids=CLASS_SCORES)
def test_labels_in_any_type_that_holds_them(score, form):
    assert float(score(P, form(TRUTH))) == pytest.approx(float(score(P, TRUTH)))
    assert float(score(P, TRUTH[:, None])) == pytest.approx(float(score(P, TRUTH)))


def test_one_row_of_zero_and_one_per_object_is_its_class():
    assert c.nll(P, np.eye(3)[TRUTH]) == c.nll(P, TRUTH)
    assert c.nll(P, torch.eye(3, dtype=torch.int64)[TRUTH]) == c.nll(P, TRUTH)


def test_true_and_false_are_classes_only_where_there_are_two():
    p = P[:, :2] / P[:, :2].sum(1, keepdims=True)
    assert c.brier(p, TRUTH > 0) == c.brier(p, (TRUTH > 0).astype(int))
    with pytest.raises(InputError, match="one class against the rest"):
        c.brier(P, TRUTH > 0)


def test_half_precision_sums_to_one_only_roughly():
    assert c.brier(P.astype(np.float16), TRUTH) == pytest.approx(c.brier(P, TRUTH), abs=2e-3)


MISTAKES = {
    "logits": (LOGITS, TRUTH, "logits"),
    "percent": (100 * P, TRUTH, "percentages"),
    "log probabilities": (np.log(P), TRUTH, "log probabilities"),
    "transposed": (P.T.copy(), TRUTH, "another axis|other order"),
    "not normalised": (0.9 * P, TRUTH, "exclude"),
    "names": (P, np.array(NAMES)[TRUTH], "names of classes"),
    "names as objects": (P, np.array(NAMES, object)[TRUTH], "names of classes"),
    "names in a list": (P, [NAMES[k] for k in TRUTH], "names of classes"),
    "swapped": (TRUTH, P, "order"),
    "one class only": (P[:, 0], TRUTH, "probability of one class"),
    "class 0 unknown": (P, TRUTH - 1, "unknown class"),
    "from 1": (P, TRUTH + 1, "counted from 1"),
    "fractional labels": (P, TRUTH + 0.5, "whole numbers"),
    "labels that are NaN": (P, np.where(TRUTH == 1, np.nan, TRUTH), "without a class"),
    "infinite labels": (P, np.where(TRUTH == 1, np.inf, TRUTH), "whole numbers"),
    "NaN": (np.where(P > 0.9, np.nan, P), TRUTH, "NaN"),
    "masked": (np.ma.masked_greater(P, 0.9), TRUTH, "masked"),
    "masked labels": (P, np.ma.masked_equal(TRUTH, 1), "masked"),
    "other lengths": (P, TRUTH[:-1], "other objects"),
    "empty": (P[:0], TRUTH[:0], ""),
    "no labels": (P, None, "None"),
    "no probabilities": (None, TRUTH, "None"),
    "text": ("probabilities.npy", TRUTH, "text"),
    "ragged": ([[0.5, 0.5], [1.0]], [0, 1], "length"),
    "dates": (P, np.full(60, np.datetime64("2026-01-01")), ""),
    "complex": (P + 0j, TRUTH, ""),
}


@pytest.mark.parametrize(("probability", "truth", "cause"), MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("score", CLASS_SCORES.values(), ids=CLASS_SCORES)
def test_a_mistake_is_never_a_number(score, probability, truth, cause):
    with pytest.raises(InputError, match=(score is not CLASS_SCORES["score_by"] and cause) or None):
        score(probability, truth)


def test_percent_as_a_unit_is_converted_and_another_unit_refused():
    from astropy import units as u

    assert c.ece(100 * P * u.percent, TRUTH) == pytest.approx(c.ece(P, TRUTH))
    with pytest.raises(InputError, match="unit mJy"):
        c.crps(MEAN, STD, VALUE * u.mJy)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("score", MIXTURE_SCORES.values(), ids=MIXTURE_SCORES)
def test_values_in_any_usual_form(score, form):
    np.testing.assert_allclose(score(form(MEAN), form(STD), form(VALUE)), score(MEAN, STD, VALUE))
    if score not in (c.pit, MIXTURE_SCORES["hits"]):  # of values of any shape
        np.testing.assert_allclose(score(MEAN, STD, form(VALUE[:, None])), score(MEAN, STD, VALUE))
    np.testing.assert_allclose(score(form(MEAN[0]), form(STD[0]), VALUE), score(MEAN[:1], STD[:1], VALUE))


BAD_MIXTURES = {
    "negative widths": (MEAN, -STD, VALUE, "widths"), "log variances": (MEAN, np.log(STD), VALUE, "log variances"),
    "infinite widths": (MEAN, np.inf * STD, VALUE, "infinite"), "transposed": (MEAN.T, STD.T, VALUE, "order"),
    "other rows": (MEAN[:, :9], STD[:, :9], VALUE, ""), "text": (MEAN, STD, np.full(60, "faint"), "text"),
    "swapped": (VALUE, STD, MEAN, ""),
}  # fmt: skip


@pytest.mark.parametrize(("mean", "std", "truth", "cause"), BAD_MIXTURES.values(), ids=BAD_MIXTURES)
@pytest.mark.parametrize("score", MIXTURE_SCORES.values(), ids=MIXTURE_SCORES)
def test_a_mistake_in_values_is_never_a_number(score, mean, std, truth, cause):
    with pytest.raises(InputError, match=cause or None):
        score(mean, std, truth)


def test_shares_sum_to_one():
    share = np.full((4, 60), 0.25)
    assert c.crps(MEAN, STD, VALUE, share=share) == pytest.approx(c.crps(MEAN, STD, VALUE))
    for wrong in (4 * share, share - 0.3, np.zeros_like(share)):
        with pytest.raises(InputError, match="sum"):
            c.crps(MEAN, STD, VALUE, share=wrong)


OTHERS = {
    "auc of names": lambda: c.auc(P[:, 0], np.array(NAMES)[TRUTH]),
    "auc swapped": lambda: c.auc(HITS, P[:, 0]),
    "auc of classes": lambda: c.auc(P[:, 0], TRUTH),
    "purity of probabilities": lambda: c.purity(P[:, 0], TRUTH == 0),
    "figure of merit of classes": lambda: c.figure_of_merit(TRUTH, TRUTH),
    "aurc of NaN": lambda: c.aurc(np.full(60, np.nan), HITS),
    "aurc of names": lambda: c.aurc(P.max(1), np.array(NAMES)[TRUTH]),
    "confusion of names": lambda: c.confusion(truth=TRUTH, predicted=np.array(NAMES)[TRUTH], classes=3),
    "confusion out of range": lambda: c.confusion(truth=TRUTH, predicted=TRUTH + 1, classes=3),
    "confusion of a negative": lambda: c.confusion(truth=TRUTH - 1, predicted=TRUTH, classes=3),
    "binary percent": lambda: c.binary_brier(100 * P[:, 0], TRUTH == 0),
    "binary logits": lambda: c.binary_ece(LOGITS[:, 0], TRUTH == 0),
    "binary with classes": lambda: c.binary_ece(P[:, 0], TRUTH),
    "no bins": lambda: c.ece(P, TRUTH, bins=0),
    "bins of a fraction": lambda: c.adaptive_ece(P, TRUTH, bins=2.5),
    "negative weights": lambda: c.nll(P, TRUTH, weight=-np.ones(60)),
    "weights of classes": lambda: c.nll(P, TRUTH, weight=np.ones(3)),
    "coverage of labels": lambda: c.coverage_of(TRUTH, 0.9),
    "coverage in per cent": lambda: c.coverage_of(HITS, 90),
    "confidence in per cent": lambda: c.coverage_of(HITS, 0.9, confidence=95.5),
    "coverage of other rows": lambda: c.coverage_of(HITS, P[:5, 0]),
    "coverage curve transposed": lambda: c.coverage_curve(np.stack([HITS, HITS, HITS]).T),
    "reliability of logits": lambda: c.reliability_curve(LOGITS[:, 0], TRUTH == 0),
    "level in per cent": lambda: c.pit_hits(P[:, 0], 90),
    "pit of percent": lambda: c.uniformity(100 * P[:, 0]),
    "hits of NaN": lambda: c.pit_hits(np.full(3, np.nan), 0.9),
    "hits and n swapped": lambda: c.wilson_interval(100, 90),
    "band of no rows": lambda: c.calibrated_band(0.9, 0),
    "interval upside down": lambda: c.interval_score(np.ones(3), np.zeros(3), np.zeros(3), coverage=0.9),
    "interval in per cent": lambda: c.interval_score(np.zeros(3), np.ones(3), np.zeros(3), coverage=90),
    "ranks transposed": lambda: c.ranks(RNG.random((60, 4)), VALUE),
    "ranks of fractions": lambda: c.rank_histogram(P[:, 0], 4),
    "tarp transposed": lambda: c.tarp(RNG.random((60, 4, 2)), RNG.random((60, 2))),
    "expected coverage of percent": lambda: c.expected_coverage(100 * P[:, 0]),
    "calibrated resample of logits": lambda: c.calibrated_resample(c.ece, LOGITS),
    "bootstrap in per cent": lambda: c.with_interval(c.ece, P, TRUTH, level=68.3),
    "no resamples": lambda: c.with_interval(c.ece, P, TRUTH, resamples=0),
    "level of text": lambda: c.level_index("90%"),
    "credible sets of logits": lambda: c.credible_sets(LOGITS, 0.9),
    "credible sets in per cent": lambda: c.credible_sets(P, 90),
    "sets of logits": lambda: c.ConformalSets(3).contains(LOGITS, 0.9),
    "sets of other classes": lambda: c.ConformalSets(4).fit(P, TRUTH),
    "intervals of negative widths": lambda: c.ConformalIntervals(1).fit(MEAN.T, -STD.T, MEAN.T),
    "interval upside down, again": lambda: c.ConformalIntervals(1)(np.zeros(1), -np.ones(1), 0.9),
    "intervals of other values": lambda: c.ConformalIntervals(3)(np.zeros((5, 1)), np.ones((5, 1)), 0.9),
    "quantiles of negative widths": lambda: c.QuantileScaling(1).fit(MEAN[..., None], -STD[..., None], VALUE),
    "quantile of other values": lambda: c.QuantileScaling(2)(MEAN[..., None], STD[..., None], 0.9),
    "scaling of probabilities": lambda: c.TemperatureScaling().fit(P[None], TRUTH),
    "scaling of names": lambda: c.TemperatureScaling().fit(LOGITS[None], np.array(NAMES)[TRUTH]),
    "scaling of other classes": lambda: c.VectorScaling(3)(LOGITS[:, :1]),
    "scaling of other values": lambda: c.VarianceScaling(3)(MEAN[..., None], STD[..., None]),
    "nll of probabilities": lambda: c.predictive_nll(P[None], TRUTH),
    "cross fit of names": lambda: c.cross_fit(c.TemperatureScaling, LOGITS[None], np.array(NAMES)[TRUTH]),
    "binned scores of other rows": lambda: c.BinnedConformal(2).fit(VALUE, MEAN.T),
    "one column of two": lambda: c.NestedBinnedConformal(2, 2).bound(VALUE[:, None], 0.9),
    "energy of probabilities": lambda: energy(P),
    "temperature below 0": lambda: energy(LOGITS, -1.0),
    "auroc of NaN": lambda: auroc(in_distribution=VALUE, ood=np.full(3, np.nan)),
    "auroc of nothing": lambda: auroc(in_distribution=VALUE, ood=[]),
    "rate in per cent": lambda: fpr_at_tpr(in_distribution=VALUE, ood=VALUE, tpr=95),
    "percentiles": lambda: fisher_combined(100 * P[:, 0], P[:, 1]),
    "combination of other rows": lambda: fisher_combined(P[:, 0], P[:5, 1]),
    "features of one object": lambda: FeatureDistance(3).fit(P[0]),
    "other features": lambda: FeatureDistance(3)(P[:, :1]),
    "labels of names": lambda: FeatureDistance(3, 3).fit(P, np.array(NAMES)[TRUTH]),
    "ood level in per cent": lambda: EmpiricalPValue().fit(VALUE).exceeds(VALUE, 99),
    "split of logits": lambda: split_classes(np.stack([LOGITS] * 3)),
    "split of percent": lambda: split_classes(100 * np.stack([P] * 3)),
    "split of one sample": lambda: split_classes(P),
    "split of classes first": lambda: split_classes(np.stack([P.T] * 3)),
    "negative variance": lambda: split_values(MEAN[..., None], variance=-STD[..., None]),
    "variance of other values": lambda: split_values(MEAN[..., None], variance=STD),
    "standard deviations in place of a covariance": lambda: split_values(MEAN[..., None], covariance=STD),
    "samples of a fraction": lambda: sample(NETWORK, P.astype("f4"), 2.5, seed=0),
    "samples of text": lambda: sample(NETWORK, P.astype("f4"), "30", seed=0),
    "inputs of text": lambda: sample(NETWORK, np.array([NAMES]), 3, seed=0),
    "adaptive split of logits": lambda: split_classes_until(NETWORK, P, 0.1, 0, probabilities=lambda x: x, most=20),
    "adaptive split of log variances": lambda: split_values_until(
        NETWORK, P, lambda x: (x, -torch.ones_like(x)), 0.1, 0, most=20
    ),
    "returns of NaN": lambda: score_return(np.array([1.0, np.nan])),
    "sets of other classes in a score": lambda: of_classes.score_sets(P, TRUTH, 0.9),
    "names that are none of the classes": lambda: of_classes.confusion_curve(P, ["Ia", "SLSN"] * 30, NAMES),
    "other classes": lambda: of_classes.roc_curves(P, TRUTH, NAMES[:2]),
}
NETWORK = network()


@pytest.mark.parametrize("mistake", OTHERS.values(), ids=OTHERS)
def test_other_mistakes_are_never_a_number(mistake):
    with pytest.raises(InputError) as error:
        mistake()
    assert error.value.problem
    assert error.value.expected


def test_modules_take_lists_and_arrays_as_tensors():
    stacked, truth = np.stack([LOGITS, LOGITS + 0.1]), TRUTH
    for build in SCALINGS:
        by_tensor = build().fit(torch.from_numpy(stacked), torch.from_numpy(truth))
        by_list = build().fit(stacked.tolist(), truth.astype(float).tolist())
        assert torch.equal(by_tensor(torch.from_numpy(LOGITS)), by_list(LOGITS.tolist()))
    one = c.VarianceScaling(1).fit(MEAN[..., None], STD[..., None], VALUE)
    assert torch.equal(one.factor, c.VarianceScaling(1).fit(MEAN[..., None], STD[..., None], VALUE[:, None]).factor)
    quantiles = c.QuantileScaling(1).fit(MEAN[..., None], STD[..., None], VALUE)
    low, _ = quantiles(MEAN[..., None].tolist(), STD[..., None], 0.5)
    assert low.shape == (60, 1)
    binned = c.BinnedConformal(2).fit(VALUE.tolist(), abs(VALUE))
    assert binned.contains(VALUE, abs(VALUE[:, None]), 0.9).shape == (60, 1)
    intervals = c.ConformalIntervals(1).fit(MEAN[0], STD[0], VALUE)
    assert intervals(MEAN[0][:, None], STD[0][:, None], 0.5)[0].shape == (60, 1)


def test_a_single_pass_is_one_sample():
    truth = torch.from_numpy(TRUTH)
    assert c.predictive_nll(LOGITS, truth) == c.predictive_nll(LOGITS[None], truth)


def test_whole_values_have_percentiles_too():
    p_value = EmpiricalPValue().fit(range(1000))
    assert p_value([500, 10]).tolist() == pytest.approx([0.499, 0.009], abs=1e-6)


def test_names_are_numbers_where_the_classes_are_known():
    names = np.array(NAMES)[TRUTH]
    assert class_numbers(names, NAMES).tolist() == TRUTH.tolist()
    assert of_classes.confusion_curve(P, names, NAMES) == of_classes.confusion_curve(P, TRUTH, NAMES)
    assert table_by_class(P, list(names), P > 0.2, NAMES, 0.9) == table_by_class(P, TRUTH, P > 0.2, NAMES, 0.9)
    with pytest.raises(InputError, match="nearest: Ibc"):
        class_numbers(["Ibcc"], NAMES)
    with pytest.raises(InputError, match="''"):
        class_numbers([""], NAMES)


def test_an_evaluation_takes_names_and_leaves_out_unknown_classes():
    ids = np.arange(60).astype(str)
    prediction = Classes({"id": ids}, NAMES, P, 0 * P, P[:, 0], P[:, 1])
    names = np.where(np.arange(60) < 10, "", np.array(NAMES)[TRUTH])
    by_number = np.where(np.arange(60) < 10, -1, TRUTH)
    assert evaluate_classes(prediction, names) == evaluate_classes(prediction, by_number)
    for wrong in (names[:-1], TRUTH + 1, np.where(names == "Ia", "SLSN", names), LOGITS):
        with pytest.raises(InputError):
            evaluate_classes(prediction, wrong)
    with pytest.raises(InputError, match="logits"):
        evaluate_classes(prediction, names, before=LOGITS)


def test_a_classifier_is_calibrated_with_names():
    by_name, by_number = (CalibratedClassifier(network(), NAMES) for _ in range(2))
    by_name.calibrate(LOGITS, np.array(NAMES)[TRUTH], samples=5, seed=0)
    by_number.calibrate(LOGITS, TRUTH, samples=5, seed=0)
    assert torch.equal(by_name.scaling.scale, by_number.scaling.scale)


def test_inputs_in_a_list_are_those_of_an_array():
    inputs = P[:5].astype(np.float32)
    samples = sample(NETWORK, inputs, 4, seed=0)
    assert torch.equal(sample(NETWORK, inputs.tolist(), 4, seed=0), samples)
    assert torch.equal(sample(NETWORK, inputs, 4, seed=0, rows=[0, 1, 2, 3, 4]), samples)


def test_losses_take_arrays_and_name_labels_that_are_no_class():
    loss = unwrap(categorical_nll)
    expected = loss(torch.from_numpy(LOGITS), torch.from_numpy(TRUTH))
    assert torch.equal(loss(LOGITS, TRUTH.astype(np.float32)), expected)
    assert torch.equal(loss(LOGITS, TRUTH[:, None]), expected)
    for wrong in (TRUTH + 1, TRUTH - 1, TRUTH + 0.5, TRUTH[:-1], np.array(NAMES)[TRUTH], None):
        with pytest.raises(InputError):
            loss(LOGITS, wrong)
        with pytest.raises(InputError):
            unwrap(Categorical.nll)(Categorical(3), LOGITS, wrong)
    gaussian = unwrap(gaussian_nll)
    assert gaussian(MEAN[..., None], MEAN[..., None], VALUE[:, None].tolist()).shape == (4, 60)
    for arguments in ((MEAN[..., None], MEAN, VALUE[:, None]), (MEAN[..., None], MEAN[..., None], VALUE)):
        with pytest.raises(InputError):
            gaussian(*arguments)
    with pytest.raises(InputError):
        unwrap(mixture_nll)(np.float64(1.0))


def test_heads_name_outputs_of_another_head():
    for raw in (P, P[:, :1]):
        with pytest.raises(InputError, match="raw outputs"):
            Gaussian(1).moments(torch.from_numpy(raw))


def test_every_public_function_of_calibration_looks_at_its_arguments():
    functions = {name: f for name in c.__all__ if callable(f := getattr(c, name)) and not isclass(f)}
    assert not {name for name, f in functions.items() if not hasattr(f, "unchecked")}


def test_loops_leave_the_checks_out():
    seen = []

    def check(name, array, sizes):
        seen.append(name)
        return array

    rule = probabilities("row class")
    spied = type(rule)(rule.axes, check)
    score = checked(probability=spied, truth=labels("row"))(unchecked(c.brier))
    c.with_interval(score, P, TRUTH, resamples=30)
    assert seen == ["probability"]


def test_a_checked_function_keeps_the_errors_of_python():
    for wrong in (partial(c.brier, P), partial(c.brier, P, TRUTH, None, 3), partial(c.brier, P, TRUTH, x=1)):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(TypeError):
        c.brier(P, TRUTH, truth=TRUTH)


@given(st.integers(1, 6), st.integers(2, 5), st.floats(0.01, 10))
def test_softmax_is_accepted_and_its_logits_are_not(rows, classes, scale):
    logits = scale * np.random.default_rng(rows).standard_normal((rows, classes)) - scale
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    assert np.isfinite(c.brier(p.astype(np.float32), np.zeros(rows)))
    with pytest.raises(InputError):
        c.brier(logits, np.zeros(rows))


def test_single_numbers():
    assert require_fraction("level", np.float32(0.5)) == require_fraction("level", torch.tensor(0.5)) == 0.5
    assert require_count("bins", np.int64(3)) == require_count("bins", 3.0) == 3
    for wrong in (90, -0.1, np.nan, "0.9", None, [0.9], True):
        with pytest.raises(InputError):
            require_fraction("level", wrong)
    for wrong in (0, 2.5, np.nan, np.inf, "3", None, True):
        with pytest.raises(InputError):
            require_count("bins", wrong)
