"""Simulate objects of an application into a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skysure.application import application, settings_of
from skysure.data.results.writer import ResultWriter
from skysure.errors import SettingsError

from .progress import Progress, notify, silent


def simulate(
    name: str,
    out: str | Path,
    n: int | None = None,
    *,
    seed: int = 0,
    preset: str | None = None,
    config: str | Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **fields: Any,
) -> int:
    """Simulate `n` objects of an application into a table; the suffix of `out` decides its format.

    Returns
    -------
    int
        How many objects were written.
    """
    simulator, progress = application(name).simulate, progress or silent
    settings = settings_of(name, preset, config, fields)
    if n is not None and n < 1:
        raise SettingsError(f"n = {n}", "one object or more")
    total, completed, units = settings.objects if n is None else n, 0, {}
    source = simulator(settings, total, seed)
    with ResultWriter([Path(out)], force=force) as writer:
        for chunk in source.chunks():
            table = chunk.to_table()
            writer.write(table)
            units = {column: str(table[column].unit) for column in table.colnames if table[column].unit is not None}
            completed += len(chunk)
            progress("simulating", completed, total)
    if ".csv" in Path(out).suffixes and units:
        text = ", ".join(f"{column} in {unit}" for column, unit in units.items())
        notify(progress)(f"CSV keeps no units; here: {text}. Give them in [reading] to read it")
    return completed
