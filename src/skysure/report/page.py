"""The evaluation report: one HTML file that opens from disk, without network and without script."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jinja2
import tomli_w
from markupsafe import Markup, escape

from .figure import SECTIONS, Figure, render
from .history import training_history
from .quantities import measured, number, with_error
from .sentences import counted, sentences

HEADINGS = {
    "results": ("Results", "Predictions compared with the truth."),
    "trust": ("Calibration", "Whether probabilities and error bars agree with the observed frequencies."),
    "examples": ("Examples", "Single objects with their predictions."),
    "uncertain": ("Most uncertain objects", "Those with the largest predictive uncertainty."),
    "novel": ("Most novel objects", "Those farthest from the training data: their predictions are least reliable."),
    "training": ("Training", "Losses and other records, epoch by epoch."),
}
LABELS = {"ids_hash": "Dataset checksum"}
"""Labels of entries of run.toml whose name says too little."""


def page(
    run_card: Mapping[str, Any],
    evaluation_metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]] | None = None,
    figures: Iterable[Figure] = (),
    drawn: Mapping[str, bytes] | None = None,
    more: Iterable[str] = (),
) -> str:
    """The report of a run as HTML; what has no numbers is left out.

    Parameters
    ----------
    run_card : mapping
        Content of `run.toml`: settings, data, parts, seed, versions, how to cite.
    evaluation_metrics : mapping
        Content of `metrics.json` (`Evaluation.metrics`): scores, curves, tables.
    history : sequence of mappings, optional
        The rows of `history.csv`.
    figures : iterable of Figure
        The figures of the application; each stands in its section.
    drawn : mapping of str to bytes, optional
        The SVG of figures that are already drawn, by name.
    more : iterable of str
        Sentences of the application, computed from the evaluation; they follow the common ones.

    Returns
    -------
    str
        One HTML document; style and figures are inside it.
    """
    metrics, card = dict(evaluation_metrics), dict(run_card)
    all_figures = list(figures)
    training = training_history([dict(row) for row in history]) if history else None
    if training and all(figure.name != training.name for figure in all_figures):
        all_figures.append(training)
    scores = [_score(score) for score in metrics.get("scores") or ()]
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=metrics.get("title") or card.get("title") or card.get("application") or "Report",
            kind=metrics.get("kind") or "Evaluation report",
            application=metrics.get("application") or card.get("application") or "",
            summary=_summary(metrics),
            truthless=metrics.get("truth") is False,
            facts=_facts(card),
            parts=_parts(card.get("parts") or {}),
            tables=_tables(card),
            headline=[score for score in scores if score["headline"]],
            scores=scores,
            against=metrics.get("against"),
            sentences=[*sentences(metrics), *more],
            sections=_sections(all_figures, metrics.get("tables") or (), drawn or {}),
            run_toml=tomli_w.dumps(_without_none(card)) if card else "",
            cite=_as_list(card.get("cite")),
        )
    )


def inline_svg(figure: Figure, svg: bytes | None = None) -> Markup:
    """The figure as an SVG element for a page: named for screen readers, its ids its own."""
    text = (svg or render(figure, "svg")).decode()
    box = re.search(r'viewBox="([^"]+)"', text)
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'(\sid="|url\(#|href="#)', rf"\g<1>{figure.name}.", body)
    label = escape(f"{figure.title}. {figure.caption}")
    return Markup(f'<svg viewBox="{box[1] if box else ""}" role="img" aria-label="{label}">{body}')


def _environment() -> jinja2.Environment:
    loader = jinja2.PackageLoader("skysure.report")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["unbroken"] = _unbroken
    return environment


def _summary(metrics: dict[str, Any]) -> str:
    if not metrics.get("objects"):
        return ""
    part = metrics.get("part")
    where = f" of {part}" if part else ""
    if part in ("train", "validation", "calibration", "test"):
        where = f" of the {part} part"
    elif part == "given data":
        where = " of the given data"
    return f"{counted(metrics, metrics['objects'])}{where}"


def _score(score: Mapping[str, Any]) -> dict[str, Any]:
    unit = score.get("unit") or ""
    value, low, high = score.get("value"), score.get("low"), score.get("high")
    if value is None:
        text, error = "—", ""
    elif score.get("digits") is not None and low is None:
        text, error = number(value, score["digits"]), ""
    else:
        text, error = with_error(value, low, high)
    wanted = tuple(score.get("wanted") or (None, None))
    return {
        "label": score["label"],
        "value": text,
        "error": error,
        "unit": unit,
        "help": score.get("help") or "",
        "headline": bool(score.get("headline")),
        "before": _plain(score.get("before"), unit),
        "expected": _expected(score, unit),
        "against": _plain(score.get("against"), unit),
        "wanted": _range(wanted[0], wanted[1], unit),
        "met": _inside(value, wanted[0], wanted[1]),
    }


def _plain(value: float | None, unit: str) -> str:
    return f"{number(value)} {unit}".strip() if value is not None else ""


def _expected(score: Mapping[str, Any], unit: str) -> str:
    """What a perfectly calibrated model of the same size scores: its median and the range of chance."""
    middle, low, high = (score.get(f"expected{end}") for end in ("", "_low", "_high"))
    if middle is None or low is None or high is None:
        return ""
    return f"{number(middle)} ({number(low)} to {number(high)}) {unit}".strip()


def _range(low: float | None, high: float | None, unit: str) -> str:
    """The aim of a score, with the digits it was given.

    >>> _range(97, None, "%"), _range(0.09, 0.11, "")
    ('at least 97 %', '0.09 to 0.11')
    """
    if low is high is None:
        return ""
    low_text, high_text = ("" if end is None else f"{end:,.10g}".replace("-", "−") for end in (low, high))
    words = "at least " if high is None else "at most " if low is None else ""
    return f"{words}{' to '.join(filter(None, (low_text, high_text)))} {unit}".strip()


def _inside(value: float | None, low: float | None, high: float | None) -> bool | None:
    if value is None or low is high is None:
        return None
    return (low is None or value >= low) and (high is None or value <= high)


def _facts(card: dict[str, Any]) -> list[tuple[str, str]]:
    """The top of run.toml and its table on the data, as labels and values."""
    data = card.get("data") or {}
    on_data = {"data": data} if isinstance(data, str) else {key: _text(value, True) for key, value in data.items()}
    left_out = {"format", "cite", "data", "title"}
    top = {key: value for key, value in card.items() if key not in left_out and not isinstance(value, dict)}
    facts = {key: _text(value) for key, value in (on_data | top).items() if value is not None}
    return [(LABELS.get(key, _label(key)), text) for key, text in facts.items() if text]


def _parts(parts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Counts by part, in the order in which the parts are used."""
    order = ("train", "validation", "calibration", "test")
    names = sorted(parts, key=lambda name: order.index(name) if name in order else len(order))
    return [{"name": name, "n": number(parts[name]), "share": max(parts[name], 0)} for name in names]


