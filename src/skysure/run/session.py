"""The session of a training: its folder while it trains, and the run that it becomes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
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
from .digests import digest_of_toml
from .directory import Run, new_card, save_run
from .files import write_history, write_text
from .reporting import write_evaluation
from .staging import Opened, Staging

SIMULATED, IN_MEMORY = "simulated by skysure", "in memory"
BEGUN, COMPLETE, PUBLISHED = "begun", "complete", "published"
"""How far a session is when it begins: something to do; only to be published; nothing left to do."""


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
    identity : mapping
        What else decides the result: the content of the data, the run that it starts from.
    """

    out: Path
    name: str
    settings: Any
    reading: dict[str, Any]
    data: tuple[str, ...]
    origin: str = ""
    main: bool = True
    identity: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def staging(self) -> Staging:
        """The folder in which the run is made."""
        return Staging(self.out, "training")

    @property
    def folder(self) -> Path:
        """The folder while it trains."""
        return self.staging.folder

    @property
    def checkpoints(self) -> Checkpoints:
        """Its checkpoints."""
        return Checkpoints(self.folder)

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is progress that a new training would lose."""
        return self.checkpoints.exist

    @cached_property
    def plan(self) -> dict[str, Any]:
        """What decides the result; a session is resumed only by one of the same plan."""
        facts = {"application": self.name, "settings": plain(self.settings), "reading": self.reading}
        return without_none(facts | {"data": list(self.data)} | dict(self.identity))

    @contextmanager
    def running(self, *, resume: bool = False, force: bool = False, resumable: bool = True) -> Iterator[str]:
        """Begin, alone in the folder, and give how far the session is: BEGUN, COMPLETE or PUBLISHED.

        After an error only checkpoints or a complete run are kept, after an interruption all that `resume` needs.
        Only the process that writes does any of this; the others are told BEGUN.

        Raises InputError where another process works on this output, and where `out` exists.
        """
        if not self.main:
            yield BEGUN
            return
        with self.staging.owned():
            progress = self.begin(resume, force, resumable=resumable)
            try:
                yield progress
            except BaseException as error:
                is_kept = self._keep_or_discard(error, resumable)
                if is_kept and isinstance(error, InputError):
                    fix = "; ".join(filter(None, (error.fix, self._way_on(resumable))))
                    raise type(error)(error.problem, error.expected, error.cause, fix) from None
                raise

    def _keep_or_discard(self, error: BaseException, resumable: bool) -> bool:
        """Remove what an error leaves, unless something was learned or, after an interruption, may be resumed."""
        is_kept = resumable and (self.has_checkpoint or not isinstance(error, Exception))
        is_kept = is_kept or self.staging.is_complete or self.staging.is_published
        if not is_kept:
            self.staging.discard()
        return is_kept

    def _way_on(self, resumable: bool) -> str:
        if not self.staging.is_complete:
            return "the checkpoint is kept, --resume continues"
        return f"the finished run is kept in {self.staging.result}, " + (
            "--resume gives it its name" if resumable else "the same command gives it its name"
        )

    def begin(self, resume: bool, force: bool = False, *, resumable: bool = True) -> str:
        """Prepare the folder; to resume, check that it is of a training with the same settings and data."""
        self.staging.recover()
        path = self.folder / "plan.toml"
        if not resumable:  # without checkpoints, only what is complete is worth keeping
            resume = self.staging.is_complete and path.is_file() and load_toml(path) == self.plan
        if resume and not path.is_file() and self._is_plan_of(self.out):
            self.staging.clear()  # what a kill left of a session that had not begun
            return PUBLISHED
        if resume and path.is_file():
            self._require_same(load_toml(path))
            if self.staging.is_complete:
                return COMPLETE
            self.staging.require_free(force=force)
            return BEGUN
        self.staging.require_free(force=force)
        if (self.has_checkpoint or self.staging.is_complete) and not force:
            what = "a finished training" if self.staging.is_complete else "an interrupted training"
            raise InputError(
                f"{self.folder} holds {what}", "an unused name", "",
                "--resume continues it, --force starts again" if resumable else "--force starts again",
            )  # fmt: skip
        self.staging.discard()
        write_text(path, tomli_w.dumps(self.plan))
        return BEGUN

    def _is_plan_of(self, out: Path) -> bool:
        """Whether a run is what this session would make."""
        path = out / "run.toml"
        return path.is_file() and load_toml(path).get("plan_hash") == digest_of_toml(self.plan)

    def _require_same(self, plan: dict[str, Any]) -> None:
        """Raise an error where the folder is of a session with another plan."""
        same = {name for name in plan.keys() | self.plan.keys() if plan.get(name) == self.plan.get(name)}
        others = sorted((plan.keys() | self.plan.keys()) - same)
        if not others:
            return
        if others == ["content"]:
            raise InputError(
                f"{self.folder} was started with other data: {_describe(plan.get('content'))}",
                f"the same content; it is now {_describe(self.plan.get('content'))}",
                "files were changed, added or removed",
                "restore them, or start again without --resume (--force)",
            )
        raise SettingsError(
            f"{self.folder} was started with other settings or data ({', '.join(others)})", "the same ones", "",
            "give the same flags, or start again without --resume",
        )  # fmt: skip

    def keep(self, state: State, history: list[dict[str, float]]) -> None:
        """Write a checkpoint and the history."""
        if self.main:
            self.checkpoints.save(state, history)
            write_history(self.folder, history)

    def card(self, source: Any) -> dict[str, Any]:
        """Make the card of the run: its data where it learned from any, the counts of each part, a checksum of ids."""
        data = {"sources": [os.path.abspath(p) for p in self.data]}
        papers, plan_hash = application(self.name).PAPERS, digest_of_toml(self.plan)
        if not isinstance(source, SplitSource):
            return new_card(papers, data=data, plan_hash=plan_hash)
        data |= {"objects": len(source.split.ids), "description": self.origin}
        ids_hash = hash_of_ids(source.split.ids)
        return new_card(papers, data=data, parts=source.counts, ids_hash=ids_hash, plan_hash=plan_hash)

    def finish(
        self,
        run: Run,
        source: Any,
        metrics: dict[str, Any],
        history: list[dict[str, float]],
        *,
        list_left_out: Callable[[Opened], None] = lambda opened: None,
    ) -> None:
        """Write the run, its evaluation, its report and the list of what was left out, and mark it as complete."""
        folder = self.staging.begin_result()
        if isinstance(source, SplitSource):
            split = source.split
            write_parts(folder / "split.parquet", split.ids, split.groups, split.parts)
        write_history(folder, history)
        save_run(run, folder)
        write_evaluation(folder, Evaluation.from_metrics(metrics))
        list_left_out(self.staging.open_list)
        self.staging.mark_complete()

    def publish(self, *, force: bool) -> None:
        """Give the complete run its name; raises InputError, and keeps it, where that cannot be done."""
        self.staging.publish(force=force)


def _describe(content: Any) -> str:
    """Describe the identity of data in a few words.

    >>> _describe({"files": 1, "bytes": 5000, "sha256": "0123456789abcdef"})
    'files: 1, bytes: 5,000, SHA-256: 01234567...'
    """
    if not isinstance(content, Mapping):
        return "unknown"
    counts = [f"{name}: {content[name]:,}" for name in ("files", "bytes", "chunks") if name in content]
    return ", ".join([*counts, f"SHA-256: {str(content.get('sha256', ''))[:8]}..."])
