"""Scores of posterior draws, against distributions whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest

from skysure.errors import InputError
from skysure.evaluation import Evaluation
from skysure.evaluation.posterior import (
    PosteriorScores,
    crps_of_draws,
    energy_score,
    largest_gap,
    nmad,
    outlier_rate,
    r2,
    resample,
)
from skysure.evaluation.schema import check_metrics


def gather(width: float = 1.0, shift: float = 0.0, correlation: float = 0.0, n: int = 4000) -> PosteriorScores:
    """Two values with posteriors N(x, 1), reported with another width, centre or correlation."""
    rng = np.random.default_rng(0)
    scores = PosteriorScores(("a", "b"), ("arcsec", ""), (-6, -6), (6, 6), positive=("a",))
    for _ in range(2):
        x = rng.uniform(4, 5, (n // 2, 2))
        truth = x + rng.standard_normal(x.shape)
        noise = rng.standard_normal((100, n // 2, 2))
        noise[..., 1] = correlation * noise[..., 0] + np.sqrt(1 - correlation**2) * noise[..., 1]
        scores.add(x + shift + width * noise, truth, x + 2 * noise, {"S/N": x[:, 0]})
    return scores


def values(scores: PosteriorScores) -> dict[str, float]:
    return {score.name: score.value for score in scores.scores()}


def test_calibrated_posterior_is_found_calibrated() -> None:
    score = values(gather())
    assert score["a_rms"] == pytest.approx(1.0, abs=0.03)
    assert score["a_crps"] == pytest.approx(1 / np.sqrt(np.pi), abs=0.02)
    assert score["a_coverage_683"] == pytest.approx(68.3, abs=2)
    assert score["largest_coverage_gap"] < 2.5
    assert score["joint_inside_band"] == 1
    assert score["joint_p_value"] > 0.01


@pytest.mark.parametrize("fault", [{"width": 0.7}, {"shift": 0.5}, {"width": 1.5}])
def test_faults_of_the_marginals_are_found(fault: dict[str, float]) -> None:
    score = values(gather(**fault))
    assert score["largest_coverage_gap"] > 5
    assert score["joint_inside_band"] == 0


def test_wrong_correlation_is_found_jointly_alone() -> None:
    score = values(gather(correlation=0.95))
    assert score["largest_coverage_gap"] < 2.5
    assert score["joint_p_value"] < 1e-3


def test_scores_before_calibration_stand_beside() -> None:
    by_name = {score.name: score for score in gather().scores(headline=("a",))}
    assert by_name["largest_coverage_gap"].before > 15
    assert by_name["a_coverage_683"].before == pytest.approx(95.4, abs=2)
    assert by_name["a_rms"].headline
    assert not by_name["b_rms"].headline


def test_curves_and_table_are_plain() -> None:
    scores = gather(n=600)
    evaluation = Evaluation(curves=tuple(scores.curves()), tables=(scores.table(),))
    assert [curve.name for curve in evaluation.curves] == [
        "posterior_coverage", "posterior_ranks", "joint_coverage", "predicted", "by",
    ]  # fmt: skip
    assert evaluation.tables[0].rows[0][0] == "a"
    predicted = evaluation.curve("predicted")[0]
    share = np.mean(np.array(predicted["level"]) == 0)
    inside = (np.array(predicted["low"]) < predicted["truth"]) & (np.array(predicted["truth"]) < predicted["high"])
    assert share == pytest.approx(inside.mean(), abs=0.03)
    assert sum(b["n"] for b in evaluation.curve("by")["S/N"]) == 600


def test_objects_without_truth_or_draws_are_left_out() -> None:
    scores = PosteriorScores(("a",), ("",), (0,), (1,))
    draws = np.random.default_rng(0).random((20, 3, 1))
    draws[0, 1] = np.nan
    scores.add(draws, np.array([[0.5], [0.5], [np.nan]]))
    assert len(scores) == 1
    with pytest.raises(InputError, match="no objects with true values"):
        PosteriorScores(("a",), ("",), (0,), (1,)).scores()


def test_crps_of_draws_is_that_of_a_gaussian() -> None:
    draws = np.random.default_rng(0).standard_normal((4000, 1, 2))
    expected = 2 * 0.24197072 + 1 * (2 * 0.8413447 - 1) - 1 / np.sqrt(np.pi)
    assert crps_of_draws(draws, np.array([[1.0, 0.0]]))[0, 0] == pytest.approx(expected, abs=0.02)


def test_scores_of_known_errors() -> None:
    truth = np.array([1.0, 1.0, 1.0, 1.0, 2.0])
    mean = truth * np.array([1.0, 1.01, 0.99, 1.2, 1.0])
    assert outlier_rate(mean, truth) == pytest.approx(20)
    assert nmad(mean, truth) == pytest.approx(1.4826)
    assert r2(truth, truth) == 1
    interval = resample(np.mean, np.arange(1000.0))
    assert interval.high - interval.value == pytest.approx(1000 / np.sqrt(12 * 1000), rel=0.2)
    gap, where = largest_gap(np.full((100, 1), 0.5), ("a",))
    assert gap == pytest.approx(0.99)
    assert where == "a at 1 %"


def test_energy_score_of_one_value_is_its_crps() -> None:
    rng = np.random.default_rng(1)
    draws, truth = rng.standard_normal((400, 500, 1)), rng.standard_normal((500, 1))
    energy, crps = energy_score(draws, truth, np.ones(1)), crps_of_draws(draws, truth)[:, 0]
    assert energy.mean() == pytest.approx(crps.mean(), abs=0.02)
    assert energy_score(2 * draws, 2 * truth, np.full(1, 2.0)) == pytest.approx(energy)


def test_energy_score_is_smallest_for_the_true_correlation() -> None:
    means = {}
    for correlation in (0.0, 0.9):
        rng = np.random.default_rng(0)
        truth = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 4000)
        draws = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], (100, 4000))
        means[correlation] = energy_score(draws, truth, np.ones(2)).mean()
    assert means[0.9] < means[0.0]


def test_coverage_is_tabulated_in_bins_of_each_column() -> None:
    table, by_bin = gather(width=0.7).tables()
    assert table.name == "parameters"
    assert len(by_bin.rows) == 5
    assert sum(row[1] for row in by_bin.rows) == 4000
    assert all(row[2]["high"] < 68.3 for row in by_bin.rows)
    assert [column.label for column in by_bin.columns[2:]] == ["a", "b"]


def test_what_was_before_calibration_is_left_out_where_it_is_not_given() -> None:
    rng = np.random.default_rng(0)
    scores = PosteriorScores(("a", "b"), ("", ""), (-4, -4), (4, 4))
    scores.add(rng.standard_normal((50, 300, 2)), rng.standard_normal((300, 2)))
    assert all(score.before is None for score in scores.scores())
    curves = {curve.name: curve.data for curve in scores.curves()}
    assert curves["joint_coverage"]["before"] is None
    assert all(curve["before"] is None for curve in curves["posterior_coverage"])
    assert len(curves["predicted"][0]["low"]) == 300


def test_curves_are_of_the_declared_form() -> None:
    scores = gather()
    metrics = Evaluation(curves=tuple(scores.curves()), tables=tuple(scores.tables())).metrics
    check_metrics(metrics, "metrics.json")


def test_likelihood_is_scored_where_it_is_given() -> None:
    rng = np.random.default_rng(0)
    scores = PosteriorScores(("a",), ("",), (-4,), (4,))
    scores.add(rng.standard_normal((50, 300, 1)), rng.standard_normal((300, 1)), nll=np.full(300, 1.5))
    assert values(scores)["nll"] == 1.5
    assert "nll" not in values(gather())
