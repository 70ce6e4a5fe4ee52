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
        "is_ood": {"count": 12, "of": 500},
        "dropped": {"count": 1, "why": "trained on it"},
        "rejected": {"count": 3, "of": 1503},
    }
    assert sentences(metrics) == [
        "Of the predictive variance, 75 % is aleatoric (noise in the data) and 25 % epistemic "
        "(ignorance of the model).",
        "12 of 500 supernovae (2.4 %) are out of distribution.",
        "1 supernova was left out: trained on it.",
        "3 of 1,503 supernovae were set aside as unusable.",
    ]


def binned(coverage: list[float], accuracy: list[float]) -> dict:
    rows = [
        {"low": low, "high": high, "n": 1000, "wanted": 0.9, "confidence": 0.8}
        | {"coverage": c, "coverage_low": c - 0.01, "coverage_high": c + 0.01}
        | {"accuracy": a, "accuracy_low": a - 0.012, "accuracy_high": a + 0.012}
        | {"coverage_band_low": 0.87, "coverage_band_high": 0.93}
        | {"accuracy_band_low": 0.77, "accuracy_band_high": 0.83}
        for (low, high), c, a in zip([(None, 7.912), (7.912, 20), (20, None)], coverage, accuracy, strict=True)
    ]
    return {"curves": {"by": {"Largest signal-to-noise ratio": rows, "Redshift": rows[1:]}}}


def test_bins_inside_their_bands_are_said_to_be():
    columns = "in all bins of largest signal-to-noise ratio and redshift."
    assert sentences(binned([0.871, 0.9, 0.93], [0.77, 0.8, 0.83])) == [
        f"Sets keep their promise within chance {columns}",
        f"The probability of an answer is kept within chance {columns}",
    ]


def test_the_bin_farthest_outside_its_band_is_named():
    found = sentences(binned([0.86, 0.9, 0.945], [0.8, 0.8, 0.8]))
    assert found[0] == "Largest signal-to-noise ratio above 20: the sets hold the true class for 94.5 ± 1.0 %, where " \
        "90 % were claimed and chance explains 87.0 to 93.0 %; 2 of 3 bins are outside."  # fmt: skip
    assert found[1].startswith("Redshift above 20: the sets hold the true class for 94.5 ± 1.0 %")
    assert found[1].endswith("1 of 2 bins is outside.")
    found = sentences(binned([0.8, 0.9, 0.9], [0.8, 0.8, 0.73]))
    assert found[0] == "Sets keep their promise within chance in all bins of redshift."
    assert found[1].startswith(
        "Largest signal-to-noise ratio up to 7.91: the sets hold the true class for 80.0 ± 1.0 %"
    )
    assert found[2].startswith("Largest signal-to-noise ratio above 20: answers are right for 73.0 ± 1.2 %, where 80 %")


def early(single: list[float], days: tuple[float, ...] = (0.0, 5.0, 10.0, 90.0)) -> dict:
    curve = {"of": "Ia", "days": list(days), "n": 800, "single": single}
    for k, name in enumerate(("accuracy", "completeness", "purity")):
        value = [0.5 + 0.1 * k + 0.1 * i for i in range(len(days))]
        curve |= {name: value, f"{name}_low": [v - 0.02 for v in value], f"{name}_high": [v + 0.02 for v in value]}
    return {"noun": "star", "curves": {"early": curve}}


def test_classes_that_a_small_test_part_lacks_are_not_spoken_of():
    metrics = early([0.1, 0.2, 0.6, 0.9])
    curve = metrics["curves"]["early"]
    curve |= {f"completeness{end}": [None] * 4 for end in ("", "_low", "_high")}
    assert "purity" not in "".join(sentences(metrics))


def test_where_no_class_is_named_none_is_found_early():
    metrics = early([0.1, 0.2, 0.6, 0.9])
    bare = {key: values for key, values in metrics["curves"]["early"].items() if key[:6] not in ("comple", "purity")}
    found = sentences(metrics | {"curves": {"early": bare | {"of": None}}})
    assert found[1] == "10 days after detection answers are right for 70.0 ± 2.0 % (after 90 days 80.0 ± 2.0 %)."


