"""Apply a trained model to data: return the prediction, or write it to tables, pages and other files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from skysure.data.chunks import checksum_of
from skysure.data.files.identity import stamp_of
from skysure.data.results.publication import Publication
from skysure.data.results.writer import rejected_path
from skysure.data.sources import Source, read_ahead
from skysure.data.targets import keep_inputs
from skysure.errors import InputError
from skysure.predictions import Prediction, Values, concat
from skysure.predictions.samples import SamplesWriter
from skysure.predictions.tables import TableWriter
from skysure.predictions.writers import Answer, Form, Task, Writer, form_of, require_kind
from skysure.run.directory import Run
from skysure.settings import build, plain

from .drawing import data_name
from .exclusions import no_object, tell_left_out
from .identity import files_in
from .inputs import Paths, accelerator_on, any_given, has_table, list_data, load, open_for_run, paths_of, reading_for
from .memory import release_memory
from .object_columns import ObjectColumns
from .progress import Progress, notify, silent

P = TypeVar("P", bound=Prediction)


@overload
def predict(run: str | Path | Run, data: Any, out: str | Path | Paths, **options: Any) -> int:
    """Write the prediction to files, and return the number of rows."""
    ...


@overload
def predict(run: str | Path | Run, data: Any = (), *, kind: type[P], **options: Any) -> P:
    """Return the whole prediction, of the kind given."""
    ...


@overload
def predict(run: str | Path | Run, data: Any = (), *, forecast: str | float, **options: Any) -> Values:
    """Return a forecast, if the application has them."""
    ...


@overload
def predict(run: str | Path | Run, data: Any = (), **options: Any) -> Prediction:
    """Return the whole prediction."""
    ...


def predict(
    run: str | Path | Run,
    data: Any = (),
    out: str | Path | Paths = (),
    *,
    kind: type[Prediction] = Prediction,
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
    data : path or sequence of paths, Source, table, or chunk in memory (LightCurves, ...)
        A table is a dict of arrays, an astropy Table or QTable, a pandas DataFrame or an Arrow table. Columns that
        the data have for each object (position, host, ...) follow the id in the rows of the prediction.
    out : path or sequence of paths
        Files to write. The suffix of each decides: .parquet, .fits, .ecsv, .csv, .vot are tables, .html is a page
        with figures of the first objects, .h5 holds posterior samples; some applications have others of their own.
    kind : type of Prediction, optional
        The kind that you expect (`Classes`, `Values`, `Actions`, `Detections`), for type checkers; any other raises
        InputError.
    reading : mapping, optional
        Columns, unit or zero point, bands of the data; replaces the `[reading]` table of the run.
    resume : bool
        Continue a prediction that was interrupted.
    force : bool
        Replace files that exist.
    **query
        Fields of the application's Query: samples, coverage, ...

    Returns
    -------
    Prediction, or the number of rows
        The whole prediction if `out` is empty; else how many rows were written, or how many objects if `out` is only
        a page.
    """
    run, progress = load(run), progress or silent
    request = build(run.verbs.Query, query, where=run.application)
    model = deepcopy(run.model).to(accelerator_on(device).device).eval()
    reading = reading_for(run, data, reading)
    source = open_for_run(run, data, reading)
    predict_chunk = run.verbs.predict
    answers = _answers(source, lambda chunk: predict_chunk(model, chunk, request))
    if not out:
        predictions = [answer.prediction for answer in answers]
        if not predictions:
            raise no_object(source)
        return _require(kind, concat(predictions))
    files = [] if has_table(data) else list(paths_of(list_data(data)))
    metadata = _metadata(run, request)
    is_repeatable = bool(files) or not any_given(data)
    identity = metadata | {"data": files, "reading": dict(reading)} if is_repeatable else None
    task = Task(run, model, request, data_name(files), metadata, identity, force=force, resume=resume)
    paths = [Path(p) for p in ([out] if isinstance(out, (str, Path)) else out)]
    keep_inputs([*paths, rejected_path(paths[0])], files)
    return _publish(paths, task, stamp_of([*files, *files_in(reading)]), source, answers, progress)


def _answers(source: Source, predict_chunk: Callable[[Any], Prediction]) -> Generator[Answer, None, None]:
    """Yield an answer for each chunk; its prediction also has the columns that the data have for each object."""
    columns = ObjectColumns()
    for k, chunk in enumerate(read_ahead(source.chunks())):
        if k:
            release_memory()
        columns.note(chunk)
        yield Answer(f"{k}:{checksum_of(chunk)}", chunk, lambda chunk: columns.add(predict_chunk(chunk), chunk))


