"""What a verb works on: a run, the data given to it, the environment of agents, the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from skysure.application import Application, application
from skysure.data.sources import InMemorySource, Source
from skysure.errors import InputError, SettingsError
from skysure.run.directory import Run, load_run

Paths = Sequence[str | Path]


def load(run: str | Path | Run) -> Run:
    """Open a run directory or a shipped model; an open run is returned as it is.

    Raises
    ------
    InputError
        Where a file is missing, edited, of a newer format, or does not fit its settings.
    """
    return run if isinstance(run, Run) else load_run(run)


def read(name: str, data: Paths, reading: Mapping[str, Any] | None = None) -> Source:
    """Open data of an application: files, folders, globs, archives.

    Parameters
    ----------
    name : str
        The application.
    data : path, sequence of paths, of tables, or of chunks in memory (LightCurves, ...)
    reading : mapping, optional
        The `[reading]` table: columns, units, time format, bands, labels.

    Returns
    -------
    Source
        Iterated with `chunks()`.
    """
    app = application(name)
    require_reader(app)
    return app.read(chunks_of_tables(app, list_data(data), reading or {}), dict(reading or {}))


def open_data(app: Application, settings: Any, data: Sequence[Any], reading: Mapping[str, Any]) -> Source:
    """Open the data of an application: the files or chunks in memory that are given, else a simulation.

    Settings with `objects` = 0 ask for a simulation without end: new objects in every epoch of a training.
    """
    if data:
        require_reader(app)
        return app.read(chunks_of_tables(app, data, reading), dict(reading))
    return app.simulate(settings, settings.objects or None, settings.seed)


def open_environment(app: Application, settings: Any, data: Any) -> Any:
    """Make the environment of agents; raises InputError where data are given, which agents cannot read."""
    if any_given(data):
        require_reader(app)
    return app.environment(settings)


def require_reader(app: Application) -> None:
    """Raise InputError where an application reads no data."""
    if not app.offers("read"):
        cause = "an agent learns from its environment" if app.is_agent else "it learns from what it simulates"
        raise InputError(f"{app.name} reads no data", "no DATA", cause)


def open_for_run(run: Run, data: Any, reading: Mapping[str, Any]) -> Source:
    """Open data for a trained model: paths, tables, chunks, or a source; of agents without data, their states."""
    app = run.verbs
    if is_source(data):
        return data
    chunks_or_paths = chunks_of_tables(app, list_data(data), reading)
    if not chunks_or_paths and app.offers("read"):
        raise InputError("no DATA", f"objects to apply {run.application} to", "", "skysure predict RUN DATA --out FILE")
    if chunks_or_paths and not paths_of(chunks_or_paths):
        return InMemorySource(run.schema, chunks_or_paths)
    if app.is_agent and not chunks_or_paths:
        return app.states(app.environment(run.settings))
    return open_data(app, run.settings, chunks_or_paths, reading)


def reading_for(run: Run, data: Any, reading: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give the reading of data: what was asked, else that of the run, which describes files, not tables in memory."""
    if reading is None:
        return {} if has_table(data) else dict(run.reading)
    return dict(reading)


def chunks_of_tables(app: Application, data: Sequence[Any], reading: Mapping[str, Any]) -> list[Any]:
    """Turn the tables in a list of data into chunks of an application; paths and chunks stay as they are."""
    return [app.from_table(d, reading) if is_table(d) else d for d in data]


def has_table(data: Any) -> bool:
    """Whether there is a table in memory among data."""
    return any(map(is_table, list_data(data)))


def is_table(data: Any) -> bool:
    """Whether data are columns by name: a dict, or a table of astropy, pandas, polars or Arrow.

    >>> is_table({"id": ["a"]}), is_table("night.fits")
    (True, False)
    """
    if isinstance(data, Mapping):
        return True
    return hasattr(data, "__getitem__") and any(hasattr(data, n) for n in ("colnames", "column_names", "columns"))


def is_source(data: Any) -> bool:
    """Whether data are a source; otherwise they are paths or chunks in memory."""
    return isinstance(data, Source)


def list_data(data: Any) -> tuple[Any, ...]:
    """List what is given, paths as text; nothing for a source."""
    if is_source(data):
        return ()
    several = data if isinstance(data, (list, tuple)) else [data]
    return tuple(str(d) if isinstance(d, (str, Path)) else d for d in several)


def paths_of(data: Sequence[Any]) -> tuple[str, ...]:
    """Select the paths in a list of data."""
    return tuple(d for d in data if isinstance(d, str))


def any_given(data: Any) -> bool:
    """Whether there are data: a source, a chunk, or at least one path."""
    return not isinstance(data, (list, tuple)) or len(data) > 0


def accelerator_on(device: str) -> Accelerator:
    """Make the accelerator of one device or many; "auto" takes a GPU where there is one.

    Raises
    ------
    SettingsError, InputError
        Where the device has another name, or does not exist.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"device = {device!r}", "auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device cuda", "a GPU", "there is none, or PyTorch was installed for the CPU", "--device auto")
    # without an accelerator it has to be told so, else each of several processes would train a whole network of its own
    return Accelerator(cpu=device == "cpu" or not torch.accelerator.is_available())
