"""The verbs, as Python calls them and the command line does: train, calibrate, predict, evaluate, ..."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from accelerate import Accelerator
from astropy.table import QTable

from skysure import run as runs
from skysure import settings as layers
from skysure.applications import VERBS, application, presets, settings_of
from skysure.data.parts import hash_of_ids
from skysure.data.reading import Reading
from skysure.data.sources import CALIBRATION, TEST, TRAIN, VALIDATION, Memory, Parted, Source
from skysure.data.tables import ResultWriter
from skysure.faults import Fault, SettingsFault
from skysure.fit import State, prefixed
from skysure.models import find, shipped
from skysure.predictions import Evaluation, Prediction, concat
from skysure.run import Run
from skysure.training import (
    Training,
    counted,
    in_parts,
    left_out,
    no_object,
    open_data,
    require_objects,
    require_replaceable,
    sizes_of,
    split_of,
    tell_left_out,
    unseen,
    with_seen,
    write_evaluation,
    write_report,
)  # fmt: skip

FEW = 100
"""Objects below which a calibration is told to be rough."""
Paths = Sequence[str | Path]
Progress = Callable[[str, float, float | None], None]
"""Told what is being done, how much of it is done, and of how much (None where nobody knows; 0: a note)."""


def load(run: str | Path | Run) -> Run:
    """Open a run directory or a shipped model; a run that is open already stays as it is.

    Raises
    ------
    Fault
        Where a file is missing, edited, of a newer format, or does not fit its settings.
    """
    return run if isinstance(run, Run) else runs.load(run)


def read(name: str, data: Paths, reading: Mapping[str, Any] | None = None) -> Source:
    """Open data of an application: files, folders, globs, archives.

    Parameters
    ----------
    name : str
        The application.
    data : sequence of paths
    reading : mapping, optional
        The `[reading]` table: columns, units, time format, bands, labels, dialect.

    Returns
    -------
    Source
        Walked with `chunks()`.
    """
    verb = _verb(application(name), name, "read")
    return verb([str(path) for path in data], Reading.from_toml(reading or {}))


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
    verb, tell = _verb(application(name), name, "simulate"), progress or _silent
    settings = settings_of(name, preset, config, fields)
    if n is not None and n < 1:
        raise SettingsFault(f"n = {n}", "one object or more")
    total, done = settings.objects if n is None else n, 0
    source = verb(settings, total, seed)
    with ResultWriter([Path(out)], force=force) as writer:
        for chunk in source.chunks():
            table = chunk.to_table()
            writer.write(table)
            done += len(chunk)
            tell("simulating", done, total)
    if ".csv" in Path(out).suffixes and (unit := getattr(table, "columns", {}).get("flux")) is not None:
        _noted(tell)(f'CSV keeps no units: its flux is in {unit.unit}; [reading] unit = "{unit.unit}" reads it back')
    return done


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
    data : sequence of paths, or Source
        Empty: simulated as the settings say.
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
    accelerator, tell = accelerator_on(device), progress or _silent
    settings = settings_of(name, preset, config, fields)
    parted = hasattr(module, "read") or hasattr(module, "simulate")
    sizes = sizes_of(settings) if parted else {}
    given = data if isinstance(data, (list, tuple)) else ()
    training = Training(out, name, settings, dict(reading or {}), tuple(map(str, given)), accelerator.is_main_process)
    source: Any
    state: Any
    with training.under_way(resume=resume, force=force):
        source = open_data(name, settings, training.data, training.reading) if given is data else data
        if parted:
            source = in_parts(source, sizes, settings.seed, tell, grouped=getattr(settings, "groups", True))
        state, history = training.checkpoints.load() or (None, [])
        if start is not None and state is None:
            state = _first_state(start, name, module.network(settings, source.schema))
        total = getattr(settings, "epochs", None) or getattr(settings, "episodes", None)
        course = () if state and state.done else module.train(source, settings, state, accelerator=accelerator)
        for state in course:
            history.append(state.record)
            training.keep(state, history)
            tell(f"training: {_line(state.record)}", state.epoch, total)
            if on_state:
                on_state(state)
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            model = module.network(settings, source.schema)
            runs.load_weights(model, state.weights, training.folder)
            model = model.to(accelerator.device).eval()
            if hasattr(module, "calibrate"):
                tell("calibrating", 0, None)
                module.calibrate(model, source)
            tell("evaluating", 0, None)
            metrics = module.evaluate(model, source, module.Query()).metrics
            metrics |= left_out(source, len(source.split)) if parted else {}
            run = Run(name, settings, source.schema, model, training.reading, training.card(source))
            training.finish(run, source, metrics, history, force=force)
            tell_left_out(source, out, _noted(tell))
        accelerator.wait_for_everyone()
    return runs.load(out)


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

    Parameters
    ----------
    run : path, name or Run
    data : sequence of paths, or Source
        Objects with truth.
    out : path
        The new run directory.
    reading : mapping, optional
        Instead of the `[reading]` table of the run.
    test : float
        Share of the objects (or, from 1 on, how many) kept to prove the new calibration on.
    seed : int
        Of the division into these two.

    What the network was trained on is left out: it would look better calibrated than it is.
    """
    run, out = load(run), Path(out)
    module, tell = run.verbs, progress or _silent
    verb = _verb(module, run.application, "calibrate")
    require_replaceable(out, force=force)
    if not test > 0:
        raise SettingsFault(
            f"test = {test:g}", "a share, or a number of objects", "nothing would prove the calibration"
        )
    known = dict(run.reading if reading is None else reading)
    given = tuple(map(str, data)) if isinstance(data, (list, tuple)) else ()
    training = Training(out, run.application, run.settings, known, given)
    model = deepcopy(run.model).to(accelerator_on(device).device)
    with training.under_way(force=force, resumable=False):
        fresh = unseen(_opened(run, data, known), run)
        source = in_parts(fresh, {TRAIN: 0, VALIDATION: 0, CALIBRATION: None, TEST: test}, seed, tell)
        if (count := source.counts[CALIBRATION]) < FEW:
            _noted(tell)(f"{counted(count)} to calibrate on: error bars stay rough below {FEW}")
        tell("calibrating", 0, None)
        verb(model, source)
        tell("evaluating", 0, None)
        metrics = module.evaluate(model, source, module.Query()).metrics | left_out(fresh, len(source.split))
        card = training.card(source) | {"calibrated_from": str(run.path or run.application)}
        made = Run(run.application, run.settings, run.schema, model, known, card)
        training.finish(made, Parted(fresh, with_seen(source.split, fresh.split)), metrics, [], force=force)
        tell_left_out(fresh, out, _noted(tell))
    return runs.load(out)


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
        Result tables; the suffix of each decides its format.
    reading : mapping, optional
        Instead of the `[reading]` table of the run.
    resume : bool
        Go on with a prediction that was interrupted.
    **query
        Fields of the application's Query: samples, coverage, ...

    Returns
    -------
    Prediction, or the number of rows
        The whole prediction where `out` is empty; else how many rows were written.
    """
    run, tell = load(run), progress or _silent
    verb = _verb(run.verbs, run.application, "predict")
    asked = layers.build(run.verbs.Query, query, where=run.application)
    model = deepcopy(run.model).to(accelerator_on(device).device).eval()
    known = dict(run.reading if reading is None else reading)
    source = _opened(run, data, known)
    if not out:
        found = [verb(model, chunk, asked) for chunk in source.chunks()]
        if not found:
            raise no_object(source)
        return concat(found)
    paths = [Path(p) for p in ([out] if isinstance(out, (str, Path)) else out)]
    about, done, flags = _about(run, asked), 0, Counter()
    identity = about | {"data": list(map(str, data)), "reading": known} if isinstance(data, (list, tuple)) else None
    with ResultWriter(paths, force=force, resume=resume, metadata=about, identity=identity) as writer:
        for k, chunk in enumerate(source.chunks()):
            done += len(chunk)
            key = f"{k}:{hash_of_ids(chunk.ids)}"
            if not writer.has(key):
                prediction = verb(model, chunk, asked)
                writer.write(prediction.to_table(), key)
                flags.update(_flagged(prediction))
            tell("predicting", done, None)
        if not writer.rows:
            tell_left_out(source, paths[0], _noted(tell))
    tell_left_out(source, paths[0], _noted(tell))
    for flag, count in flags.items():
        _noted(tell)(f"{count:,} row{'s' if count > 1 else ''} flagged: {flag}")
    return writer.rows


def evaluate(
    run: str | Path | Run,
    data: Paths | Source | Any = (),
    *,
    against: str | Path | Run | None = None,
    out: str | Path = "",
    reading: Mapping[str, Any] | None = None,
    device: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
    **query: Any,
) -> Evaluation:
    """Prove a model on its test part, or on other data without what it was trained or calibrated on.

    Parameters
    ----------
    run : path, name or Run
    data : sequence of paths, Source, or a chunk in memory
        Empty: the test part of what the run was trained on.
    against : run, optional
        Another run, evaluated on the same objects.
    out : path, optional
        Folder for `metrics.json` and `report.html`; without `data` the run itself.
    **query
        Fields of the application's Query.
    """
    run, tell = load(run), progress or _silent
    verb = _verb(run.verbs, run.application, "evaluate")
    asked = layers.build(run.verbs.Query, query, where=run.application)
    folder = Path(out) if out else None if _given(data) else run.path
    if out:
        require_replaceable(Path(out), force=force)
    source = _test_source(run, data, dict(run.reading if reading is None else reading))
    other = None if against is None else _comparable(load(against), run)
    if other is not None and hasattr(source, "chunks"):
        source = unseen(source, other)
    device_ = accelerator_on(device).device
    require_objects(source)
    tell("evaluating", 0, None)
    metrics = verb(deepcopy(run.model).to(device_).eval(), source, asked).metrics
    if _given(data):
        metrics |= {"part": "given data"} | left_out(source, metrics.get("objects", 0))
    if other is not None:
        metrics |= _beside(metrics, other, verb(deepcopy(other.model).to(device_).eval(), source, asked).metrics)
    if folder is not None:
        _publish_evaluation(run, folder, Evaluation(metrics))
    if folder is not None and _given(data):
        tell_left_out(source, folder, _noted(tell))
    if not metrics.get("truth", True):
        _noted(tell)("the data hold no truth (labels): nothing can be proven, the report shows what was answered")
    return Evaluation(metrics)


def inspect(paths: Paths, reading: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Say what is in files, tables or a run: as plain data, with the `[reading]` it would be read with."""
    from skysure.data.lightcurves.inspection import describe

    first = Path(str(paths[0]))
    if (first / "run.toml").is_file() or str(first) in shipped():
        return {"kind": "run"} | layers.load_toml(find(str(first)) / "run.toml")
    return {"kind": "light curves"} | describe([str(p) for p in paths], reading)


