"""From numbers to a page: `metrics.json`, `report.html`, the figures."""

from __future__ import annotations

from pathlib import Path

from skysure import settings as layers
from skysure.application import application
from skysure.evaluation import Evaluation
from skysure.report import page, renderings

from .files import read_history, read_metrics, write_bytes, write_metrics, write_text


def report_of(folder: str | Path) -> Path:
    """Make `report.html` anew from what lies in a run or evaluation folder; gives its path."""
    write_report(Path(folder))
    return Path(folder) / "report.html"


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write `metrics.json`, and from it `report.html` and the figures as PDF."""
    write_metrics(folder, evaluation.metrics)
    write_report(folder)


def write_report(folder: Path) -> None:
    """Make the report of a folder anew from what lies in it."""
    content = layers.load_toml(folder / "run.toml")
    metrics = read_metrics(folder)
    figures = list(application(content["application"]).figures(Evaluation(metrics)))
    drawn = {figure.name: renderings(figure, ("svg", "pdf")) for figure in figures}
    svg = {name: files["svg"] for name, files in drawn.items()}
    write_text(folder / "report.html", page(content, metrics, read_history(folder), figures, svg))
    (folder / "figures").mkdir(exist_ok=True)
    for name, files in drawn.items():
        write_bytes(folder / "figures" / f"{name}.pdf", files["pdf"])
