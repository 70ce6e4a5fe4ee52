"""Watch an agent act."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from astropy.table import QTable

from skysure.data.results.writer import ResultWriter
from skysure.run.directory import Run
from skysure.settings import build

from .inputs import load


def play(
    run: str | Path | Run, *, out: str | Path | None = None, force: bool = False, **fields: Any
) -> Iterator[dict[str, Any]]:
    """Watch an agent act by its best actions: yields a record (column to value) per step.

    Parameters
    ----------
    run : path or Run
        Of an agent.
    out : path, optional
        A table that the records are written to; then nothing is yielded.
    force : bool
        Replace `out` where it exists.
    **fields
        Fields of the application's Play: steps, seed, ...
    """
    run = load(run)
    app = run.verbs
    records = app.play(run.model, app.environment(run.settings), build(app.Play, fields, where=f"play {app.name}"))
    if out is None:
        yield from records
        return
    with ResultWriter([Path(out)], force=force) as writer:
        writer.write(QTable(list(records)))
