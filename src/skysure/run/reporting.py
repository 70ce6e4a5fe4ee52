"""From an evaluation to files: `metrics.json` with `metrics.safetensors`, `report.html`, the figures."""

from __future__ import annotations

from pathlib import Path

from skysure import settings as layers
from skysure.application import application
from skysure.evaluation import Evaluation
from skysure.report import page, renderings

from .files import read_history, read_metrics, write_bytes, write_metrics, write_text


def report_of(folder: str | Path) -> Path:
    """Write `report.html` of a run or evaluation folder again, from the files in it; gives its path."""
    write_report(Path(folder))
    return Path(folder) / "report.html"


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write the numbers and arrays of an evaluation, and from them the report and the figures as PDF."""
    write_metrics(folder, evaluation.metrics)
    write_report(folder)


def write_report(folder: Path) -> None:
    """Write the report of a folder from the files in it."""
    card = layers.load_toml(folder / "run.toml")
    evaluation = Evaluation.from_metrics(read_metrics(folder))
    module = application(card["application"])
    figures = list(module.figures(evaluation))
    images = {figure.name: renderings(figure, ("svg", "pdf")) for figure in figures}
    svg = {name: files["svg"] for name, files in images.items()}
    offered = getattr(module, "sentences", None)  # a verb that an application may lack
    more = list(offered(evaluation)) if offered else []
    html = page(card, evaluation.metrics, read_history(folder), figures, svg, more)
    write_text(folder / "report.html", html)
    (folder / "figures").mkdir(exist_ok=True)
    for name, files in images.items():
        write_bytes(folder / "figures" / f"{name}.pdf", files["pdf"])
