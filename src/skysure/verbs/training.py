"""Train an application; the run that results is calibrated and evaluated on its test part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from skysure.application import Application, application, settings_of
from skysure.data.sources import TRAIN, Source, SplitSource
from skysure.errors import InputError
from skysure.run.directory import Run, load_run, load_weights
from skysure.run.session import BEGUN, IN_MEMORY, PUBLISHED, SIMULATED, Session
from skysure.training.state import State, prefixed

from .exclusions import left_out, note_few, tell_left_out
from .identity import identify, weights_hash
from .inputs import Paths, accelerator_on, is_source, list_data, load, open_data, open_environment, paths_of
from .progress import Progress, notify, silent
from .split import in_parts, sizes_of

FEWEST = 2
"""Objects of a part below which nothing can be learned, calibrated or evaluated."""


def train(
    name: str,
    data: Paths | Source = (),
    out: str | Path = "",
    *,
    preset: str | None = None,
    config: str | Path | None = None,
    reading: Mapping[str, Any] | None = None,
    start: str | Path | Run | None = None,
    resume: bool = False,
    device: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
    on_state: Callable[[State], None] | None = None,
    **fields: Any,
) -> Run:
    """Train an application, calibrate it, evaluate it on its test part, and write a run directory.

    Parameters
    ----------
    name : str
        The application.
    data : path, sequence of paths, table or chunk in memory (LightCurves, ...), or Source
        Empty: simulated as the settings say. A source in parts (`SplitSource`) keeps them, whatever the settings say.
    out : path
        The run directory. Until it is complete it is called `out.training`, from where `resume` continues.
    preset, config : str or path, optional
        Layers of settings, under `fields`.
    reading : mapping, optional
        The `[reading]` table of the data.
    start : run, optional
        A run whose weights are the initial ones.
    resume : bool
        Continue an interrupted training; it ends with the same bits. A complete run is only given its name, and one
        that has it, of the same settings and data, is returned as it is.
    device : {"auto", "cpu", "cuda"}
    force : bool
        Replace what exists, once the new run is complete.
    progress, on_state : callable, optional
        Called at every stage, and with every state of the training.
    **fields
        Fields of the application's Settings.

    Raises
    ------
    InputError
        Where the data or `out` cannot be used.
    SettingsError
        Where a setting is unknown, of a wrong type or contradictory.
    """
    out, app, progress = Path(out), application(name), progress or silent
    accelerator = accelerator_on(device)
    settings = settings_of(name, preset, config, fields)
    session = _session(out, name, settings, data, reading, start, accelerator.is_main_process)
    with session.running(resume=resume, force=force) as stage:
        (stage,) = broadcast_object_list([stage])  # which waits until the folder is made, and old checkpoints are gone
        if stage == BEGUN:
            _learn(session, app, data, start, accelerator, progress, on_state)
        accelerator.wait_for_everyone()
        if stage == PUBLISHED:
            notify(progress)(f"{out} is complete: a run with the same settings and data")
        elif accelerator.is_main_process:
            session.publish(force=force)
        accelerator.wait_for_everyone()
    return load_run(out)


def _learn(
    session: Session,
    app: Application,
    data: Any,
    start: str | Path | Run | None,
    accelerator: Accelerator,
    progress: Progress,
    on_state: Callable[[State], None] | None,
) -> None:
    """Train from the last checkpoint or the beginning, and finish the run in the folder of the session."""
    settings = session.settings
    experience = _open_experience(app, settings, data, session.reading, progress)
    state, history = session.checkpoints.load() or (None, [])
    if start is not None and state is None:
        state = _first_state(start, app, app.network(settings, experience.schema))
    epochs = () if state and state.done else app.train(experience, settings, state, accelerator=accelerator)
    for state in epochs:
        history.append(state.record)
        session.keep(state, history)
        progress(f"training: {_describe(state.record)}", state.epoch, state.epochs)
        if on_state:
            on_state(state)
    if state is None:
        raise InputError(f"the training of {app.name} gave no state", "one epoch or more", "", "set more epochs")
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        run, metrics = _finished_run(session, app, experience, state, accelerator.device, progress)
        list_left_out = partial(tell_left_out, experience, session.out, notify(progress))
        session.finish(run, experience, metrics, history, list_left_out=list_left_out)


def _session(
    out: Path, name: str, settings: Any, data: Any, reading: Mapping[str, Any] | None, start: Any, main: bool
) -> Session:
    """Plan the session, which names its data by their paths, or says where else they come from."""
    files = paths_of(list_data(data))
    simulated = isinstance(data, (list, tuple)) and not data
    origin = "" if files else SIMULATED if simulated else IN_MEMORY
    identity: dict[str, Any] = {}
    if main:
        identity = {"content": identify(data, [out], reading)}
        identity |= {} if start is None else {"start": weights_hash(load(start))}
    return Session(out, name, settings, dict(reading or {}), files, origin, main, identity)


def _open_experience(
    app: Application, settings: Any, data: Any, reading: Mapping[str, Any], progress: Progress
) -> SplitSource | Any:
    """Open what is learned from: data divided into parts, or the environment of agents."""
    if app.is_agent:
        return open_environment(app, settings, data)
    sizes = sizes_of(settings)
    source = data if is_source(data) else open_data(app, settings, list_data(data), reading)
    source = in_parts(source, sizes, settings.seed, progress, grouped=settings.groups)
    if isinstance(source, SplitSource):
        require_enough(source)
    return source


def require_enough(source: SplitSource) -> None:
    """Raise InputError where a part of the data has fewer than two objects, before anything is computed.

    Whether the objects of a part also suffice by what they are (their classes) is for the application to say.
    """
    few = {part: count for part, count in ({TRAIN: 0} | source.counts).items() if count < FEWEST}
    if few:
        part, count = next(iter(few.items()))
        total = len(source.split)
        raise InputError(
            f"{total} object{'s' if total > 1 else ''} in all, {count} in the {part} part",
            f"{FEWEST} or more in each part", "too few objects, or a part that is set too small",
            f"give more objects, or a larger --{part}" if part != TRAIN else "give more objects, or smaller parts",
        )  # fmt: skip


def _finished_run(
    session: Session, app: Application, experience: Any, state: State, device: torch.device, progress: Progress
) -> tuple[Run, dict[str, Any]]:
    """Make a run of what was trained, calibrated, and evaluate it on its test part."""
    model = app.network(session.settings, experience.schema)
    load_weights(model, state.weights, session.folder)
    model = model.to(device).eval()
    if app.offers("calibrate"):
        note_few(experience, notify(progress))
        progress("calibrating", 0, None)
        app.calibrate(model, experience)
    progress("evaluating", 0, None)
    metrics = app.evaluate(model, experience, app.Query()).metrics
    if isinstance(experience, SplitSource):
        metrics |= left_out(experience, len(experience.split))
    card = session.card(experience)
    return Run(session.name, session.settings, experience.schema, model, session.reading, card), metrics


def _first_state(start: str | Path | Run, app: Application, network: torch.nn.Module) -> State:
    """Make a state of the weights of another run, if they fit."""
    origin = load(start)
    if origin.application != app.name:
        raise InputError(
            f"--from {start}: a run of {origin.application}", f"one of {app.name}", "another run was meant"
        )
    tensors: Mapping[str, torch.Tensor] = origin.model.state_dict()
    if app.offers("warm_start"):
        tensors = app.warm_start(network, tensors)
    load_weights(network, tensors, Path(f"--from {start}"))
    return State(0, {}, prefixed(tensors, "model."))


def _describe(record: Mapping[str, float]) -> str:
    """Say of an epoch what a reader of a log wants to see: the losses and returns."""
    names = [n for n in record if n.endswith("nll") or n.startswith("return")]
    return ", ".join(f"{n.replace('_', ' ')} {record[n]:.4g}" for n in names)
