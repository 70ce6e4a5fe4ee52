"""Every figure of the pages is a result of a benchmark, or listed in `truths/quoted_figures.json` with its source.

A figure is a number with its error, `97.4 ± 0.1`, compared to the digits that the page shows. Listed are worked
examples and measurements by hand; the published figures of UCI are computed from the splits in `truths/uci.json`.
"""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "src").rglob("card.md"))]
TRUTHS = Path(__file__).parent / "truths"
QUOTED = json.loads((TRUTHS / "quoted_figures.json").read_text(encoding="utf-8"))
"""Page to figures that no committed result holds, each with its source."""
NUMBER = r"[−+-]?\d[\d,]*(?:\.\d+)?"
FIGURE = re.compile(rf"({NUMBER})(?:\s*%)?\s*±\s*(\d+(?:\.\d+)?)")

Pair = tuple[float, float]


def measured_pairs() -> list[Pair]:
    """Values and errors of all committed results, also in per cent."""
    files = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
    rows = [row for file in files for row in json.loads(file.read_text(encoding="utf-8"))["rows"]]
    pairs = [(row["value"], row["error"]) for row in rows if None not in (row["value"], row.get("error"))]
    return pairs + [(100 * value, 100 * error) for value, error in pairs]


def published_pairs() -> list[Pair]:
    """Means and standard errors over the splits that the UCI tables quote."""
    sets = json.loads((TRUTHS / "uci.json").read_text(encoding="utf-8"))["sets"].values()
    splits = [entry[score] for entry in sets for score in ("log_likelihood", "rmse")]
    return [(statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5) for values in splits]


MEASURED, PUBLISHED = measured_pairs(), published_pairs()


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def rounds_to(text: str, value: float) -> bool:
    """Whether a text is a value rounded to the digits of the text, signs aside."""
    decimals = len(text.partition(".")[2])
    return abs(abs(number(text)) - abs(value)) <= 0.5000001 * 10**-decimals


def is_among(pairs: list[Pair], value: str, error: str) -> bool:
    return any(rounds_to(value, v) and rounds_to(error, e) for v, e in pairs)


def text_of(page: Path) -> str:
    """Text of a page in one line, so that a figure may be broken over two."""
    return " ".join(page.read_text(encoding="utf-8").split())


def figures_without_source(page: Path) -> list[str]:
    quoted = QUOTED.get(str(page.relative_to(ROOT)), {})
    pairs = MEASURED + PUBLISHED if page.name == "uci.md" else MEASURED
    figures = [match for match in FIGURE.finditer(text_of(page)) if match[0] not in quoted]
    return [match[0] for match in figures if not is_among(pairs, match[1], match[2])]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_figures_are_results_or_quoted(page: Path) -> None:
    assert figures_without_source(page) == []


def test_quoted_figures_are_on_their_pages() -> None:
    for name, figures in QUOTED.items():
        text = text_of(ROOT / name)
        for figure, source in figures.items():
            match = FIGURE.fullmatch(figure)
            assert match, f"{name}: {figure} is no figure"
            assert figure in text, f"{name}: {figure} is not on the page"
            assert len(source) > 10


def test_a_figure_without_source_is_noticed() -> None:
    assert not is_among(MEASURED, "2.5", "1.0123")
    assert rounds_to("97.4", 97.38)
    assert not rounds_to("97.4", 97.34)
    assert is_among(PUBLISHED, "−2.396", "0.050")
    assert not is_among(MEASURED, "−2.396", "0.050")
