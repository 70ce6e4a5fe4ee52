"""Evaluate a model: on its test part or on other data, alone or beside another run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch

from skysure.data.sources import Source, SplitSource
from skysure.errors import InputError
from skysure.evaluation import Evaluation
from skysure.models import find, shipped
from skysure.run.directory import Run
from skysure.run.evaluations import evaluation_in
from skysure.run.session import IN_MEMORY
from skysure.run.staging import Opened, Staging, require_replaceable
from skysure.settings import build

from .exclusions import left_out, require_objects, require_unlisted, tell_left_out
from .inputs import Paths, accelerator_on, any_given, load, open_data, open_environment, open_for_run, reading_for
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
    """Evaluate a model on its test part, or on other data without what it was trained or calibrated on.

    Parameters
    ----------
    run : path, name or Run
    data : path or sequence of paths, Source, table, or chunk in memory; see `predict`
        Empty: the test part of the run's own data, or the environment of its agents.
    against : run, optional
        Another run, evaluated on the same objects.
    out : path, optional
        Folder for `metrics.json` and `report.html`; without `data` the run itself.
    reading : mapping, optional
        Instead of the `[reading]` table of the run.
    device : {"auto", "cpu", "cuda"}
    force : bool
        Replace what exists.
    progress : callable, optional
        Called at every stage.
    **query
        Fields of the application's Query.
    """
    run, progress = load(run), progress or silent
    app, has_data = run.verbs, any_given(data)
    app.verb("evaluate")
    question = build(app.Query, query, where=run.application)
    other_run = None if against is None else _comparable(load(against), run)
    with evaluation_in(run, _folder_for(run, out, has_data, force), force=force) as write:
        experience = _test_data(run, data, reading_for(run, data, reading))
        if not app.is_agent:
            experience = experience if other_run is None else unseen(experience, other_run)
            require_objects(experience)
        place = accelerator_on(device).device
        progress("evaluating", 0, None)
        metrics = metrics_of(run, experience, question, place)
        if has_data:
            metrics |= {"part": "given data"} | left_out(experience, metrics.get("objects", 0))
        if other_run is not None:
            name = other_run.path.name if other_run.path else other_run.application
            metrics |= compare(metrics, metrics_of(other_run, experience, question, place), name)
        evaluation = Evaluation.from_metrics(metrics)
        if write is not None:
            folder = Path(out) if has_data else None
            write(evaluation, partial(_tell, experience, folder, notify(progress)))
    if not metrics.get("truth", True):
        notify(progress)("the data have no truth (labels): nothing is scored, the report shows the predictions")
    return evaluation


def metrics_of(run: Run, experience: Any, query: Any, device: torch.device) -> dict[str, Any]:
    """Evaluate the model of a run on the test part of a source, or in the environment of agents."""
    return run.verbs.evaluate(deepcopy(run.model).to(device).eval(), experience, query).metrics


def compare(metrics: dict[str, Any], other_metrics: dict[str, Any], name: str) -> dict[str, Any]:
    """Put the scores of another model, called `name`, beside those of this one as "against"."""
    values = {score["name"]: score["value"] for score in other_metrics["scores"]}
    scores = [score | {"against": values.get(score["name"])} for score in metrics["scores"]]
    return {"scores": scores, "against": name}


def _folder_for(run: Run, out: str | Path, has_data: bool, force: bool) -> Path | None:
    """Choose the folder to write to, and check it before anything is computed; None: nothing is written."""
    if out:
        if not Staging(Path(out), "evaluation").folder.exists():  # else it may be that of a process that was killed
            require_replaceable(Path(out), force=force)
            if has_data:
                require_unlisted(Path(out), force=force)
        return Path(out)
    folder = None if has_data else run.path
    if folder is not None and folder.name in shipped() and folder == find(folder.name):
        raise InputError(
            f"{folder.name} ships with skysure", "a folder for its evaluation", "its own folder is not written to",
            "--out FOLDER",
        )  # fmt: skip
    return folder


def _test_data(run: Run, data: Any, reading: dict[str, Any]) -> Any:
    """Open the objects to evaluate a run on, without those that it was trained on; of agents, their environment."""
    app = run.verbs
    if app.is_agent:
        return open_environment(app, run.settings, data)
    if any_given(data):
        return unseen(open_for_run(run, data, reading), run)
    facts, split = run.card.get("data", {}), split_of(run)
    if facts.get("description") == IN_MEMORY:
        raise InputError(
            "the run was trained or calibrated on data in memory", "these data, or others", "", "give DATA"
        )
    source = open_data(app, run.settings, facts.get("sources", []), reading)
    return source if split is None else SplitSource(source, split)


def _comparable(other: Run, run: Run) -> Run:
    """Check that another run is of the same application."""
    if other.application != run.application:
        raise InputError(
            f"{other.path}: a run of {other.application}", f"one of {run.application}", "another run was meant"
        )
    return other


def _tell(experience: Any, folder: Path | None, note: Callable[[str], None], opened: Opened) -> None:
    """Report what was left out of data that were given, and list it beside the folder of the evaluation."""
    if folder is not None:
        tell_left_out(experience, folder, note, opened)
