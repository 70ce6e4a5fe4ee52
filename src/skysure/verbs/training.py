"""Train an application; what comes out is calibrated and proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from skysure.application import application, settings_of
from skysure.data.sources import Source, SplitSource
from skysure.errors import InputError
from skysure.run.directory import Run, load_run, load_weights
from skysure.run.session import IN_MEMORY, SIMULATED, Training, require_replaceable
from skysure.training import State, prefixed

from .exclusions import left_out, note_few, tell_left_out
from .inputs import Paths, accelerator_on, listed, load, open_data, paths_of
from .progress import Progress, notify, silent
from .split import in_parts, sizes_of


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
    data : path, sequence of paths, chunk in memory (LightCurves, ...), or Source
        Empty: simulated as the settings say. A source in parts (`SplitSource`) keeps them, whatever the settings say.
    out : path
        The run directory. Until it is complete it is called `out.training`, from where `resume` goes on.
    preset, config : str or path, optional
        Layers of settings, under `fields`.
    reading : mapping, optional
        The `[reading]` table of the data.
    start : run, optional
        Where the weights start from.
    resume : bool
        Go on with a training that was interrupted; it ends with the same bits.
    device : {"auto", "cpu", "cuda"}
    progress, on_state : callable, optional
        Told of every stage, and of every state of the training.
    **fields
        Fields of the application's Settings.

    Raises
    ------
    Fault
        Where the data or `out` cannot be used.
    SettingsFault
        Where a setting is unknown, of a wrong type or contradictory.
    """
    out, module = Path(out), application(name)
    require_replaceable(out, force=force)
    accelerator, tell = accelerator_on(device), progress or silent
    settings = settings_of(name, preset, config, fields)
    sizes = sizes_of(settings) if hasattr(module, "read") or hasattr(module, "simulate") else None
    given = listed(data)
    files = paths_of(given)
    origin = "" if files else SIMULATED if isinstance(data, (list, tuple)) and not data else IN_MEMORY
    training = Training(out, name, settings, dict(reading or {}), files, origin, accelerator.is_main_process)
    source: Any
    state: Any
    with training.under_way(resume=resume, force=force):
        source = data if hasattr(data, "chunks") else open_data(name, settings, given, training.reading)
        if sizes is not None:
            source = in_parts(source, sizes, settings.seed, tell, grouped=getattr(settings, "groups", True))
        state, history = training.checkpoints.load() or (None, [])
        if start is not None and state is None:
            state = _first_state(start, name, module.network(settings, source.schema))
        fit_states = () if state and state.done else module.train(source, settings, state, accelerator=accelerator)
        for state in fit_states:
            history.append(state.record)
            training.keep(state, history)
            tell(f"training: {_line(state.record)}", state.epoch, state.epochs)
            if on_state:
                on_state(state)
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            run, metrics = _proven(training, source, state, accelerator.device, tell)
            training.finish(run, source, metrics, history, force=force)
            tell_left_out(source, out, notify(tell))
        accelerator.wait_for_everyone()
    return load_run(out)


def _proven(
    training: Training, source: Source, state: State, device: torch.device, tell: Progress
) -> tuple[Run, dict[str, Any]]:
    """Make a run of what was trained: calibrated, and with the metrics of its test part."""
    module = application(training.name)
    model = module.network(training.settings, source.schema)
    load_weights(model, state.weights, training.folder)
    model = model.to(device).eval()
    if hasattr(module, "calibrate"):
        note_few(source, notify(tell))
        tell("calibrating", 0, None)
        module.calibrate(model, source)
    tell("evaluating", 0, None)
    metrics = module.evaluate(model, source, module.Query()).metrics
    if isinstance(source, SplitSource):
        metrics |= left_out(source, len(source.split))
    card = training.card(source)
    return Run(training.name, training.settings, source.schema, model, training.reading, card), metrics


def _first_state(start: str | Path | Run, name: str, network: torch.nn.Module) -> State:
    """Take the weights of a run as those to start from, if they fit."""
    other = load(start)
    if other.application != name:
        raise InputError(f"--from {start}: a run of {other.application}", f"one of {name}", "another run was meant")
    tensors: Mapping[str, torch.Tensor] = other.model.state_dict()
    begun_with: Any = getattr(network, "begun_with", None)  # of an ensemble
    if begun_with is not None:
        tensors = begun_with(tensors)
    load_weights(network, tensors, Path(f"--from {start}"))
    return State(0, {}, prefixed(tensors, "model."))


def _line(record: Mapping[str, float]) -> str:
    """Say of an epoch what a reader of a log wants to see."""
    shown = [n for n in record if n.endswith("nll") or n.startswith("return")]
    return ", ".join(f"{n.replace('_', ' ')} {record[n]:.4g}" for n in shown)