def _require(kind: type[P], prediction: Prediction) -> P:
    if not isinstance(prediction, kind):
        raise InputError(f"the prediction is {type(prediction).__name__}", kind.__name__, "another model, or query")
    return prediction


def _publish(
    paths: list[Path], task: Task, stamp: str, source: Source, answers: Generator[Answer, None, None],
    progress: Progress,
) -> int:  # fmt: skip
    """Write answers to files, and return the number of rows, or of objects if no file has rows."""
    forms = _forms_of(paths, task.run.verbs.forms)
    paths = [path for _, files in forms for path in files]
    with Publication(
        paths, beside=[rejected_path(paths[0])], identity=task.identity, stamp=stamp, force=task.force,
        resume=task.resume,
    ) as publication:  # fmt: skip
        if publication.is_complete:
            notify(progress)("the prediction was complete: only its files were still to be named")
        else:
            publication.rows = _write(forms, replace(task, publication=publication), source, answers, progress)
    return publication.rows


def _forms_of(paths: list[Path], more: Sequence[Form]) -> list[tuple[Form, list[Path]]]:
    """Return the form of each path, with the paths of that form; forms that have rows come first."""
    by_form: dict[str, tuple[Form, list[Path]]] = {}
    for path in paths:
        form = form_of(path, more)
        by_form.setdefault(form.name, (form, []))[1].append(path)
    return sorted(by_form.values(), key=lambda pair: pair[0].counts != "row")


def _write(
    forms: Sequence[tuple[Form, list[Path]]], task: Task, source: Source, answers: Generator[Answer, None, None],
    progress: Progress,
) -> int:  # fmt: skip
    """Write answers, and what was set aside, to files that are not published yet; return the number of rows."""
    note, flags, done, may_be_empty = notify(progress), Counter(), 0, False
    writers = [form.writer(files, task) for form, files in forms]
    first, is_space_known = forms[0][1][0], False
    with ExitStack() as stack:
        for writer in writers:
            stack.enter_context(writer)
        for answer in answers:
            done += len(answer.chunk)
            _write_answer(answer, forms, writers)
            if answer.is_computed and not is_space_known:
                _state_space(writers, done, source.expected(answer.chunk), note)
                is_space_known = True
            flags.update(_count_flags(answer))
            may_be_empty |= answer.is_computed and answer.prediction.may_be_empty
            progress("predicting", done, None)
            if all(writer.is_full for writer in writers):
                answers.close()
        if not done or not (may_be_empty or all(writer.rows for writer in writers)):
            tell_left_out(source, first, note)
            raise no_object(source, task.data)
    assert task.publication is not None
    tell_left_out(source, first, note, task.publication.file)
    for text in (text for writer in writers for text in writer.notes):
        note(text)
    for flag, count in flags.items():
        note(f"{count:,} row{'' if count == 1 else 's'} flagged: {flag}")
    return writers[0].rows


def _state_space(writers: Sequence[Writer], done: int, expected: int | None, note: Callable[[str], None]) -> None:
    """Say how much disk space the rows of all expected objects need; raise InputError where there is less."""
    for writer in writers:
        has_rows = isinstance(writer, (TableWriter, SamplesWriter))
        if has_rows and expected and expected > done and (text := writer.require_space(done / expected)):
            note(text)


def _write_answer(answer: Answer, forms: Sequence[tuple[Form, list[Path]]], writers: Sequence[Writer]) -> None:
    """Give an answer to the writers that need it."""
    for (form, files), writer in zip(forms, writers, strict=True):
        if not writer.has(answer.key):
            if form.kinds != (Prediction,):
                require_kind(form, files, answer.prediction)
            writer.write(answer)


def _count_flags(answer: Answer) -> Counter[str]:
    """Count the rows of each quality flag; none where no prediction was needed."""
    counts: Counter[str] = Counter()
    flags = answer.prediction.quality_flags if answer.is_computed else None
    for text, count in Counter([] if flags is None else np.asarray(flags).tolist()).items():
        counts.update(dict.fromkeys(filter(None, text.split("; ")), count))
    return counts


def _metadata(run: Run, query: Any) -> dict[str, Any]:
    """Describe where a result comes from: application, run, how to cite it, checksum of the model, query."""
    card = {"application": run.application, "run": run.path.name if run.path else "", "cite": run.card.get("cite", "")}
    return card | {"model": run.card.get("sha256", {}).get("model.safetensors", "")} | plain(query)
