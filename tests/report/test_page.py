"""The page: what it shows, what it leaves out, and that nothing in it can act."""

import json
import re
from html.parser import HTMLParser

import pytest

from skysure.report import Figure, page, standard_figures

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


class Outline(HTMLParser):
    """Ids, headings, tags and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href", "srcset", "data", "action"):
                self.addresses.append(value)
            if name.startswith("on"):
                self.handlers.append(name)

    handle_startendtag = handle_starttag


@pytest.fixture
def small(metrics):
    """The same evaluation with fewer figures."""
    return metrics | {"curves": {key: metrics["curves"][key] for key in ("confusion", "sets")}}


@pytest.fixture
def few(figures):
    """The figures of the small evaluation."""
    return [figure for figure in figures if figure.name in ("confusion", "sets") or figure.name.endswith("e-1")
            or figure.section in ("uncertain", "novel")]  # fmt: skip


def test_results_come_before_training(run_card, small, history, few):
    outline = Outline(page(run_card, small, history, few))
    sections = [
        "scores",
        "words",
        "results",
        "trust",
        "examples",
        "uncertain",
        "novel",
        "training",
        "trained",
        "run",
        "cite",
    ]
    assert [name for name in outline.ids if name in sections] == sections
    figures = [name for name in outline.ids if name.startswith("figure-")]
    expected = ["confusion", "sets", "example-1", "uncertain-1", "novel-1", "history"]
    assert figures == [f"figure-{name}" for name in expected]


def test_the_training_data_are_described(run_card):
    text = page(run_card, {})
    assert "Dataset checksum" in text
    assert "Ids hash" not in text
    for phrase in (
        "SPCC: SIMGEN_PUBLIC_DES",
        "21,319",
        "8,660",
        "concrete",
        "2.14.1",
        "BSD-3-Clause",
        "@software{skysure",
    ):
        assert phrase in text
    assert "learning_rate = 0.002" in text  # run.toml itself


def test_parts_stand_in_the_order_of_their_use():
    text = page({"parts": {"calibration": 3, "test": 4, "train": 1, "validation": 2}}, {})
    assert 'aria-label="train 1, validation 2, calibration 3, test 4"' in text


def test_another_number_is_another_page(run_card, metrics):
    bare = metrics | {"curves": {}}
    before = page(run_card, bare)
    changed = json.loads(json.dumps(bare))
    changed["scores"][0]["value"], changed["scores"][0]["low"], changed["scores"][0]["high"] = 88.1, 87.9, 88.3
    changed["is_ood"]["count"] = 77
    after = page(run_card, changed)
    assert "97.41" in before
    assert "12 of 500 supernovae" in before
    assert "97.41" not in after
    assert "88.10" in after
    assert "77 of 500 supernovae (15" in after


def test_a_curve_changes_its_figure(metrics):
    curve = metrics["curves"]["confusion"]
    changed = {"curves": {"confusion": curve | {"counts": [[1, 2, 3], [4, 5, 6], [7, 8, 424_242]]}}}
    assert "424,242" in page({}, changed, figures=standard_figures(changed))


def test_scores_wanted_and_compared(run_card):
    scores = [
        {"name": "a", "label": "Accuracy", "value": 95.0, "unit": "%", "wanted": [96, None], "against": 91.5},
        {"name": "b", "label": "Error", "value": 0.5, "wanted": [None, 1], "headline": True, "before": 2.0},
        {"name": "c", "label": "Return", "value": 1548.21, "digits": 1},
        {"name": "d", "label": "Unknown", "value": None},
    ]
    text = page(run_card, {"scores": scores, "against": "tabular"})
    assert re.search(r"at least 96 %.*✗ missed", text)
    assert re.search(r"at most 1 .*✓ met", text)
    assert "before calibration 2" in text
    assert "tabular" in text
    assert "91.5 %" in text
    assert "1,548.2" in text
    assert "—" in text


def test_a_table_stands_in_its_section_as_text():
    table = {
        "name": "stars", "section": "novel", "title": "Kinds", "caption": "Errors are 68.3 %.",
        "columns": [{"label": "Kind"}, {"label": "Number"}, {"label": "Flagged", "unit": "%"}],
        "rows": [["KN", 1448, {"value": 47.92, "low": 40.8, "high": 55.1}], [HOSTILE, 10, None]],
    }  # fmt: skip
    text = page({}, {"tables": [table]})
    assert "as the points came in" not in text
    novel = text[text.index('id="novel"') :]
    assert "<h3>Kinds</h3>" in novel
    assert re.search(r">KN</th><td[^>]*>1,448</td><td[^>]*>48\u00a0±\u00a07\u00a0%</td>", novel)
    assert "—</td>" in novel
    assert "script" not in Outline(text).tags
    assert "Errors are 68.3" in novel
    results = page({}, {"tables": [{key: table[key] for key in table if key != "section"}]})
    assert 'id="results"' in results


def test_what_is_missing_is_left_out(metrics):
    outline = Outline(page({}, {}))
    assert not {"section", "figure", "table", "pre"} & outline.tags
    only = Outline(page({}, {"scores": metrics["scores"]}))
    assert "scores" in only.ids
    assert not {"trained", "run", "cite", "results", "trust", "training"} & set(only.ids)


def test_without_truth_the_page_says_so(run_card):
    text = page(run_card, {"truth": False, "objects": 40, "part": "night.parquet"})
    assert "Without truth" in text
    assert "40 objects of night.parquet" in text
    assert "Without truth" not in page(run_card, {"truth": True})


def test_hostile_names_are_only_shown(run_card, small, history):
    bad = Figure("bad", HOSTILE, HOSTILE, lambda canvas: canvas.subplots(), section="examples")
    small["curves"]["confusion"]["classes"] = [HOSTILE, "II", "Ibc"]
    small |= {"title": HOSTILE, "noun": HOSTILE, "nouns": HOSTILE, "part": HOSTILE}
    run_card |= {"cite": [HOSTILE], "parts": {HOSTILE: 3}, "settings": {HOSTILE: HOSTILE}, "preset": HOSTILE}
    text = page(run_card, small, history, [*standard_figures(small), bad], more=[HOSTILE])
    outline = Outline(text)
    assert not {"script", "img", "iframe", "object", "foreignObject", "link"} & outline.tags
    assert outline.handlers == []
    assert "&lt;script&gt;" in text


def test_nothing_is_fetched(run_card, small, history, few):
    text = page(run_card, small, history, few)
    outline = Outline(text)
    assert all(address.startswith(("#", "data:")) for address in outline.addresses)
    assert not re.search(r"https?://|url\((?!#)|@import", text)


def test_ids_are_unique_and_references_resolve(run_card, small, history, few):
    outline = Outline(page(run_card, small, history, few))
    assert len(outline.ids) == len(set(outline.ids))
    targets = {address[1:] for address in outline.addresses if address.startswith("#")}
    assert targets <= set(outline.ids)


def test_a_figure_has_a_text_for_those_who_do_not_see_it():
    figure = Figure("map", "A <map>", "Of 3 & 4.", lambda canvas: canvas.subplots())
    assert 'role="img" aria-label="A &lt;map&gt;. Of 3 &amp; 4."' in page({}, {}, figures=[figure])


def test_the_page_is_always_the_same(run_card, metrics):
    bare = metrics | {"curves": {"sets": metrics["curves"]["sets"]}}
    assert page(run_card, bare, figures=standard_figures(bare)) == page(run_card, bare, figures=standard_figures(bare))


def test_the_calibration_error_stands_beside_that_of_chance():
    ece = {"name": "ece", "label": "Expected calibration error", "value": 0.13, "headline": True}
    ece |= {"expected": 0.115, "expected_low": 0.06, "expected_high": 0.2}
    text = page({}, {"scores": [ece, {"name": "nll", "label": "NLL", "value": 0.4}], "objects": 30})
    assert text.count("0.115 (0.0600 to 0.200)") == 2  # on its tile and in the table
    assert "If perfectly calibrated" in text
    assert "If perfectly calibrated" not in page({}, {"scores": [{"name": "nll", "label": "NLL", "value": 0.4}]})


def test_sentences_of_the_application_follow_the_common_ones():
    text = page({}, {"is_ood": {"count": 1, "of": 9}}, more=["Half of the stars are <b>bright</b>."])
    assert text.index("out of distribution") < text.index("Half of the stars are &lt;b&gt;bright")