def demo(
    name: str = "supernovae",
    out: str | Path = "demo",
    *,
    force: bool = False,
    progress: Progress | None = None,
    device: str = "auto",
) -> Path:
    """Go the whole way on embedded data: simulate, train, calibrate, prove, predict; gives the folder.

    An application that simulates writes what it learned from, and predicts objects it has never seen.
    """
    folder, module = Path(out) / name, application(name)
    runs.require_free(folder.parent if not folder.parent.exists() else folder, force=force)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    choice = "demo" if "demo" in presets(name) else None
    told: dict[str, Any] = {"preset": choice, "progress": progress}
    data: list[Path] = []
    if hasattr(module, "simulate"):
        data = [folder / "objects.parquet"]
        simulate(name, data[0], **told)
    run = train(name, data, folder / "run", device=device, **told)
    if hasattr(module, "predict"):
        unseen = [folder / "new.parquet"] if data else []
        if unseen:
            simulate(name, unseen[0], 500, seed=1, **told)
        predict(run, unseen, folder / "predictions.ecsv", device=device, progress=progress)
    return folder


def accelerator_on(device: str) -> Accelerator:
    """Give the engine of one device or many: "auto" takes what is there."""
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsFault(f"device = {device!r}", "auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise Fault("device cuda", "a GPU", "there is none, or PyTorch was installed for the CPU", "--device auto")
    return Accelerator(cpu=device == "cpu")


def _verb(module: Any, name: str, verb: str) -> Any:
    if not hasattr(module, verb):
        able = [v for v in VERBS if hasattr(module, v)]
        raise Fault(f"{name} cannot {verb}", f"one of {', '.join(able)}")
    return getattr(module, verb)


def _given(data: Any) -> bool:
    return not isinstance(data, (list, tuple)) or len(data) > 0


def _opened(run: Run, data: Any, reading: dict[str, Any]) -> Source:
    """Open paths, or take what is in memory, for a trained model."""
    if isinstance(data, (str, Path)):
        data = [data]
    if isinstance(data, (list, tuple)):
        if not data and hasattr(run.verbs, "read"):
            raise Fault("no DATA", f"objects to apply {run.application} to", "", "skysure predict RUN DATA --out FILE")
        return open_data(run.application, run.settings, [str(p) for p in data], reading)
    return data if hasattr(data, "chunks") else Memory(run.schema, [data])


def _test_source(run: Run, data: Any, reading: dict[str, Any]) -> Source:
    """The objects to prove a run on, without those that it has seen."""
    if _given(data):
        return unseen(_opened(run, data, reading), run)
    sources, split = run.card.get("data", {}).get("sources", []), split_of(run)
    source = open_data(run.application, run.settings, sources, reading)
    return source if split is None else Parted(source, split)


def _comparable(other: Run, run: Run) -> Run:
    """Give a run to compare with, if it answers the same question."""
    if other.application != run.application:
        raise Fault(f"{other.path}: a run of {other.application}", f"one of {run.application}", "another run was meant")
    return other


def _first_state(start: str | Path | Run, name: str, network: torch.nn.Module) -> State:
    """Take the weights of a run as those to start from, if they fit."""
    other = load(start)
    if other.application != name:
        raise Fault(f"--from {start}: a run of {other.application}", f"one of {name}", "another run was meant")
    tensors = other.model.state_dict()
    runs.load_weights(network, tensors, Path(f"--from {start}"))
    return State(0, {}, prefixed(tensors, "model."))


def _flagged(prediction: Prediction) -> Counter[str]:
    """Count the rows of each flag."""
    found: Counter[str] = Counter()
    flags = getattr(prediction, "flags", None)
    for text, count in Counter([] if flags is None else np.asarray(flags).tolist()).items():
        found.update(dict.fromkeys(filter(None, text.split("; ")), count))
    return found


def _beside(metrics: dict[str, Any], other: Run, theirs: dict[str, Any]) -> dict[str, Any]:
    """Put the scores of another run beside ours."""
    values = {score["name"]: score["value"] for score in theirs["scores"]}
    scores = [score | {"against": values.get(score["name"])} for score in metrics["scores"]]
    return {"scores": scores, "against": other.path.name if other.path else other.application}


def _publish_evaluation(run: Run, folder: Path, evaluation: Evaluation) -> None:
    """Write an evaluation into a folder; one that it has made goes again where that fails."""
    there = folder.exists()
    try:
        if folder != run.path:
            folder.mkdir(exist_ok=True)
            for name in ("run.toml", "history.csv"):
                if run.path and (run.path / name).is_file():
                    runs.write_bytes(folder / name, (run.path / name).read_bytes())
        write_evaluation(folder, evaluation)
    except BaseException:
        if not there:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _about(run: Run, query: Any) -> dict[str, Any]:
    """What a result table says of itself."""
    card = {"application": run.application, "run": run.path.name if run.path else "", "cite": run.card.get("cite", "")}
    return card | {"model": run.card.get("sha256", {}).get("model.safetensors", "")} | layers.plain(query)


def _line(record: Mapping[str, float]) -> str:
    shown = [n for n in record if n.endswith("nll") or n.startswith("return")]
    return ", ".join(f"{n.replace('_', ' ')} {record[n]:.4g}" for n in shown)


def _noted(tell: Progress) -> Callable[[str], None]:
    """Tell something once, apart from the progress."""
    return lambda text: tell(text, 0, 0)


def _silent(text: str, done: float, total: float | None) -> None:
    pass


def report_of(folder: str | Path) -> Path:
    """Make `report.html` anew from what lies in a run or evaluation folder; gives its path."""
    write_report(Path(folder))
    return Path(folder) / "report.html"


def write_reading(path: Path, facts: Mapping[str, Any], *, force: bool = False) -> None:
    """Write the `[reading]` table that `inspect` proposed."""
    if "reading" not in facts:
        raise Fault("there is no reading to write", "light curves", "a run was inspected")
    runs.require_free(path, force=force)
    runs.write_text(path, tomli_w.dumps({"reading": layers.without_none(facts["reading"])}))


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
    records = _verb(run.verbs, run.application, "play")(run.model, run.settings, steps, seed)
    if out is None:
        yield from records
        return
    with ResultWriter([out], force=force) as writer:
        writer.write(QTable(list(records)))
