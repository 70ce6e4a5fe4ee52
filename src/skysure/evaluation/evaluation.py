"""The result of an evaluation: scores, curves, tables and examples, from which alone the report is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

Interval = tuple[float | None, float | None]


@dataclass(frozen=True)
class Score:
    """One number that sums up a model, with its interval.

    Parameters
    ----------
    name, label : str
        For programs and for readers.
    value : float
        In `unit`, as all other numbers here.
    low, high : float, optional
        Ends of the 68.3 % interval.
    unit : str
    headline : bool
        Whether it stands large at the top of the report.
    before : float, optional
        The score before calibration.
    change, change_low, change_high : float, optional
        `value - before`, with its 68.3 % interval over the same rows.
    against : float, optional
        The score of another run on the same objects.
    help : str
        One sentence of explanation.
    digits : int, optional
        Decimals to show where there is no interval.
    wanted : (float or None, float or None), optional
        The range that is aimed at; None is open.
    expected, expected_low, expected_high : float, optional
        What a perfectly calibrated model with the same probabilities and as many objects scores: the median, and
        where it lies by chance with 95.5 %.
    """

    name: str
    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    headline: bool = False
    before: float | None = None
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    against: float | None = None
    help: str = ""
    digits: int | None = None
    wanted: Interval | None = None
    expected: float | None = None
    expected_low: float | None = None
    expected_high: float | None = None


@dataclass(frozen=True)
class Curve:
    """What one figure draws.

    Parameters
    ----------
    name : str
        The figure that draws it: "confusion", "roc", "reliability", "coverage", "sets", "by", or one of the
        application's own.
    data : mapping, or sequence of mappings
        Named lists, numbers and arrays; a sequence where the figure has several lines.
    """

    name: str
    data: Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Column:
    """A column of a `Table`: `name` for programs, `label` and `unit` for readers."""

    name: str
    label: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the report.

    Parameters
    ----------
    name, title : str
    columns : tuple of Column
    rows : tuple of tuples
        A cell is a text, a number, None, or `{"value", "low", "high"}` with the ends of a 68.3 % interval.
    section : str
        Where on the page it stands, as for figures.
    caption : str
    wanted : float, optional
        The nominal level that the rows are compared with.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    section: str = "results"
    caption: str = ""
    wanted: float | None = None


@dataclass(frozen=True)
class Example:
    """One object worth showing; what the application needs to draw it is in `data`.

    Parameters
    ----------
    group : str
        "example", "uncertain" or "novel".
    id, title : str
    truth : str, optional
    flags : tuple of str
        What is unusual about it.
    data : mapping
        Named lists, numbers and arrays, written beside the fields above.
    """

    group: str
    id: str
    title: str = ""
    truth: str | None = None
    flags: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """A model held against the truth: what `metrics.json` and `metrics.safetensors` store.

    Parameters
    ----------
    application, title : str
    part : str
        The part of the data that was evaluated.
    objects : int
        How many objects.
    noun, nouns : str
        What an object is called, and several of them where that is not `noun` + "s".
    truth : bool
        Whether the data hold a truth to compare with.
    scores : tuple of Score
    curves : tuple of Curve
    tables : tuple of Table
    examples : tuple of Example
    facts : mapping
        Other numbers: "uncertainty" (`{"measure", "aleatoric", "epistemic"}`), "is_ood" (`{"count", "of"}`),
        "dropped" (`{"count", "why"}`), "rejected" (`{"count", "of"}`), "against" (name of the other run).

    >>> Evaluation(objects=3, scores=(Score("accuracy", "Accuracy", 97.0, unit="%"),)).score("accuracy").value
    97.0
    """

    application: str = ""
    title: str = ""
    part: str = ""
    objects: int = 0
    noun: str = "object"
    nouns: str = ""
    truth: bool = True
    scores: tuple[Score, ...] = ()
    curves: tuple[Curve, ...] = ()
    tables: tuple[Table, ...] = ()
    examples: tuple[Example, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, Any]:
        """All of it as one plain dict, in the layout of `metrics.json`; long arrays stay NumPy arrays."""
        head = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in (*_LISTS, "facts")}
        return {
            **{key: value for key, value in head.items() if key != "nouns" or value},
            "scores": [_plain(score) for score in self.scores],
            "curves": {curve.name: curve.data for curve in self.curves},
            "tables": [_plain(table) | {"columns": list(map(_plain, table.columns))} for table in self.tables],
            "examples": [_flat(example) for example in self.examples],
            **self.facts,
        }

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, Any]) -> Evaluation:
        """Read the layout of `metrics.json`; what is missing is empty, what is unknown is kept in `facts`."""
        names = [f.name for f in fields(cls) if f.name not in (*_LISTS, "facts")]
        return cls(
            **{name: metrics[name] for name in names if metrics.get(name) is not None},
            scores=tuple(_score_from(score) for score in metrics.get("scores") or ()),
            curves=tuple(Curve(name, data) for name, data in (metrics.get("curves") or {}).items()),
            tables=tuple(_table_from(table) for table in metrics.get("tables") or ()),
            examples=tuple(_example_from(example) for example in metrics.get("examples") or ()),
            facts={key: value for key, value in metrics.items() if key not in (*names, *_LISTS)},
        )

    def score(self, name: str) -> Score:
        """The score of this name; KeyError where there is none."""
        return {score.name: score for score in self.scores}[name]

    def curve(self, name: str) -> Any:
        """The data of the curve of this name; None where there is none."""
        return {curve.name: curve.data for curve in self.curves}.get(name)


_LISTS = ("scores", "curves", "tables", "examples")
_ALWAYS = ("name", "label", "value", "low", "high", "unit", "headline", "title", "columns", "rows", "section")
_EXAMPLE = ("group", "id", "title", "truth", "flags")


def _plain(item: Score | Table | Column) -> dict[str, Any]:
    """The fields of an item; optional ones only where they say something."""
    values = {f.name: getattr(item, f.name) for f in fields(item)}
    rows = {"rows": [list(row) for row in item.rows]} if isinstance(item, Table) else {}
    return {k: v for k, v in values.items() if k in _ALWAYS or (v is not None and v != "")} | rows


def _flat(example: Example) -> dict[str, Any]:
    return {name: getattr(example, name) for name in _EXAMPLE} | {"flags": list(example.flags)} | dict(example.data)


def _score_from(plain: Mapping[str, Any]) -> Score:
    values = {f.name: plain[f.name] for f in fields(Score) if f.name in plain}
    wanted = {"wanted": tuple(plain["wanted"])} if plain.get("wanted") else {}
    return Score(**{**values, "unit": plain.get("unit") or "", **wanted})


def _table_from(plain: Mapping[str, Any]) -> Table:
    columns = [Column(c.get("name") or c["label"], c["label"], c.get("unit") or "") for c in plain["columns"]]
    values = {f.name: plain[f.name] for f in fields(Table) if plain.get(f.name) is not None}
    return Table(**{"title": "", **values, "columns": tuple(columns), "rows": tuple(map(tuple, plain["rows"]))})


def _example_from(plain: Mapping[str, Any]) -> Example:
    values = {name: plain[name] for name in _EXAMPLE if plain.get(name) is not None}
    data = {key: value for key, value in plain.items() if key not in _EXAMPLE}
    return Example(**{"group": "example", "id": "", **values, "flags": tuple(plain.get("flags") or ()), "data": data})
