"""The session of a training: its folder while it trains, and the run that it becomes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from skysure.application import application
from skysure.data.sources import SplitSource
from skysure.data.split import hash_of_ids, write_parts
from skysure.errors import InputError, SettingsError
from skysure.evaluation import Evaluation
from skysure.settings import load_toml, plain, without_none
from skysure.training.state import State

from .checkpoints import Checkpoints
from .directory import Run, new_card, save_run
from .files import publish, require_free, write_history, write_text
from .reporting import write_evaluation

SIMULATED, IN_MEMORY = "simulated by skysure", "in memory"


@dataclass(frozen=True)
class Session:
    """A training (or calibration) of one run, in the folder `out.training` until it is complete.

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
        Description of the data where they are in no file.
    main : bool
        Whether this process writes; of several, one does.
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
        """The folder while it trains."""
        return self.out.with_name(f"{self.out.name}.training")

    @property
    def checkpoints(self) -> Checkpoints:
        """Its checkpoints."""
        return Checkpoints(self.folder)

    @contextmanager
    def running(self, *, resume: bool = False, force: bool = False, resumable: bool = True) -> Iterator[None]:
        """Begin; after an error only checkpoints are kept, after an interruption all that `resume` needs."""
        self.begin(resume, force)
        try:
            yield
        except BaseException as error:
            can_resume = resumable and (self.has_checkpoint or not isinstance(error, Exception))
            if not can_resume and self.main:
                shutil.rmtree(self.folder, ignore_errors=True)
            if can_resume and isinstance(error, InputError):
                fixes = (error.fix, "the checkpoint is kept, --resume continues")
                error = type(error)(error.problem, error.expected, error.cause, "; ".join(filter(None, fixes)))
                raise error from None
            raise

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is progress that a new training would lose."""
        return self.checkpoints.exist

    def begin(self, resume: bool, force: bool = False) -> None:
        """Make the folder; to resume, check that it is of a training with the same settings and data."""
        plan = without_none(
            {"application": self.name, "settings": plain(self.settings), "reading": self.reading}
            | {"data": list(self.data)}
        )
        path = self.folder / "plan.toml"
        if resume and path.is_file():
            if load_toml(path) != plan:
                raise SettingsError(
                    f"{self.folder} was started with other settings or data", "the same ones", "",
                    "give the same flags, or start again without --resume",
                )  # fmt: skip
        elif self.has_checkpoint and not force:
            raise InputError(
                f"{self.folder} holds an interrupted training", "an unused name", "",
                "--resume continues it, --force starts again",
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
        """Write a checkpoint and the history."""
        if self.main:
            self.checkpoints.save(state, history)
            write_history(self.folder, history)

    def card(self, source: Any) -> dict[str, Any]:
        """Make the card of the run: its data where it learned from any, the counts of each part, a checksum of ids."""
        data = {"sources": [os.path.abspath(p) for p in self.data]}
        papers = application(self.name).PAPERS
        if not isinstance(source, SplitSource):
            return new_card(papers, data=data)
        data |= {"objects": len(source.split.ids), "description": self.origin}
        return new_card(papers, data=data, parts=source.counts, ids_hash=hash_of_ids(source.split.ids))

    def finish(
        self, run: Run, source: Any, metrics: dict[str, Any], history: list[dict[str, float]], *, force: bool
    ) -> None:
        """Write the run, its evaluation and its report, and rename the folder to `out`."""
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
    """Raise InputError where a folder cannot be made, or would replace something other than a run."""
    require_free(out, force=force)
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / "run.toml").is_file()):
        raise InputError(f"{out} is not a run", "a run to replace, or an unused name", "a slip", "name another folder")
