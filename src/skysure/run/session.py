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

from skysure import settings as layers
from skysure.application import application
from skysure.data.sources import SplitSource
from skysure.data.split import hash_of_ids, write_parts
from skysure.errors import InputError, SettingsError
from skysure.evaluation import Evaluation
from skysure.training import State

from .checkpoints import Checkpoints
from .directory import Run, new_card, save_run
from .files import publish, require_free, write_history, write_text
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
    def checkpoints(self) -> Checkpoints:
        """Its checkpoints."""
        return Checkpoints(self.folder)

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
            if kept and isinstance(error, InputError):
                fixes = (error.fix, "what was learned so far is kept, --resume goes on")
                error = type(error)(error.problem, error.expected, error.cause, "; ".join(filter(None, fixes)))
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
                raise SettingsError(
                    f"{self.folder} was begun with other settings or data",
                    "the same ones",
                    "",
                    "give the same flags, or start anew without --resume",
                )
        elif self.has_checkpoint and not force:
            raise InputError(
                f"{self.folder} holds a training that was interrupted", "a name that is free", "",
                "--resume goes on with it, --force begins anew",
            )  # fmt: skip
        elif self.main:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            try:
                write_text(path, tomli_w.dumps(plan))
            except InputError:
                self.folder.rmdir()
                raise

    def keep(self, state: State, history: list[dict[str, float]]) -> None:
        """Keep a checkpoint."""
        if self.main:
            self.checkpoints.save(state, history)
            write_history(self.folder, history)

    def card(self, source: Any) -> dict[str, Any]:
        """Say what was trained on what."""
        data = {"sources": [os.path.abspath(p) for p in self.data]}
        papers = application(self.name).PAPERS
        if not isinstance(source, SplitSource):
            return new_card(papers, data=data)
        data |= {"objects": len(source.split.ids), "description": self.origin}
        return new_card(papers, data=data, parts=source.counts, ids_hash=hash_of_ids(source.split.ids))

    def finish(
        self, run: Run, source: Any, metrics: dict[str, Any], history: list[dict[str, float]], *, force: bool
    ) -> None:
        """Write the run, its evaluation and its report, and give the folder its name."""
        if isinstance(source, SplitSource):
            split = source.split
            write_parts(self.folder / "split.parquet", split.ids, split.groups, split.parts)
        save_run(run, self.folder)
        write_history(self.folder, history)
        write_evaluation(self.folder, Evaluation.from_metrics(metrics))
        self.checkpoints.clear()
        (self.folder / "plan.toml").unlink()
        publish(self.folder, self.out, force=force)


def require_replaceable(out: Path, *, force: bool) -> None:
    """Raise a fault where a folder cannot be made, or would replace something that is no run."""
    require_free(out, force=force)
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / "run.toml").is_file()):
        raise InputError(
            f"{out} is no run", "a run to replace, or a name that is free", "a slip", "name another folder"
        )
