"""Every sentence against a calculation by hand."""

import math

import pytest
from scipy.integrate import quad

from skysure.report.sentences import expected_error, sentences, width_factor


def coverage(actual: float, half: float, nominal: float = 0.683, n: int = 1000, **more) -> dict:
    curve = {"nominal": [nominal], "actual": [actual], "low": [actual - half], "high": [actual + half], "n": n}
    return {"curves": {"coverage": curve | more}}


@pytest.mark.parametrize("width", [0.8, 0.93, 1.0, 1.07, 1.5])
@pytest.mark.parametrize("half", [1.0, 2.0])
def test_width_is_recovered_from_the_integral_of_a_gaussian(width, half):
    def inside(limit: float) -> float:
        return quad(lambda x: math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi), -limit, limit)[0]

    assert width_factor(inside(half), inside(half * width)) == pytest.approx(width, rel=1e-6)


def test_intervals_too_wide():
    # inverse error function: z(0.683) = 1.00064, z(0.712) = 1.06252; at 0.704 and 0.720: 1.04505, 1.08032
    said = "The 68.3 % intervals hold the truth for 71.2 ± 0.8 % of 1,000 objects: they are 6.2 ± 1.8 % too wide."
    assert sentences(coverage(0.712, 0.008)) == [said]


def test_intervals_too_narrow_with_what_calibration_changed():
    # z(0.64) = 0.91537, 0.91537 / 1.00064 = 0.9148; at 0.625 and 0.655: 0.88715, 0.94419
    said = "The 68.3 % intervals hold the truth for 64.0 ± 1.5 % of 1,000 stars (before calibration 51.0 %): "
    found = sentences(coverage(0.64, 0.015, before=[0.51]) | {"noun": "star"})
    assert found == [said + "they are 8.5 ± 2.9 % too narrow."]


def test_intervals_right_within_their_error():
    (said,) = sentences(coverage(0.690, 0.015))  # z(0.675) = 0.98424, z(0.705) = 1.04723: half of 6.3 %
    assert said.endswith("69.0 ± 1.5 % of 1,000 objects: their width is right within its error of 3.1 %.")


def test_full_coverage_has_no_width():
    curve = {"nominal": [0.683], "actual": [1.0], "low": [0.99], "high": [1.0], "n": 50}
    (said,) = sentences({"curves": {"coverage": curve}})
    assert said.endswith("all of them, so their width cannot be told.")


def test_only_the_customary_intervals_are_spoken_of():
    assert sentences(coverage(0.5, 0.01, nominal=0.5)) == []
    assert len(sentences(coverage(0.95, 0.01, nominal=0.955))) == 1


@pytest.mark.parametrize(("actual", "verdict"), [(0.903, "as promised"), (0.95, "more than"), (0.85, "less than")])
def test_prediction_sets(actual, verdict):
    curve = {"nominal": [0.9], "actual": [actual], "low": [actual - 0.007], "high": [actual + 0.007], "n": 1824}
    (said,) = sentences({"curves": {"sets": curve | {"size": [1.117]}}})
    start = f"Prediction sets at 90 % hold the true class for {100 * actual:.1f} ± 0.7 % of 1,824 objects, "
    assert said.startswith(start + f"with 1.12 classes on average: {verdict}")


def bins(observed: list[float]) -> dict:
    low, high = [o - 0.02 for o in observed], [o + 0.02 for o in observed]
    return {"predicted": [0.2, 0.6, 0.81], "observed": observed, "low": low, "high": high, "n": [600, 300, 100]}


def test_probabilities_near_four_fifths():
    (said, error) = sentences({"curves": {"reliability": {"of": "Ia", "after": bins([0.2, 0.6, 0.79])}}})
    assert said == "Of 100 objects given P(Ia) near 0.81, 79.0 ± 2.0 % are Ia."
    assert error == "The expected error of a probability is 0.2 %."  # 100 of 1,000 are off by 0.02
    (said, _) = sentences({"curves": {"reliability": {"of": None, "after": bins([0.2, 0.6, 0.79])}}})
    assert said == "Of 100 objects whose answer was given a probability near 0.81, 79.0 ± 2.0 % were right."


def test_expected_error_before_and_after():
    # 0.6 * 0.01 + 0.3 * 0.004 + 0.1 * 0.008 = 0.008; 0.6 * 0.02 + 0.3 * 0.01 + 0.1 * 0.06 = 0.021
    after, before = bins([0.21, 0.604, 0.818]), bins([0.22, 0.59, 0.75])
    assert expected_error(after) == pytest.approx(0.008)
    said = sentences({"curves": {"reliability": {"of": "Ia", "before": before, "after": after}}})
    assert said[-1] == "After calibration the expected error of a probability is 0.8 %, before 2.1 %."


def test_the_score_named_ece_goes_first():
    score = {"name": "ece", "label": "ECE", "value": 1.3, "unit": "%", "before": 4.0}
    curve = {"reliability": {"of": "Ia", "after": bins([0.2, 0.6, 0.81])}}
    said = sentences({"scores": [score], "curves": curve})
    assert said[-1] == "After calibration the expected error of a probability is 1.3 %, before 4 %."


def test_counts():
    metrics = {
        "noun": "supernova",
        "nouns": "supernovae",
        "uncertainty": {"measure": "variance", "aleatoric": 0.75, "epistemic": 0.25},
        "unlike": {"count": 12, "of": 500},
        "dropped": {"count": 1, "why": "trained on it"},
        "rejected": {"count": 3, "of": 1503},
    }
    assert sentences(metrics) == [
        "Of the predictive variance, 75 % is aleatoric (noise in the data) and 25 % epistemic "
        "(ignorance of the model).",
        "12 of 500 supernovae (2.4 %) are unlike the training set.",
        "1 supernova was left out: trained on it.",
        "3 of 1,503 supernovae were set aside as unusable.",
    ]


def test_nothing_known_nothing_said():
    assert sentences({}) == []
    assert sentences({"curves": {"reliability": {"of": "Ia", "after": {k: [] for k in bins([0, 0, 0])}}}}) == []
