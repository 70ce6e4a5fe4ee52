"""Opening what a verb works on: a run, the data given to it, the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from skysure.application import VERBS, application
from skysure.data.lightcurves.reading import Reading
from skysure.data.sources import InMemorySource, Source
from skysure.errors import InputError, SettingsError
from skysure.run.directory import Run, load_run

Paths = Sequence[str | Path]


def load(run: str | Path | Run) -> Run:
    """Open a run directory or a shipped model; a run that is open already stays as it is.

    Raises
    ------
    Fault
        Where a file is missing, edited, of a newer format, or does not fit its settings.
    """
    return run if isinstance(run, Run) else load_run(run)


def read(name: str, data: Paths, reading: Mapping[str, Any] | None = None) -> Source:
    """Open data of an application: files, folders, globs, archives.

    Parameters
    ----------
    name : str
        The application.
    data : path, sequence of paths, or of chunks in memory (LightCurves, ...)
    reading : mapping, optional
        The `[reading]` table: columns, units, time format, bands, labels, dialect.

    Returns
    -------
    Source
        Walked with `chunks()`.
    """
    verb = verb_of(application(name), name, "read")
    return verb(list(listed(data)), Reading.from_toml(reading or {}))


def verb_of(module: Any, name: str, verb: str) -> Any:
    """Give a verb of an application, or say which others it has."""
    if not hasattr(module, verb):
        able = [v for v in VERBS if hasattr(module, v)]
        raise InputError(f"{name} cannot {verb}", f"one of {', '.join(able)}")
    return getattr(module, verb)


def open_data(name: str, settings: Any, data: Sequence[Any], reading: Mapping[str, Any]) -> Source:
    """Open the data of an application: files or chunks in memory where some are given, else what it simulates."""
    module = application(name)
    if data:
        if not hasattr(module, "read"):
            raise InputError(f"{name} reads no data", "no DATA", "an agent learns from its environment")
        return module.read(list(data), Reading.from_toml(reading))
    if hasattr(module, "simulate"):
        return module.simulate(settings, getattr(settings, "objects", None), settings.seed)
    return module.environment(settings)


def opened(run: Run, data: Any, reading: Mapping[str, Any]) -> Source:
    """Open paths, or take what is in memory, for a trained model."""
    if hasattr(data, "chunks"):
        return data
    given = listed(data)
    if not given and hasattr(run.verbs, "read"):
        raise InputError("no DATA", f"objects to apply {run.application} to", "", "skysure predict RUN DATA --out FILE")
    if given and not paths_of(given):
        return InMemorySource(run.schema, given)
    return open_data(run.application, run.settings, given, reading)


def listed(data: Any) -> tuple[Any, ...]:
    """Give what is given as a tuple: paths as text, or chunks in memory; nothing for a source."""
    if hasattr(data, "chunks"):
        return ()
    several = data if isinstance(data, (list, tuple)) else [data]
    return tuple(str(d) if isinstance(d, (str, Path)) else d for d in several)


def paths_of(given: Sequence[Any]) -> tuple[str, ...]:
    """Give those of what is given that are paths."""
    return tuple(d for d in given if isinstance(d, str))


def any_given(data: Any) -> bool:
    """Whether there are data: a source, a chunk, or a path at least."""
    return not isinstance(data, (list, tuple)) or len(data) > 0


def accelerator_on(device: str) -> Accelerator:
    """Give the engine of one device or many: "auto" takes what is there."""
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"device = {device!r}", "auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device cuda", "a GPU", "there is none, or PyTorch was installed for the CPU", "--device auto")
    return Accelerator(cpu=device == "cpu")
