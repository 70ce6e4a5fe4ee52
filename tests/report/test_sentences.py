"""Every text against a calculation by hand."""

import math

import pytest
from scipy.integrate import quad
from scipy.stats import binom

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
    text = "The 68.3 % intervals hold the truth for 71.2 ± 0.8 % of 3,400 objects: they are 6.2 ± 1.8 % too wide."
    assert sentences(coverage(0.712, 0.008, n=3400)) == [text]


def test_intervals_too_narrow_with_what_calibration_changed():
    # z(0.64) = 0.91537, 0.91537 / 1.00064 = 0.9148; at 0.625 and 0.655: 0.88715, 0.94419
    text = "The 68.3 % intervals hold the truth for 64.0 ± 1.5 % of 1,000 stars (before calibration 51.0 %): "
    texts = sentences(coverage(0.64, 0.015, before=[0.51]) | {"noun": "star"})
    assert texts == [text + "they are 8.5 ± 2.9 % too narrow."]


def test_intervals_of_consistent_coverage():
    (text,) = sentences(coverage(0.690, 0.015))  # z(0.675) = 0.98424, z(0.705) = 1.04723: half of 6.3 %
    verdict = "coverage is consistent with nominal, and their width is correct to ± 3.1 %."
    assert text.endswith(f"69.0 ± 1.5 % of 1,000 objects: {verdict}")


@pytest.mark.parametrize("hits", range(17, 25))
def test_no_verdict_on_intervals_of_thirty_objects_that_chance_alone_could_make(hits):
    """Of 30 objects, 16 to 25 inside intervals of 68.3 % is what a calibrated model has with 95.5 %."""
    low, high = binom.interval(0.955, 30, 0.683)
    assert (low, high) == (15, 25)
    (text,) = sentences(coverage(hits / 30, 0.085, n=30))
    assert text.endswith(": too few objects to tell (N = 30).")


def test_too_few_objects_still_show_a_gross_failure():
    (text,) = sentences(coverage(6 / 30, 0.075, n=30))
    assert "% too narrow" in text


def test_full_coverage_has_no_width():
    curve = {"nominal": [0.683], "actual": [1.0], "low": [0.99], "high": [1.0], "n": 50}
    (text,) = sentences({"curves": {"coverage": curve}})
    assert text.endswith("all of them, so their width cannot be determined.")


def test_only_the_customary_intervals_are_spoken_of():
    assert sentences(coverage(0.5, 0.01, nominal=0.5)) == []
    assert len(sentences(coverage(0.95, 0.01, nominal=0.955))) == 1


@pytest.mark.parametrize(
    ("actual", "verdict"),
    [(0.903, "is consistent with nominal."), (0.95, "is above nominal,"), (0.85, "is below nominal,")],
)
def test_prediction_sets(actual, verdict):
    curve = {"nominal": [0.9], "actual": [actual], "low": [actual - 0.007], "high": [actual + 0.007], "n": 1824}
    (text,) = sentences({"curves": {"sets": curve | {"size": [1.117]}}})
    start = "Prediction sets of 90 % nominal coverage hold the true class for "
    start += f"{100 * actual:.1f} ± 0.7 % of 1,824 objects, with a mean set size of 1.12: coverage {verdict}"
    assert text.startswith(start)


@pytest.mark.parametrize("hits", range(24, 31))
def test_no_verdict_on_sets_of_thirty_objects_that_chance_alone_could_make(hits):
    """With 30 objects and 95.5 %, a calibrated model has 23 to 30 hits at 90 %: so has one with a level of 80 %."""
    curve = {"nominal": [0.9], "actual": [hits / 30], "low": [hits / 30 - 0.05], "high": [hits / 30 + 0.05], "n": 30}
    assert binom.interval(0.955, 30, 0.9) == (23, 30)
    (text,) = sentences({"noun": "star", "curves": {"sets": curve}})
    assert text.endswith(": too few stars to tell (N = 30).")


def test_few_calibration_objects_allow_no_verdict_on_many_test_objects():
    curve = {"nominal": [0.9], "actual": [0.93], "low": [0.92], "high": [0.94], "n": 5000, "calibrated_on": 40}
    curve |= {"band_low": [0.79], "band_high": [0.98]}  # the coverage of a level set on 40 objects is random itself
    (text,) = sentences({"curves": {"sets": curve}})
    assert text.endswith(": too few calibration objects to tell (N = 40).")


def bins(observed: list[float]) -> dict:
    low, high = [o - 0.02 for o in observed], [o + 0.02 for o in observed]
    return {"predicted": [0.2, 0.6, 0.81], "observed": observed, "low": low, "high": high, "n": [600, 300, 100]}


