"""Prove a model: on its test part or on other data, alone or beside another run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from skysure import settings as layers
from skysure.data.sources import Source, SplitSource
from skysure.errors import InputError
from skysure.evaluation import Evaluation
from skysure.models import find, shipped
from skysure.run.directory import Run
from skysure.run.files import write_bytes
from skysure.run.reporting import write_evaluation
from skysure.run.session import IN_MEMORY, require_replaceable

from .exclusions import left_out, require_objects, tell_left_out
from .inputs import Paths, accelerator_on, any_given, load, open_data, opened, verb_of
from .progress import Progress, notify, silent
from .unseen import split_of, unseen


def evaluate(
    run: str | Path | Run,
    data: Paths | Source | Any = (),
    *,
    against: str | Path | Run | None = None,
    out: str | Path = "",
    reading: Mapping[str, Any] | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
    **query: Any,
) -> Evaluation:
    """Prove a model on its test part, or on other data without what it was trained or calibrated on.

    Parameters
    ----------
    run : path, name or Run
    data : sequence of paths, Source, or a chunk in memory
        Empty: the test part of what the run was trained on.
    against : run, optional
        Another run, evaluated on the same objects.
    out : path, optional
        Folder for `metrics.json` and `report.html`; without `data` the run itself.
    **query
        Fields of the application's Query.
    """
    run, tell = load(run), progress or silent
    verb = verb_of(run.verbs, run.application, "evaluate")
    asked = layers.build(run.verbs.Query, query, where=run.application)
    folder = Path(out) if out else None if any_given(data) else run.path
    if out:
        require_replaceable(Path(out), force=force)
    elif folder is not None and folder.name in shipped() and folder == find(folder.name):
        raise InputError(f"{folder.name} ships with skysure", "a folder for its evaluation", "", "--out FOLDER")
    source = _test_source(run, data, dict(run.reading if reading is None else reading))
    other = None if against is None else _comparable(load(against), run)
    if other is not None and hasattr(source, "chunks"):
        source = unseen(source, other)
    device_ = accelerator_on(device).device
    require_objects(source)
    tell("evaluating", 0, None)
    metrics = verb(deepcopy(run.model).to(device_).eval(), source, asked).metrics
    if any_given(data):
        metrics |= {"part": "given data"} | left_out(source, metrics.get("objects", 0))
    if other is not None:
        metrics |= _beside(metrics, other, verb(deepcopy(other.model).to(device_).eval(), source, asked).metrics)
    if folder is not None:
        _publish(run, folder, Evaluation.from_metrics(metrics))
    if folder is not None and any_given(data):
        tell_left_out(source, folder, notify(tell))
    if not metrics.get("truth", True):
        notify(tell)("the data hold no truth (labels): nothing can be proven, the report shows what was answered")
    return Evaluation.from_metrics(metrics)


def _test_source(run: Run, data: Any, reading: dict[str, Any]) -> Source:
    """The objects to prove a run on, without those that it has seen."""
    if any_given(data):
        return unseen(opened(run, data, reading), run)
    facts, split = run.card.get("data", {}), split_of(run)
    sources = facts.get("sources", [])
    if facts.get("description") == IN_MEMORY:
        raise InputError(
            "the run was trained or calibrated on data in memory", "these data, or others", "", "give DATA"
        )
    source = open_data(run.application, run.settings, sources, reading)
    return source if split is None else SplitSource(source, split)


def _comparable(other: Run, run: Run) -> Run:
    """Give a run to compare with, if it answers the same question."""
    if other.application != run.application:
        raise InputError(
            f"{other.path}: a run of {other.application}", f"one of {run.application}", "another run was meant"
        )
    return other


def _beside(metrics: dict[str, Any], other: Run, theirs: dict[str, Any]) -> dict[str, Any]:
    """Put the scores of another run beside ours."""
    values = {score["name"]: score["value"] for score in theirs["scores"]}
    scores = [score | {"against": values.get(score["name"])} for score in metrics["scores"]]
    return {"scores": scores, "against": other.path.name if other.path else other.application}


def _publish(run: Run, folder: Path, evaluation: Evaluation) -> None:
    """Write an evaluation into a folder; one that it has made goes again where that fails."""
    there = folder.exists()
    try:
        if folder != run.path:
            folder.mkdir(exist_ok=True)
            for name in ("run.toml", "history.csv"):
                if run.path and (run.path / name).is_file():
                    write_bytes(folder / name, (run.path / name).read_bytes())
        write_evaluation(folder, evaluation)
    except BaseException:
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        raise