def _tables(card: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    keys = [key for key in ("settings", "reading", "schema", "versions") if card.get(key)]
    return [(_label(key), [(name, _text(value)) for name, value in _flat(card[key])]) for key in keys]


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _sections(
    figures: Sequence[Figure], tables: Sequence[Mapping[str, Any]], drawn: Mapping[str, bytes]
) -> list[dict[str, Any]]:
    sections = []
    for name in SECTIONS:
        placed = [figure for figure in figures if figure.section == name]
        listed = [_table(table) for table in tables if table.get("section", "results") == name]
        if placed or listed:
            heading, lead = HEADINGS[name]
            entries = [{"figure": f, "svg": inline_svg(f, drawn.get(f.name)), "wide": f.width > 5} for f in placed]
            sections.append({"name": name, "heading": heading, "lead": lead, "figures": entries, "tables": listed})
    return sections


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table of an evaluation as text: `{"title", "caption", "columns": [{"label", "unit"}], "rows": [[cell]]}`.

    A cell is a text, a number, None, or `{"value", "low", "high"}`.
    """
    units = [column.get("unit") or "" for column in table["columns"]]
    rows = [[_cell(cell, unit) for cell, unit in zip(row, units, strict=True)] for row in table["rows"]]
    return {"title": table["title"], "caption": table.get("caption") or "", "columns": table["columns"], "rows": rows}


def _cell(cell: Any, unit: str) -> str:
    if cell is None:
        return "—"
    if isinstance(cell, str):
        return cell
    value, low, high = (cell["value"], cell["low"], cell["high"]) if isinstance(cell, Mapping) else (cell, None, None)
    return measured(value, low, high, unit)


def _label(key: str) -> str:
    return key[:1].upper() + key[1:].replace("_", " ")


def _text(value: Any, count: bool = False) -> str:
    if count and isinstance(value, int) and not isinstance(value, bool):
        return number(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value)


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(entry) for entry in value or ()]


def _unbroken(sentence: str) -> str:
    """Keep a number together with its error and unit at the end of a line."""
    for sign in (" ± ", " +", " −", " %", " = "):
        sentence = sentence.replace(sign, sign.replace(" ", "\u00a0"))
    return sentence


def _without_none(value: Any) -> Any:
    """TOML has no null: what is None is left out."""
    if isinstance(value, Mapping):
        return {str(key): _without_none(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_without_none(entry) for entry in value if entry is not None]
    return value
