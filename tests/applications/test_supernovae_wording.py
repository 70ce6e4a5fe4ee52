"""Every sentence on early classification against a calculation by hand."""

from __future__ import annotations

from skysure.applications.supernovae.wording import sentences
from skysure.evaluation import Curve, Evaluation


def early(single: list[float], days: tuple[float, ...] = (0.0, 5.0, 10.0, 90.0)) -> Evaluation:
    curve = {"of": "Ia", "days": list(days), "n": 800, "single": single}
    for k, name in enumerate(("accuracy", "completeness", "purity")):
        value = [0.5 + 0.1 * k + 0.1 * i for i in range(len(days))]
        curve |= {name: value, f"{name}_low": [v - 0.02 for v in value], f"{name}_high": [v + 0.02 for v in value]}
    return Evaluation(noun="star", curves=(Curve("early", curve),))


def test_a_class_without_objects_is_left_out():
    evaluation = early([0.1, 0.2, 0.6, 0.9])
    curve = evaluation.curve("early")
    curve |= {f"completeness{end}": [None] * 4 for end in ("", "_low", "_high")}
    assert "purity" not in "".join(sentences(evaluation))


def test_where_no_class_is_named_none_is_found_early():
    curve = early([0.1, 0.2, 0.6, 0.9]).curve("early")
    bare = {key: values for key, values in curve.items() if key[:6] not in ("comple", "purity")}
    _, sentence = sentences(Evaluation(curves=(Curve("early", bare | {"of": None}),)))
    assert sentence == "10 days after detection the accuracy is 70.0 ± 2.0 % (after 90 days 80.0 ± 2.0 %)."


def test_how_early_it_is_known():
    # 0.2 + (0.5 - 0.2) / (0.6 - 0.2) of the way from day 5 to day 10: day 8.75
    sentence, right = sentences(early([0.1, 0.2, 0.6, 0.9]))
    assert sentence == "Half of the stars have a set of one class 9 days after detection."
    assert right == "10 days after detection the accuracy is 70.0 ± 2.0 % (after 90 days 80.0 ± 2.0 %); " \
        "the completeness of Ia is 80.0 ± 2.0 % and its purity 90.0 ± 2.0 %."  # fmt: skip
    assert (
        next(sentences(early([0.6, 0.7, 0.8, 0.9])))
        == "On the day of detection 60 % of the stars have a set of one class."
    )
    late = "90 days after detection 45 % of the stars have a set of one class."
    assert next(sentences(early([0.1, 0.2, 0.3, 0.45]))) == late
    for share, when in ((0.48, "on the day of"), (0.4, "1 day after"), (0.3, "2 days after")):
        soon = next(sentences(early([share, 0.9, 0.9, 0.9])))  # 5 (0.5 - share) / (0.9 - share) days: 0.24, 1.0, 1.7
        assert soon == f"Half of the stars have a set of one class {when} detection."
    half = next(sentences(early([0.25, 0.75], days=(0.0, 1.0))))
    assert half == "Half of the stars have a set of one class on the day of detection."
    nobody = early([0.1, 0.2, 0.6, 0.9])
    nobody.curve("early")["purity"][2] = None
    assert list(sentences(nobody))[1].endswith("(after 90 days 80.0 ± 2.0 %).")
    assert len(list(sentences(early([0.1, 0.6], days=(0.0, 5.0))))) == 1


def test_without_early_nights_nothing_is_said():
    assert list(sentences(Evaluation())) == []
    assert list(sentences(Evaluation(curves=(Curve("early", {}),)))) == []