def test_probabilities_near_four_fifths():
    (text, error) = sentences({"curves": {"reliability": {"of": "Ia", "after": bins([0.2, 0.6, 0.79])}}})
    assert text == "Of 100 objects with P(Ia) near 0.81, 79.0 ± 2.0 % are Ia."
    assert error == "The expected calibration error is 0.2 %."  # 100 of 1,000 are off by 0.02
    (text, _) = sentences({"curves": {"reliability": {"of": None, "after": bins([0.2, 0.6, 0.79])}}})
    start = "Of 100 objects whose most probable class has a probability near 0.81, "
    assert text == start + "79.0 ± 2.0 % are classified correctly."


def test_expected_error_before_and_after():
    # 0.6 * 0.01 + 0.3 * 0.004 + 0.1 * 0.008 = 0.008; 0.6 * 0.02 + 0.3 * 0.01 + 0.1 * 0.06 = 0.021
    after, before = bins([0.21, 0.604, 0.818]), bins([0.22, 0.59, 0.75])
    assert expected_error(after) == pytest.approx(0.008)
    texts = sentences({"curves": {"reliability": {"of": "Ia", "before": before, "after": after}}})
    assert texts[-1] == "The expected calibration error is 0.8 % (before calibration 2.1 %)."


def test_the_score_named_ece_goes_first():
    score = {"name": "ece", "label": "ECE", "value": 1.3, "unit": "%", "before": 4.0}
    curve = {"reliability": {"of": "Ia", "after": bins([0.2, 0.6, 0.81])}}
    texts = sentences({"scores": [score], "curves": curve})
    assert texts[-1] == "The expected calibration error is 1.3 % (before calibration 4 %)."


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
        "(uncertainty of the model).",
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
    columns = "is consistent with nominal in all bins of largest signal-to-noise ratio and redshift."
    assert sentences(binned([0.871, 0.9, 0.93], [0.77, 0.8, 0.83])) == [
        f"The coverage of prediction sets {columns}",
        f"The accuracy {columns}",
    ]


def test_bins_of_few_objects_get_no_verdict():
    metrics = binned([0.871, 0.9, 0.93], [0.77, 0.8, 0.83])
    row = metrics["curves"]["by"]["Redshift"][0]
    row |= {"n": 30, "coverage_band_low": 0.73, "coverage_band_high": 1.0}
    texts = sentences(metrics)
    columns = "largest signal-to-noise ratio and redshift"
    small = f"The coverage of prediction sets in bins of {columns}: too few objects to tell (N = 30 in the smallest)."
    assert texts == [small, f"The accuracy is consistent with nominal in all bins of {columns}."]


def test_the_bin_farthest_outside_its_band_is_named():
    texts = sentences(binned([0.86, 0.9, 0.945], [0.8, 0.8, 0.8]))
    assert texts[0] == "Largest signal-to-noise ratio above 20: prediction sets hold the true class for " \
        "94.5 ± 1.0 %, nominal 90 %, where chance explains 87.0 to 93.0 %; 2 of 3 bins are outside."  # fmt: skip
    assert texts[1].startswith("Redshift above 20: prediction sets hold the true class for 94.5 ± 1.0 %")
    assert texts[1].endswith("1 of 2 bins is outside.")
    texts = sentences(binned([0.8, 0.9, 0.9], [0.8, 0.8, 0.73]))
    assert texts[0] == "The coverage of prediction sets is consistent with nominal in all bins of redshift."
    assert texts[1].startswith(
        "Largest signal-to-noise ratio up to 7.91: prediction sets hold the true class for 80.0 ± 1.0 %"
    )
    assert texts[2].startswith(
        "Largest signal-to-noise ratio above 20: classifications are correct for 73.0 ± 1.2 %, nominal 80 %"
    )


