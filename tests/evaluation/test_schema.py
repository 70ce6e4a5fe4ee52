"""A report made from a file that somebody edited: the report, or an InputError that names the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import skysure
from skysure.errors import InputError
from skysure.evaluation.schema import check_metrics

CARD = 'application = "supernovae"\nformat = 2\n'
BINS = {"predicted": [0.5], "observed": [0.4], "low": [0.3], "high": [0.5], "n": [10]}
COVERAGE = {"nominal": [0.683], "actual": [0.7], "low": [0.6], "high": [0.8], "n": 100}
GOOD = {
    "application": "supernovae", "title": "a title", "noun": "point", "objects": 100, "truth": True, "part": "test",
    "scores": [
        {"name": "ece", "label": "Calibration error", "value": 0.02, "low": 0.01, "high": 0.03, "headline": True},
        {"name": "nll", "label": "NLL", "value": None, "wanted": [None, 1.5], "before": 2, "digits": 3},
    ],
    "curves": {
        "confusion": {"classes": ["a", "b"], "counts": [[40, 10], [5, 45]]},
        "roc": [{"of": "a", "false_positive": [0, 1], "true_positive": [0, 1], "area": 0.9}],
        "reliability": {"of": None, "before": BINS, "after": BINS},
        "coverage": COVERAGE | {"before": [0.6]}, "sets": COVERAGE | {"size": [1.5]},
        "by": {"redshift": [{"low": None, "high": 0.5, "n": 50, "accuracy": 0.9, "confidence": 0.8}]},
    },
    "tables": [
        {"name": "t", "title": "T", "columns": [{"label": "Class"}, {"label": "Count", "unit": "%"}],
         "rows": [["a", {"value": 1, "low": 0, "high": 2}], ["b", None]]},
    ],
    "examples": [{"group": "novel", "id": "a", "flags": ["odd"], "days": [1, 2]}],
    "uncertainty": {"measure": "entropy", "aleatoric": 0.1, "epistemic": 0.2},
    "is_ood": {"count": 3, "of": 100}, "dropped": {"count": 1, "why": "seen"}, "rejected": {"count": 1, "of": 9},
}  # fmt: skip
HUGE = 10**400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run.toml").write_text(CARD)
    return tmp_path


def report(folder: Path, content: str | bytes) -> Path:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / "metrics.json").write_bytes(data)
    return skysure.report_of(folder)


def test_what_is_of_the_declared_form_makes_a_report(folder: Path) -> None:
    check_metrics(GOOD, "metrics.json")
    assert "a title" in report(folder, json.dumps(GOOD | {"examples": []})).read_text()
    for name in GOOD:  # what is missing is left out
        check_metrics({key: value for key, value in GOOD.items() if key != name}, "metrics.json")


TEXTS = {
    "a list": "[]", "a number": "5", "null": "null", "text": '"x"', "nothing": "", "half": '{"scores": [',
    "nested": "[" * 100_000, "nested objects": '{"a":' * 50_000, "a NaN": '{"objects": NaN}',
    "infinity": '{"scores": [{"name": "a", "label": "b", "value": 1e999}]}',
    "digits": '{"objects": ' + "9" * 5000 + "}",
    "no UTF-8": b'{"title": "\xff"}', "a surrogate": '{"title": "\\ud800"}',
    "an array that is not there": '{"curves": {"confusion": {"array": "x"}}}',
}  # fmt: skip


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS)
def test_a_file_of_another_form_is_named(folder: Path, content: str | bytes) -> None:
    with pytest.raises(InputError, match=r"metrics\.json"):
        report(folder, content)


CHANGES: dict[str, object] = {
    "scores": 5, "curves": "x", "tables": {"a": 1}, "examples": [3], "title": ["x"], "objects": -1, "truth": "no",
    "uncertainty": {"measure": "entropy"}, "is_ood": {"count": "3", "of": 4}, "dropped": [], "against": 3,
    "noun": {"a": "b"},
}  # fmt: skip
DEEPER: dict[str, object] = {
    "scores": [[], [5], [{"name": "a"}], [{"name": "a", "label": 3}], [{"name": "a", "label": "b", "value": "1"}],
               [{"name": "a", "label": "b", "value": HUGE}], [{"name": "a", "label": "b", "wanted": [1]}],
               [{"name": "a", "label": "b", "value": True}], [{"name": "a", "label": "b", "headline": 1}]][1:],
    "curves": [{"confusion": {"classes": ["a"], "counts": [[1, 2]]}}, {"confusion": {"classes": ["a"]}},
               {"confusion": []}, {"confusion": {"classes": ["a"], "counts": [[-1]]}}, {"roc": {}},
               {"roc": [{"of": "a", "false_positive": [1], "true_positive": [1, 2]}]}, {"reliability": {}},
               {"reliability": {"after": {"predicted": 3}}}, {"coverage": {"nominal": []}},
               {"sets": COVERAGE | {"actual": []}}, {"by": []}, {"by": {"x": [{"low": 1}]}},
               {"by": {"x": [{"n": 1, "accuracy": "y"}]}}],
    "tables": [[{"columns": [], "rows": [[1]]}], [{"rows": []}], [{"columns": [{"label": "a"}], "rows": [["b", "c"]]}],
               [{"columns": [{"label": "a"}], "rows": [[{"low": 1}]]}], [{"columns": [{"label": 1}], "rows": []}],
               [{"columns": [{"label": "a"}], "rows": [[["nested"]]]}], [{"columns": 3, "rows": []}]],
    "examples": [[{"flags": "x"}], [{"id": 3}], [{"title": {}}]],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [*CHANGES.items(), *((n, v) for n, vs in DEEPER.items() for v in vs)])
def test_a_value_of_another_kind_is_named_with_its_place(folder: Path, name: str, value: object) -> None:
    with pytest.raises(InputError, match=r"metrics\.json") as error:
        report(folder, json.dumps(GOOD | {name: value}))
    assert name in str(error.value)


anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*GOOD, "n", "name"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(GOOD)), value=anything)
def test_whatever_stands_there_is_no_traceback(folder: Path, name: str, value: object) -> None:
    reason = ""
    try:
        report(folder, json.dumps({"title": "t"} | {name: value}))
    except InputError as error:
        reason = str(error)
    assert not reason or str(folder) in reason


@pytest.mark.parametrize(
    "content",
    [
        "",
        "application = 3",
        'application = "none"',
        "x",
        'application = "sine"\ndata = [[',
    ],
)
def test_a_card_that_names_no_application_is_named(folder: Path, content: str) -> None:
    (folder / "run.toml").write_text(content)
    with pytest.raises(InputError, match=r"run\.toml|none"):
        report(folder, json.dumps(GOOD))


@pytest.mark.parametrize("content", ["epoch,loss\n1,x\n", "epoch,loss\n1,2,3\n", 'epoch\n"1', "\ufeff\x00\n\x00"])
def test_a_history_of_text_is_named(folder: Path, content: str) -> None:
    (folder / "history.csv").write_text(content)
    with pytest.raises(InputError, match=r"history\.csv"):
        report(folder, json.dumps(GOOD))
