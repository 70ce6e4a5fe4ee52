"""Apply a trained model to data: the prediction itself, or tables and pictures of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np

from skysure import settings as layers
from skysure.data.results.writer import ResultWriter
from skysure.data.sources import Source
from skysure.data.split import hash_of_ids
from skysure.predictions import Prediction, concat
from skysure.run.directory import Run

from .drawing import is_page, named, require_drawable, write_page
from .exclusions import no_object, tell_left_out
from .inputs import Paths, accelerator_on, listed, load, opened, paths_of, verb_of
from .progress import Progress, notify, silent


@overload
def predict(run: str | Path | Run, data: Paths | Source | Any = (), **options: Any) -> Prediction:
    """Give the whole prediction."""


@overload
def predict(run: str | Path | Run, data: Paths | Source | Any, out: str | Path | Paths, **options: Any) -> int:
    """Write the prediction to tables and pages, and give the number of rows."""


def predict(
    run: str | Path | Run,
    data: Paths | Source | Any = (),
    out: str | Path | Paths = (),
    *,
    reading: Mapping[str, Any] | None = None,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    **query: Any,
) -> Prediction | int:
    """Apply a trained model, chunk by chunk.

    Parameters
    ----------
    run : path, name or Run
    data : sequence of paths, Source, or a chunk in memory (LightCurves, ...)
    out : path or sequence of paths
        Result tables; the suffix of each decides its format. One that ends in .html is a page with pictures of the
        first objects.
    reading : mapping, optional
        Instead of the `[reading]` table of the run.
    resume : bool
        Go on with a prediction that was interrupted.
    **query
        Fields of the application's Query: samples, coverage, ...

    Returns
    -------
    Prediction, or the number of rows
        The whole prediction where `out` is empty; else how many rows were written, or with a page alone how many
        objects are on it.
    """
    run, tell = load(run), progress or silent
    verb = verb_of(run.verbs, run.application, "predict")
    asked = layers.build(run.verbs.Query, query, where=run.application)
    model = deepcopy(run.model).to(accelerator_on(device).device).eval()
    known = dict(run.reading if reading is None else reading)
    source = opened(run, data, known)
    if not out:
        found = [verb(model, chunk, asked) for chunk in source.chunks()]
        if not found:
            raise no_object(source)
        return concat(found)
    paths = [Path(p) for p in ([out] if isinstance(out, (str, Path)) else out)]
    pages, tables = [p for p in paths if is_page(p)], [p for p in paths if not is_page(p)]
    for path in pages:
        require_drawable(path, run, force=force)
    files = list(paths_of(listed(data)))
    rows, shown = 0, 0
    if tables:
        kept = {"force": force, "resume": resume, "metadata": _about(run, asked)}
        kept["identity"] = kept["metadata"] | {"data": files, "reading": known} if files else None
        rows = _write(ResultWriter(tables, **kept), source, files, partial(verb, model, query=asked), tell)
    for path in pages:
        shown = write_page(path, run, model, source, asked, named(files))
    if not tables:
        tell_left_out(source, paths[0], notify(tell))
    return rows or shown


def _write(
    writer: ResultWriter, source: Source, files: list[str], answer: Callable[[Any], Prediction], tell: Progress
) -> int:
    """Write the answers for a source, chunk by chunk, and give the number of rows."""
    done, flags = 0, Counter()
    with writer:
        for k, chunk in enumerate(source.chunks()):
            done += len(chunk)
            key = f"{k}:{hash_of_ids(chunk.ids)}"
            if not writer.has(key):
                prediction = answer(chunk)
                writer.write(prediction.to_table(), key)
                flags.update(_flagged(prediction))
            tell("predicting", done, None)
        if not writer.rows:
            tell_left_out(source, writer.paths[0], notify(tell))
            raise no_object(source, ", ".join(files) or "the data")
    tell_left_out(source, writer.paths[0], notify(tell))
    for flag, count in flags.items():
        notify(tell)(f"{count:,} row{'s' if count > 1 else ''} flagged: {flag}")
    return writer.rows


def _flagged(prediction: Prediction) -> Counter[str]:
    """Count the rows of each flag."""
    found: Counter[str] = Counter()
    flags = getattr(prediction, "quality_flags", None)
    for text, count in Counter([] if flags is None else np.asarray(flags).tolist()).items():
        found.update(dict.fromkeys(filter(None, text.split("; ")), count))
    return found


def _about(run: Run, query: Any) -> dict[str, Any]:
    """What a result table says of itself."""
    card = {"application": run.application, "run": run.path.name if run.path else "", "cite": run.card.get("cite", "")}
    return card | {"model": run.card.get("sha256", {}).get("model.safetensors", "")} | layers.plain(query)
