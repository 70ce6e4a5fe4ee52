"""The files of one result take their names together; a process that is killed at any moment can be continued.

`OUT.partial/` is made before the work begins, and removed when every file has its name. It holds

- `lock`, that of the process that writes;
- `run.json`, what makes two runs the same: only then can one continue the other;
- `*.arrow`, the finished chunks (`Spool`);
- `complete.json`, once every file is whole under its temporary name and only renaming is left.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from skysure.data.locks import Lock
from skysure.data.targets import check_target, os_errors, replacing, synced, unfinished
from skysure.errors import InputError

LOCK, MARK = "lock", "complete.json"
CONTENT = ("*.arrow", "*.unfinished", "run.json", LOCK, MARK)
"""What the folder may hold, in the order in which it is removed: the mark, by which it is continued, goes last."""


class Publication:
    """The files of a result: written under temporary names, then renamed together.

    After an error or an interruption, finished chunks are kept if `identity` is given, and nothing else.

    Parameters
    ----------
    paths : sequence of path
        The files; `OUT.partial/` is beside the first.
    beside : sequence of path
        Files that may be written too, if there is a reason: not replaced without `force` either.
    identity : mapping, optional
        What makes two runs the same; None: the result cannot be continued.
    stamp : str
        Changes when the data may have changed; a complete result with the same stamp is only renamed.
    force : bool
        Replace existing files, and the chunks of an interrupted run.
    resume : bool
        Continue an interrupted run of the same identity, where there is one.

    Attributes
    ----------
    rows : int
        Number of rows of the result.
    is_resumed : bool
        Whether the folder holds chunks of this run.
    is_complete : bool
        Whether a run before this one has written every file, so that nothing is left to do but to leave the block.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        beside: Sequence[Path] = (),
        identity: Mapping[str, Any] | None = None,
        stamp: str = "",
        force: bool = False,
        resume: bool = False,
    ) -> None:
        self.paths, self._beside = [Path(p) for p in paths], [Path(p) for p in beside]
        self.folder = self.paths[0].with_name(self.paths[0].name + ".partial")
        self.identity = None if identity is None else json.dumps(identity, sort_keys=True, default=str)
        self.rows, self.is_resumed, self.is_complete = 0, False, False
        self._stamp, self._force, self._resume = stamp, force, resume
        self._lock = Lock(self.folder / LOCK)
        self._whole: list[Path] = []
        self._begun: list[Path] = []
        self._published: dict[str, Any] = {}  # what a killed run may have given its name already, or was about to
        self._is_marked = False

    def __enter__(self) -> Self:
        mark = self._read_mark() if self._resume else {}
        self._published = mark.get("files", {})
        for path in (*self.paths, *self._beside):
            check_target(path, force=self._may_replace(path))
        if len({p.resolve() for p in self.paths}) < len(self.paths):
            names = ", ".join(map(str, self.paths))
            raise InputError(f"--out {names}", "each file once", "a file is named twice", "leave one out")
        with os_errors(self.folder):
            self._open()
        return self

    def _may_replace(self, path: Path) -> bool:
        return self._force or str(path.absolute()) in self._published

    def _open(self) -> None:
        """Take the folder, and continue what is in it or begin anew."""
        is_ours = not self.folder.exists() or self._lock.path.exists() or not any(self.folder.iterdir())
        self.folder.mkdir(exist_ok=True)
        try:
            self._lock.acquire()
            self._continue_or_begin(is_ours)
        except BaseException:
            self._give_up()
            raise

    def _continue_or_begin(self, is_ours: bool) -> None:
        identity = self._identity_on_disk()
        has_work = identity is not None and self._has_work()
        if has_work and self._resume:
            if identity != self.identity:
                raise InputError(
                    f"{self.folder}: chunks of another run",
                    "the same model, data and options as in the run that was interrupted",
                    f"it was started with {identity}",
                    "repeat that command with --resume, or start again with --force and without --resume",
                )
            self.is_resumed = True
            self._continue_complete()
            return
        if not self._force and (has_work or not is_ours):
            fix = "continue it with --resume, or start" if has_work else "start"
            raise InputError(
                f"{self.folder} exists",
                "no unfinished run with this output",
                "a run was interrupted" if has_work else "it is not a folder of skysure",
                f"{fix} again with --force",
            )
        self._remove_content(keep=(LOCK,))
        if strange := sorted(p.name for p in self.folder.iterdir() if p.name != LOCK):
            raise InputError(f"{self.folder} holds {strange[0]}", "a folder of skysure", "", "name another output")
        if self.identity is not None:
            _write(self.folder / "run.json", self.identity)

    def _continue_complete(self) -> None:
        """Take up a complete result, if its files are whole, all that are asked for, and of unchanged data."""
        mark = self._read_mark()
        files = {Path(name): facts for name, facts in mark.get("files", {}).items()}
        outputs = {path.absolute() for path in self.paths}
        if mark and mark["stamp"] == self._stamp and outputs <= set(files):
            self.is_complete = all(map(_is_whole, files, files.values()))
        if self.is_complete:
            self._whole, self.rows, self._is_marked = list(files), mark["rows"], True

    def _has_work(self) -> bool:
        return (self.folder / MARK).is_file() or any(self.folder.glob("*.arrow"))

    def _identity_on_disk(self) -> str | None:
        """Return the identity of the run that left the folder; None where it cannot be continued."""
        note = self.folder / "run.json"
        if note.is_file():
            return note.read_text(encoding="utf-8", errors="replace")
        return self._parse_mark().get("identity")

    def _read_mark(self) -> dict[str, Any]:
        """Return the mark of a complete result of this run; empty where there is none."""
        mark = self._parse_mark()
        return mark if self.identity is not None and mark.get("identity") == self.identity else {}

    def _parse_mark(self) -> dict[str, Any]:
        try:
            mark = json.loads((self.folder / MARK).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return mark if isinstance(mark, dict) else {}

    @contextmanager
    def file(self, path: Path) -> Iterator[IO[bytes]]:
        """Open a file under its temporary name; it takes its own together with the others, after the last of them."""
        self._begun.append(path)
        with os_errors(path), unfinished(path).open("wb") as file:
            yield file
            synced(file)
        self._whole.append(path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._publish()
        except BaseException as publishing_error:
            error = publishing_error
            raise
        finally:
            if error is not None:
                self._leave(error)

    def _publish(self) -> None:
        """Name the files that are whole in the mark, rename them, and clear the folder last."""
        if not self._is_marked:
            for path in self._whole:
                check_target(path, force=self._may_replace(path))  # it may have appeared meanwhile
            self._write_mark()
        for path in self._whole:
            with os_errors(path):
                if unfinished(path).exists():
                    os.replace(unfinished(path), path)
        with suppress(OSError):  # the result is complete, even where the folder cannot be removed
            self._remove_content(keep=(LOCK, MARK))
            self._lock.release()
            (self.folder / MARK).unlink(missing_ok=True)
            self.folder.rmdir()

    def _write_mark(self) -> None:
        if self.identity is None:
            return
        files = {str(path.absolute()): _facts(unfinished(path)) for path in self._whole}
        mark = {"identity": self.identity, "stamp": self._stamp, "rows": self.rows, "files": files}
        _write(self.folder / MARK, json.dumps(mark))
        self._is_marked = True

    def _leave(self, error: BaseException) -> None:
        """Keep what a later run can continue, and nothing else."""
        if not self._is_marked:
            for path in self._begun:
                with suppress(OSError):
                    unfinished(path).unlink(missing_ok=True)
        has_work = self.identity is not None and self._has_work()
        if not has_work:
            with suppress(OSError):
                self._remove_content(keep=(LOCK,))
        self._give_up()
        if has_work and isinstance(error, InputError):
            advice = f"what is finished is kept in {self.folder}: the same command with --resume continues"
            error.fix = "; ".join(filter(None, (error.fix, advice)))

    def _give_up(self) -> None:
        with suppress(OSError):
            self._lock.release()
            self.folder.rmdir()  # only where nothing is left in it

    def _remove_content(self, keep: Sequence[str]) -> None:
        for pattern in CONTENT:
            for file in self.folder.glob(pattern):
                if file.name not in keep:
                    file.unlink()


def _write(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())


def _facts(path: Path) -> list[int]:
    """Size and time of a file, which renaming does not change."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _is_whole(path: Path, facts: list[int]) -> bool:
    """Whether a file is as it was marked, under its temporary name or its own."""
    return any(name.is_file() and _facts(name) == facts for name in (unfinished(path), path))
