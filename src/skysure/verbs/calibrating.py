"""Calibrate a trained model anew, on another survey."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from skysure.data.sources import CALIBRATION, TEST, TRAIN, VALIDATION, Source, SplitSource
from skysure.errors import SettingsError
from skysure.run.directory import Run, load_run
from skysure.run.session import IN_MEMORY, Training, require_replaceable

from .exclusions import left_out, note_few, tell_left_out
from .inputs import Paths, accelerator_on, listed, load, opened, paths_of, verb_of
from .progress import Progress, notify, silent
from .split import in_parts
from .unseen import unseen, with_seen


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

    What the network was trained on is left out: it would look better calibrated than it is.

    Parameters
    ----------
    run : path, name or Run
    data : path, sequence of paths, chunk in memory (LightCurves, ...), or Source
        Objects with truth.
    out : path
        The new run directory.
    reading : mapping, optional
        Instead of the `[reading]` table of the run.
    test : float
        Share of the objects (or, from 1 on, how many) kept to prove the new calibration on.
    seed : int
        Of the division into these two.
    """
    run, out = load(run), Path(out)
    module, tell = run.verbs, progress or silent
    verb = verb_of(module, run.application, "calibrate")
    require_replaceable(out, force=force)
    if not test > 0:
        raise SettingsError(
            f"test = {test:g}", "a share, or a number of objects", "nothing would prove the calibration"
        )
    known = dict(run.reading if reading is None else reading)
    files = paths_of(listed(data))
    training = Training(out, run.application, run.settings, known, files, "" if files else IN_MEMORY)
    model = deepcopy(run.model).to(accelerator_on(device).device)
    with training.under_way(force=force, resumable=False):
        fresh = unseen(opened(run, data, known), run)
        source = in_parts(fresh, {TRAIN: 0, VALIDATION: 0, CALIBRATION: None, TEST: test}, seed, tell)
        note_few(source, notify(tell))
        tell("calibrating", 0, None)
        verb(model, source)
        tell("evaluating", 0, None)
        metrics = module.evaluate(model, source, module.Query()).metrics | left_out(fresh, len(source.split))
        card = training.card(source) | {"calibrated_from": run.path.name if run.path else run.application}
        made = Run(run.application, run.settings, run.schema, model, known, card)
        training.finish(made, SplitSource(fresh, with_seen(source.split, fresh.split)), metrics, [], force=force)
        tell_left_out(fresh, out, notify(tell))
    return load_run(out)
