"""A training under way: its folder until it is complete, and what makes of it a run in the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from skysure import run as runs
from skysure import settings as layers
from skysure.applications import application
from skysure.data.parts import hash_of_ids, write_parts
from skysure.data.sources import Parted
from skysure.faults import Fault, SettingsFault
from skysure.fit import State
from skysure.predictions import Evaluation
from skysure.run import Run

from .reporting import write_evaluation

SIMULATED, IN_MEMORY = "simulated by skysure", "in memory"


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
    origin : str
        Where objects come from that lie in no file.
    main : bool
        Whether this process is the one that writes.
    """

    out: Path
    name: str
    settings: Any
    reading: dict[str, Any]
    data: tuple[str, ...]
    origin: str = ""
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
        papers = application(self.name).PAPERS
        if not isinstance(source, Parted):
            return runs.new_card(papers, data=data)
        data |= {"objects": len(source.split.ids), "description": self.origin}
        return runs.new_card(papers, data=data, parts=source.counts, ids_hash=hash_of_ids(source.split.ids))

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
