"""Calibrate a trained model again, on another survey."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch

from skysure.data.sources import CALIBRATION, TEST, TRAIN, VALIDATION, Source, SplitSource
from skysure.errors import SettingsError
from skysure.run.directory import Run, load_run
from skysure.run.session import BEGUN, IN_MEMORY, Session

from .evaluating import compare, metrics_of
from .exclusions import left_out, note_few, tell_left_out
from .identity import identify, weights_hash
from .inputs import Paths, accelerator_on, list_data, load, open_for_run, paths_of, reading_for
from .progress import Progress, notify, silent
from .split import in_parts
from .unseen import Unseen, unseen, with_seen

PROPER = ("nll", "brier")
"""Proper scores, which a calibration must not make worse; of a log-likelihood, larger is better."""


def calibrate(
    run: str | Path | Run,
    data: Paths | Source,
    out: str | Path,
    *,
    reading: Mapping[str, Any] | None = None,
    test: float = 0.3,
    seed: int = 0,
    device: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Adapt the calibration of a trained model to a survey with a few hundred labelled objects.

    What the network was trained on is left out, as it would look better calibrated than it is. The scores of the
    model before are put beside the new ones, on the same test objects.

    Parameters
    ----------
    run : path, name or Run
    data : path, sequence of paths, table or chunk in memory (LightCurves, ...), or Source
        Objects with truth.
    out : path
        The new run directory.
    reading : mapping, optional
        Instead of the `[reading]` table of the run.
    test : float
        Share of the objects (or, from 1 on, how many) kept to evaluate the new calibration on.
    seed : int
        Of the division into these two.
    device : {"auto", "cpu", "cuda"}
    force : bool
        Replace what exists.
    progress : callable, optional
        Called at every stage.
    """
    run, out, progress = load(run), Path(out), progress or silent
    run.verbs.verb("calibrate")
    if not test > 0:
        raise SettingsError(
            f"test = {test:g}", "a share, or a number of objects", "nothing would be left to evaluate the calibration"
        )
    device_ = accelerator_on(device).device
    opening = reading_for(run, data, reading)
    reading, files = dict(run.reading if reading is None else reading), paths_of(list_data(data))
    identity = {"verb": "calibrate", "model": weights_hash(run), "test": test, "seed": seed}
    identity |= {"content": identify(data, [out], reading)}
    origin = "" if files else IN_MEMORY
    session = Session(out, run.application, run.settings, reading, files, origin, identity=identity)
    with session.running(force=force, resumable=False) as stage:
        if stage == BEGUN:
            fresh = unseen(open_for_run(run, data, opening), run)
            _calibrate(session, run, fresh, test, seed, device_, progress)
        session.publish(force=force)
    return load_run(out)


def _calibrate(
    session: Session, run: Run, fresh: Unseen, test: float, seed: int, device: torch.device, progress: Progress
) -> None:
    """Calibrate a copy of the model, evaluate it, and finish the new run in the folder of the session."""
    app, note, model = run.verbs, notify(progress), deepcopy(run.model).to(device)
    source = in_parts(fresh, {TRAIN: 0, VALIDATION: 0, CALIBRATION: None, TEST: test}, seed, progress)
    assert isinstance(source, SplitSource)  # `Unseen` has no parts of its own
    note_few(source, note)
    progress("calibrating", 0, None)
    app.calibrate(model, source)
    progress("evaluating", 0, None)
    before = metrics_of(run, source, app.Query(), device)
    metrics = app.evaluate(model, source, app.Query()).metrics | left_out(fresh, len(source.split))
    name = run.path.name if run.path else run.application
    metrics |= compare(metrics, before, f"{name}, before this calibration")
    card = session.card(source) | {"calibrated_from": name}
    new = Run(run.application, run.settings, run.schema, model, session.reading, card)
    whole = SplitSource(fresh, with_seen(source.split, fresh.split))
    session.finish(new, whole, metrics, [], list_left_out=partial(tell_left_out, fresh, session.out, note))
    for text in worse_scores(metrics):
        note(text)


def worse_scores(metrics: Mapping[str, Any]) -> list[str]:
    """Say which proper scores are worse than "against", those of the model before.

    >>> worse_scores({"scores": [{"name": "nll", "label": "NLL", "value": 0.366, "against": 0.359}]})
    ['NLL is worse after this calibration: 0.366, before 0.359']
    """
    texts = []
    for score in metrics["scores"]:
        value, before = score["value"], score.get("against")
        sign = 1 if score["name"] in PROPER else -1 if score["name"] == "log_likelihood" else 0
        if sign and None not in (value, before) and sign * (value - before) > 0:
            texts.append(f"{score['label']} is worse after this calibration: {value:.4g}, before {before:.4g}")
    return texts
