"""A training under way: its folder, its data in parts, and what makes of it a run in the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from skysure import run as runs
from skysure import settings as layers
from skysure.applications import application
from skysure.data.parts import SEEN, Split, assign_parts, drop_seen, hash_of_ids, read_parts, write_parts
from skysure.data.reading import Reading
from skysure.data.sources import CALIBRATION, TEST, TRAIN, VALIDATION, Parted, Source
from skysure.data.tables import rejected_path, write_rejected
from skysure.faults import Fault, SettingsFault
from skysure.fit import State
from skysure.predictions import Evaluation
from skysure.report import figures_pdf, page
from skysure.run import Run


@dataclass(frozen=True)
class Training:
    """The training of one run, in the folder `out.training` until it is complete.

    Parameters
    ----------
    out : Path
    name : str
        The application.
    settings : dataclass
    reading : dict
    data : tuple of str
        Paths; empty where the application simulates.
    main : bool
        Whether this process is the one that writes.
    """

    out: Path
    name: str
    settings: Any
    reading: dict[str, Any]
    data: tuple[str, ...]
    main: bool = True

    @property
    def folder(self) -> Path:
        """Where the training lies until it is complete."""
        return self.out.with_name(f"{self.out.name}.training")

    @property
    def checkpoints(self) -> runs.Checkpoints:
        """Its checkpoints."""
        return runs.Checkpoints(self.folder)

    @contextmanager
    def under_way(self, *, resume: bool = False, force: bool = False, resumable: bool = True) -> Iterator[None]:
        """Begin; a fault leaves nothing behind but checkpoints, an interruption what `resume` goes on from."""
        self.begin(resume, force)
        try:
            yield
        except BaseException as error:
            kept = resumable and (self.has_checkpoint or not isinstance(error, Exception))
            if not kept and self.main:
                shutil.rmtree(self.folder, ignore_errors=True)
            if kept and isinstance(error, Fault):
                cures = (error.cure, "what was learned so far is kept, --resume goes on")
                error = type(error)(error.given, error.wanted, error.cause, "; ".join(filter(None, cures)))
                raise error from None
            raise

    @property
    def has_checkpoint(self) -> bool:
        """Whether something was learned that a new training would lose."""
        return any(self.checkpoints.folder.glob("*.safetensors"))

    def begin(self, resume: bool, force: bool = False) -> None:
        """Make the folder, or check that the one to go on with is of the same training."""
        plan = layers.without_none(
            {"application": self.name, "settings": layers.plain(self.settings), "reading": self.reading}
            | {"data": list(self.data)}
        )
        path = self.folder / "plan.toml"
        if resume and path.is_file():
            if layers.load_toml(path) != plan:
                raise SettingsFault(
                    f"{self.folder} was begun with other settings or data",
                    "the same ones",
                    "",
                    "give the same flags, or start anew without --resume",
                )
        elif self.has_checkpoint and not force:
            raise Fault(
                f"{self.folder} holds a training that was interrupted", "a name that is free", "",
                "--resume goes on with it, --force begins anew",
            )  # fmt: skip
        elif self.main:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            try:
                runs.write_text(path, tomli_w.dumps(plan))
            except Fault:
                self.folder.rmdir()
                raise

    def keep(self, state: State, history: list[dict[str, float]]) -> None:
        """Keep a checkpoint."""
        if self.main:
            self.checkpoints.save(state, history)
            runs.write_history(self.folder, history)

    def card(self, source: Any) -> dict[str, Any]:
        """Say what was trained on what."""
        data = {"sources": [os.path.abspath(p) for p in self.data]}
        if not isinstance(source, Parted):
            return runs.new_card(data=data)
        data |= {"objects": len(source.split.ids), "description": "" if self.data else "simulated by skysure"}
        return runs.new_card(data=data, parts=source.counts, ids_hash=hash_of_ids(source.split.ids))

    def finish(
        self, run: Run, source: Any, metrics: dict[str, Any], history: list[dict[str, float]], *, force: bool
    ) -> None:
        """Write the run, its evaluation and its report, and give the folder its name."""
        if isinstance(source, Parted):
            split = source.split
            write_parts(self.folder / "split.parquet", split.ids, split.groups, split.parts)
        runs.save(run, self.folder)
        runs.write_history(self.folder, history)
        write_evaluation(self.folder, Evaluation(metrics))
        self.checkpoints.clear()
        (self.folder / "plan.toml").unlink()
        runs.publish(self.folder, self.out, force=force)


def require_replaceable(out: Path, *, force: bool) -> None:
    """Raise a fault where a folder cannot be made, or would replace something that is no run."""
    runs.require_free(out, force=force)
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / "run.toml").is_file()):
        raise Fault(f"{out} is no run", "a run to replace, or a name that is free", "a slip", "name another folder")


def open_data(name: str, settings: Any, data: Sequence[str], reading: dict[str, Any]) -> Source:
    """Open the data of an application: files where some are given, else what it simulates."""
    module = application(name)
    if data:
        if not hasattr(module, "read"):
            raise Fault(f"{name} reads no data", "no DATA", "an agent learns from its environment")
        return module.read(list(data), Reading.from_toml(reading))
    if hasattr(module, "simulate"):
        return module.simulate(settings, getattr(settings, "objects", None), settings.seed)
    return module.environment(settings)


def in_parts(
    source: Source, sizes: Mapping[str, Any], seed: int, tell: Callable[..., None], *, grouped: bool = True
) -> Parted:
    """Divide a source into parts of given sizes: shares, counts, or None for the rest; relatives stay together."""
    ids, groups, count = [], [], 0
    for chunk in source.chunks():
        ids.append(chunk.ids)
        groups.append(getattr(chunk, "groups", np.full(len(chunk), "")) if grouped else np.full(len(chunk), ""))
        count += len(chunk)
        tell("reading", count, None)
    if not count:
        raise no_object(source)
    joined, relatives = np.concatenate(ids), np.concatenate(groups)
    parts = assign_parts(joined, relatives, **sizes, seed=seed)
    return Parted(source, Split(joined, relatives, parts))


@dataclass
class Unseen:
    """A source without the objects of some ids and groups; `dropped` counts those of the last walk.

    Parameters
    ----------
    source : Source
    split : Split
        Its parts that a run was trained, stopped or calibrated on are left out.
    """

    source: Any
    split: Split
    dropped: int = 0

    @property
    def schema(self) -> Any:
        """Schema of the whole source."""
        return self.source.schema

    def chunks(self, part: str | None = None) -> Iterator[Any]:
        """Give the objects that are new, chunk by chunk."""
        self.dropped = 0
        for chunk in self.source.chunks(part):
            new, count = drop_seen(chunk.ids, self.split, getattr(chunk, "groups", None))
            self.dropped += count
            if count < len(chunk):
                yield chunk[new] if count else chunk


def unseen(source: Source, run: Run) -> Unseen:
    """Leave out of a source what a run has seen; a run that kept no split has seen nothing of it."""
    return Unseen(source, split_of(run) or Split(*(np.array([], str) for _ in range(3))))


def split_of(run: Run) -> Split | None:
    """Give the split of a run, if it has one."""
    path = run.path / "split.parquet" if run.path else None
    return read_parts(path) if path is not None and path.is_file() else None


def with_seen(split: Split, earlier: Split) -> Split:
    """Add to a split what was seen under an earlier one, so that it will be left out later too."""
    more = np.isin(earlier.parts, SEEN) & ~np.isin(earlier.ids, split.ids)
    pairs = zip(
        (split.ids, split.groups, split.parts), (earlier.ids, earlier.groups, earlier.parts), strict=True
    )  # fmt: skip
    return Split(*(np.concatenate([mine, theirs[more]]) for mine, theirs in pairs))


def require_objects(source: Any) -> None:
    """Raise a fault where a source has no object to evaluate."""
    if hasattr(source, "chunks") and next(iter(source.chunks(TEST)), None) is None:
        raise no_object(source)


def no_object(source: Any) -> Fault:
    """Say why a source that was walked through gave nothing."""
    if dropped := _dropped(source):
        cause = f"{dropped} were trained or calibrated on (their ids or groups are in its split.parquet)"
        return Fault("the data hold no object that is new to the run", "others", cause, "give other data")
    if some := set_aside(source):
        cause = f"{len(some)} were set aside; {some[0].id}: {some[0].reason}"
        return Fault("the data hold no object that can be used", "some", cause, "skysure inspect tells all reasons")
    return Fault("the data hold no object", "some", "the files were replaced, or are empty", "give the data themselves")


def set_aside(source: Any) -> list[Any]:
    """Give the objects that the last walk through the files beneath a source set aside."""
    return list(getattr(_origin(source), "rejected", ()))


def left_out(source: Any, objects: int) -> dict[str, Any]:
    """Say in metrics what was left out of a source of so many objects: seen before, or unusable."""
    dropped, rejected = _dropped(source), len(set_aside(source))
    found = {"dropped": {"count": dropped, "why": "trained or calibrated on"}} if dropped else {}
    return found | ({"rejected": {"count": rejected, "of": objects + dropped + rejected}} if rejected else {})


def tell_left_out(source: Any, out: Path, note: Callable[[str], None]) -> None:
    """List what was set aside beside `out`, and say what was done to the data."""
    if dropped := _dropped(source):
        note(f"{counted(dropped)} left out: trained or calibrated on")
    if count := write_rejected(out, map(astuple, set_aside(source))):
        note(f"{counted(count)} set aside, with their reasons in {rejected_path(out)}")
    for text in getattr(_origin(source), "notes", ()):
        note(text)


def counted(n: int) -> str:
    """Count objects in words.

    >>> counted(1), counted(2000)
    ('1 object', '2,000 objects')
    """
    return f"{n:,} object{'' if n == 1 else 's'}"


def _dropped(source: Any) -> int:
    """How many objects the sources beneath one another left out in the last walk."""
    return getattr(source, "dropped", 0) + (_dropped(source.source) if hasattr(source, "source") else 0)


def _origin(source: Any) -> Any:
    while not hasattr(source, "rejected") and hasattr(source, "source"):
        source = source.source
    return source


def sizes_of(settings: Any) -> dict[str, Any]:
    """Sizes of the parts that settings ask for; what is left is trained on."""
    sizes = {part: getattr(settings, part) for part in (VALIDATION, CALIBRATION, TEST)}
    if (together := sum(size for size in sizes.values() if size < 1)) >= 1:
        raise SettingsFault(
            ", ".join(f"{part} = {size:g}" for part, size in sizes.items()), "shares below 1 together",
            f"they are {together:g}, and nothing is left to train on", "make one smaller",
        )  # fmt: skip
    return {TRAIN: None} | sizes


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write `metrics.json`, and from it `report.html` and the figures as PDF."""
    runs.write_metrics(folder, evaluation.metrics)
    write_report(folder)


def write_report(folder: Path) -> None:
    """Make the report of a folder anew from what lies in it."""
    content = layers.load_toml(folder / "run.toml")
    metrics = runs.read_metrics(folder)
    figures = list(application(content["application"]).figures(Evaluation(metrics)))
    runs.write_text(folder / "report.html", page(content, metrics, runs.read_history(folder), figures))
    (folder / "figures").mkdir(exist_ok=True)
    for name, content in figures_pdf(figures).items():
        runs.write_bytes(folder / "figures" / f"{name}.pdf", content)