def test_how_early_it_is_known():
    # 0.2 + (0.5 - 0.2) / (0.6 - 0.2) of the way from day 5 to day 10: day 8.75
    said, right = sentences(early([0.1, 0.2, 0.6, 0.9]))
    assert said == "Half of the stars have a set of one class 9 days after detection."
    assert right == "10 days after detection answers are right for 70.0 ± 2.0 % (after 90 days 80.0 ± 2.0 %); " \
        "80.0 ± 2.0 % of Ia are found with a purity of 90.0 ± 2.0 %."  # fmt: skip
    assert (
        sentences(early([0.6, 0.7, 0.8, 0.9]))[0]
        == "On the day of detection 60 % of the stars have a set of one class."
    )
    late = "90 days after detection 45 % of the stars have a set of one class."
    assert sentences(early([0.1, 0.2, 0.3, 0.45]))[0] == late
    for share, when in ((0.48, "on the day of"), (0.4, "1 day after"), (0.3, "2 days after")):
        soon = sentences(early([share, 0.9, 0.9, 0.9]))[0]  # 5 (0.5 - share) / (0.9 - share) days: 0.24, 1.0, 1.7
        assert soon == f"Half of the stars have a set of one class {when} detection."
    half = sentences(early([0.25, 0.75], days=(0.0, 1.0)))[0]
    assert half == "Half of the stars have a set of one class on the day of detection."
    nobody = early([0.1, 0.2, 0.6, 0.9])
    nobody["curves"]["early"]["purity"][2] = None
    assert sentences(nobody)[1].endswith("(after 90 days 80.0 ± 2.0 %).")
    assert len(sentences(early([0.1, 0.6], days=(0.0, 5.0)))) == 1


def test_sets_promise_nothing_for_each_class():
    columns = [{"label": "Class"}, {"label": "Light curves"}, {"label": "In the set", "unit": "%"}]
    shares = {"Ia": (96.0, 95.5, 96.5), "II": (91.2, 90.8, 91.6), "Ibc": (61.0, 58.0, 64.0)}
    rows = [[name, 9, dict(zip(("value", "low", "high"), share, strict=True))] for name, share in shares.items()]
    table = {"name": "classes", "wanted": 0.9, "columns": columns, "rows": rows}
    said = "The 90 % are promised for all stars together, not for each class: sets hold 61.0 ± 3.0 % of Ibc and " \
        "96.0 ± 0.5 % of Ia."  # fmt: skip
    assert sentences({"noun": "star", "tables": [table]}) == [said]
    few = [["odd", 2, {"value": 50.0, "low": 20.0, "high": 80.0}], ["one", 1, {"value": 100, "low": 70, "high": 100}]]
    assert sentences({"noun": "star", "tables": [table | {"rows": [*few, *rows]}]}) == [said]
    alike = [["A", 90, {"value": 55, "low": 50, "high": 60}], ["B", 2, {"value": 50, "low": 20, "high": 90}]]
    (neither,) = sentences({"noun": "star", "tables": [table | {"rows": alike}]})  # A would be both least and most
    assert neither.endswith("together, not for each class.")
    assert sentences({"tables": [table | {"rows": rows[:1]}]}) == []
    assert sentences({"tables": [table | {"rows": []}]}) == []


def test_kinds_that_no_class_has():
    columns = [{"label": "Kind"}, {"label": "Known"}, {"label": "Flagged", "unit": "%"}]
    cell = {"value": 20.0, "low": 17.0, "high": 23.0}
    rows = [["Ia", "yes", cell], ["TDE", "no", cell], ["KN", "no", {"value": 60.0, "low": 55.0, "high": 65.0}]]
    table = {"name": "kinds", "columns": columns, "rows": rows}
    said = "Of kinds that no class has, flagged as unlike: KN 60 ± 5 % and TDE 20.0 ± 3.0 %."
    assert sentences({"tables": [table]}) == [said]
    assert sentences({"tables": [table | {"rows": rows[:1]}]}) == []


def test_nothing_known_nothing_said():
    assert sentences({}) == []
    assert sentences({"curves": {"reliability": {"of": "Ia", "after": {k: [] for k in bins([0, 0, 0])}}}}) == []
