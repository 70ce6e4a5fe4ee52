"""Figures that pages claim stand in the results of the benchmarks, or are quoted from a paper that is named here.

A figure is a number with its error, `97.4 ± 0.1`; it is checked to the digits that the page shows. In the table of the
README, numbers without an error count too.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "src").rglob("card.md"))]
QUOTED = json.loads((Path(__file__).parent / "truths" / "quoted_figures.json").read_text(encoding="utf-8"))
"""Page to figures that no benchmark of ours measures: published ones and worked examples, each with its source."""
NUMBER = r"[−+-]?\d[\d,]*(?:\.\d+)?"
FIGURE = re.compile(rf"({NUMBER})(?:\s*%)?\s*±\s*(\d+(?:\.\d+)?)")


def rows() -> list[tuple[float, float | None]]:
    files = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
    found = [row for file in files for row in json.loads(file.read_text(encoding="utf-8"))["rows"]]
    return [(row["value"], row.get("error")) for row in found if row["value"] is not None]


ROWS = rows()


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


def shows(text: str, value: float) -> bool:
    """Whether a text is a number rounded to the digits that it has; signs of differences aside."""
    return abs(abs(number(text)) - abs(value)) <= 0.5000001 * 10 ** -decimals(text)


def measured(value: str, error: str) -> bool:
    """Whether some row has this value and error, also where a page writes a share in per cent."""
    scaled = [(v * f, e * f) for v, e in ROWS if e is not None for f in (1, 100)]
    return any(shows(value, v) and shows(error, e) for v, e in scaled)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_figures_with_errors_are_those_of_the_results(page: Path) -> None:
    quoted = QUOTED.get(str(page.relative_to(ROOT)), {})
    figures = [m[0] for m in FIGURE.finditer(page.read_text(encoding="utf-8")) if not measured(m[1], m[2])]
    assert not [figure for figure in figures if figure not in quoted]


def test_quoted_figures_are_on_their_pages_and_name_a_source() -> None:
    for name, figures in QUOTED.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for figure, source in figures.items():
            assert figure in text, f"{name}: {figure}"
            assert len(source) > 10


def test_a_figure_that_was_never_measured_is_noticed() -> None:
    assert not measured("2.5", "1.0123")
    assert shows("97.4", 97.38)
    assert not shows("97.4", 97.34)
