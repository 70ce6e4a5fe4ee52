"""Watch an agent act."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astropy.table import QTable

from skysure.data.results.writer import ResultWriter
from skysure.run.directory import Run

from .inputs import load, verb_of


def play(
    run: str | Path | Run, steps: int, *, seed: int = 0, out: Path | None = None, force: bool = False
) -> Iterator[dict[str, Any]]:
    """Watch an agent act by its best actions: yields a record a step, or writes them to a table.

    Parameters
    ----------
    run : path or Run
        Of an agent.
    steps, seed : int
    out : path, optional
    """
    run = load(run)
    records = verb_of(run.verbs, run.application, "play")(run.model, run.settings, steps, seed)
    if out is None:
        yield from records
        return
    with ResultWriter([out], force=force) as writer:
        writer.write(QTable(list(records)))
