"""A training under way: its folder, its data in parts, and what makes of it a run in the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from skysure import run as runs
from skysure import settings as layers
from skysure.applications import application
from skysure.data.parts import Split, assign_parts, hash_of_ids, write_parts
from skysure.data.reading import Reading
from skysure.data.sources import CALIBRATION, TEST, TRAIN, VALIDATION, Parted, Source
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

    def begin(self, resume: bool) -> None:
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
        elif self.main:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            runs.write_text(path, tomli_w.dumps(plan))

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
        self, run: Run, source: Any, evaluation: Evaluation, history: list[dict[str, float]], *, force: bool
    ) -> None:
        """Write the run, its evaluation and its report, and give the folder its name."""
        if isinstance(source, Parted):
            split = source.split
            write_parts(self.folder / "split.parquet", split.ids, split.groups, split.parts)
        runs.save(run, self.folder)
        runs.write_history(self.folder, history)
        write_evaluation(self.folder, evaluation)
        self.checkpoints.clear()
        (self.folder / "plan.toml").unlink()
        runs.publish(self.folder, self.out, force=force)


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
        raise Fault("the data hold no object", "some to learn from", "all were set aside", "see what was rejected")
    joined, relatives = np.concatenate(ids), np.concatenate(groups)
    parts = assign_parts(joined, relatives, **sizes, seed=seed)
    return Parted(source, Split(joined, relatives, parts))


def sizes_of(settings: Any) -> dict[str, Any]:
    """Sizes of the parts that settings ask for; what is left is trained on."""
    return {TRAIN: None} | {part: getattr(settings, part) for part in (VALIDATION, CALIBRATION, TEST)}


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