def test_coverage_is_not_that_of_each_class():
    columns = [{"name": name, "label": name.upper()} for name in ("class", "count", "coverage")]
    shares = {"Ia": (96.0, 95.5, 96.5), "II": (91.2, 90.8, 91.6), "Ibc": (61.0, 58.0, 64.0)}
    rows = [[name, 9, dict(zip(("value", "low", "high"), share, strict=True))] for name, share in shares.items()]
    table = {"name": "classes", "wanted": 0.9, "columns": columns, "rows": rows}
    text = "The nominal coverage of 90 % is that of all stars together, not of each class: sets hold the true " \
        "class for 61.0 ± 3.0 % of Ibc and 96.0 ± 0.5 % of Ia."  # fmt: skip
    assert sentences({"noun": "star", "tables": [table]}) == [text]
    few = [["odd", 2, {"value": 50.0, "low": 20.0, "high": 80.0}], ["one", 1, {"value": 100, "low": 70, "high": 100}]]
    assert sentences({"noun": "star", "tables": [table | {"rows": [*few, *rows]}]}) == [text]
    alike = [["A", 90, {"value": 55, "low": 50, "high": 60}], ["B", 2, {"value": 50, "low": 20, "high": 90}]]
    (neither,) = sentences({"noun": "star", "tables": [table | {"rows": alike}]})  # A would be both least and most
    assert neither.endswith("together, not of each class.")
    assert sentences({"tables": [table | {"rows": rows[:1]}]}) == []
    assert sentences({"tables": [table | {"rows": []}]}) == []


def test_out_of_distribution_classes():
    columns = [{"name": name, "label": name.upper()} for name in ("label", "known", "flagged")]
    cell = {"value": 20.0, "low": 17.0, "high": 23.0}
    rows = [["Ia", "yes", cell], ["TDE", "no", cell], ["KN", "no", {"value": 60.0, "low": 55.0, "high": 65.0}]]
    table = {"name": "unknown", "columns": columns, "rows": rows}
    text = "Out-of-distribution classes, share flagged: KN 60 ± 5 % and TDE 20.0 ± 3.0 %."
    assert sentences({"tables": [table]}) == [text]
    assert sentences({"tables": [table | {"rows": rows[:1]}]}) == []


def test_nothing_known_nothing_said():
    assert sentences({}) == []
    assert sentences({"curves": {"reliability": {"of": "Ia", "after": {k: [] for k in bins([0, 0, 0])}}}}) == []


def ece(value: float, expected: tuple[float, float, float], n: int) -> dict:
    low, middle, high = expected
    score = {"name": "ece", "label": "ECE", "value": value, "unit": ""}
    score |= {"expected": middle, "expected_low": low, "expected_high": high}
    return {"scores": [score], "objects": n}


def test_the_calibration_error_is_reported_beside_that_of_chance():
    (text,) = sentences(ece(0.13, (0.07, 0.12, 0.19), 30))
    assert text == "The expected calibration error is 13 %; a perfectly calibrated model has 12 % by chance " \
        "(7 to 19 %) on 30 objects: too few objects to tell (N = 30)."  # fmt: skip
    (text,) = sentences(ece(0.13, (0.07, 0.12, 0.19), 30) | {"curves": {"confusion": {"counts": [[20, 3], [0, 4]]}}})
    assert text.endswith("on 27 objects: too few objects to tell (N = 27).")  # three without a true class
    (text,) = sentences(ece(0.013, (0.008, 0.011, 0.016), 4000))
    assert text.endswith("has 1.1 % by chance (0.8 to 1.6 %) on 4,000 objects: consistent with perfect calibration.")
    (text,) = sentences(ece(0.05, (0.008, 0.011, 0.016), 4000))
    assert text.endswith(": the probabilities are off by more than chance explains.")


@pytest.mark.parametrize(
    ("value", "before", "hurts"), [(0.366, 0.359, True), (0.359, 0.366, False), (0.36, 0.36, False)]
)
def test_harmful_calibration_is_reported(value, before, hurts):
    """The demo: a negative log-likelihood of 0.366 after calibration, 0.359 before."""
    score = {"name": "nll", "label": "Negative log-likelihood", "value": value, "unit": "nat", "before": before}
    text = "Calibration makes the negative log-likelihood worse: 0.366 nat, 0.359 before."
    assert sentences({"scores": [score]}) == [text] * hurts
    sure = score | {"change": value - before, "change_low": 0.006, "change_high": 0.008}
    assert sentences({"scores": [sure]}) == [text] * hurts
    unsure = score | {"change": value - before, "change_low": -0.003, "change_high": 0.017}
    text = "Calibration does not improve the negative log-likelihood (0.366 nat, 0.359 before); " \
        "the change is within chance."  # fmt: skip
    assert sentences({"scores": [unsure]}) == [text] * hurts


def test_a_lower_log_likelihood_is_worse():
    score = {"name": "log_likelihood", "label": "Log-likelihood of a point", "value": 0.1, "before": 0.2}
    assert sentences({"scores": [score]}) == [
        "Calibration makes the log-likelihood of a point worse: 0.100, 0.200 before."
    ]
    assert sentences({"scores": [score | {"value": 0.3}]}) == []
    assert sentences({"scores": [score | {"name": "purity"}]}) == []  # a number without a better direction
