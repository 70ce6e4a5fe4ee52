"""From an evaluation to files: `metrics.json` with `metrics.safetensors`, `report.html`, the figures.

The library that draws is imported where a report is made.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from shlex import quote
from typing import Any

from skysure import settings as layers
from skysure.application import application
from skysure.data.targets import os_errors
from skysure.errors import InputError
from skysure.evaluation import Evaluation
from skysure.evaluation.schema import check_metrics

from .digests import require_file
from .files import NEW, finish_replacing, read_history, read_metrics, write_bytes, write_metrics, write_text

STAGE = ".evaluation.unfinished"
BESIDE = ("run.toml", "history.csv")
"""What a report tells of beside the evaluation."""


def report_of(folder: str | Path) -> Path:
    """Write `report.html` of a run or evaluation folder again, from the files in it; gives its path.

    Raises
    ------
    InputError
        Where a file is missing or not as `evaluate` writes it; the file is named.
    """
    folder = Path(folder)
    try:
        write_report(folder)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # Numbers of the application's own curves and examples, which only its figures understand.
        reason = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{folder / 'metrics.json'} (or run.toml, history.csv) cannot be drawn: {reason}", "what `evaluate` writes",
            "an edit by hand, or a file of another version", f"skysure evaluate {quote(str(folder))}",
        ) from error  # fmt: skip
    return folder / "report.html"


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write the numbers and arrays of an evaluation, and from them the report and the figures as PDF."""
    write_metrics(folder, evaluation.metrics)
    write_report(folder)


def replace_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Replace the evaluation in the folder of a run: after a kill at any moment it is the old one or the new one.

    The new files are written into a folder of their own within that of the run. Its new name says that they are whole;
    from then on `finish_replacing` moves them to their places, now or when the run is opened next.
    """
    stage = folder / STAGE
    with os_errors(folder):
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        for name in BESIDE:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, stage / name)
    try:
        write_evaluation(stage, evaluation)
        with os_errors(folder):
            for name in BESIDE:
                (stage / name).unlink(missing_ok=True)
            os.rename(stage, folder / NEW)
            finish_replacing(folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def write_report(folder: Path) -> None:
    """Write the report of a folder from the files in it."""
    from skysure.report import page, renderings

    card = _card(folder / "run.toml")
    if "history.csv" in card.get("sha256", {}):
        require_file(folder / "history.csv", card["sha256"]["history.csv"])
    metrics = read_metrics(folder)
    check_metrics(metrics, str(folder / "metrics.json"))
    evaluation = Evaluation.from_metrics(metrics)
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


def _card(path: Path) -> dict[str, Any]:
    """Read `run.toml`; raises InputError where it does not say of which application the run is."""
    card = layers.load_toml(path)
    if not isinstance(card.get("application"), str):
        raise InputError(f"{path} names no application", 'application = "..."', "an edit by hand", "copy it again")
    return card
