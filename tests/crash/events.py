"""File-system events of a process, by Python's audit events, and what can happen at one of them."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CREATING = ("open", "os.mkdir", "os.link", "os.symlink")
CHANGING = {
    "open": None, "os.rename": 2, "os.remove": 1, "os.mkdir": 2, "os.rmdir": 1, "os.link": 2, "os.symlink": 2,
    "os.truncate": None,
}  # fmt: skip
"""Events that change files and folders, with the position of a folder descriptor among their arguments.

What is made of them (`shutil.rmtree`, `shutil.move`) is left out; these come one by one.
"""

Action = Callable[[str, tuple[Any, ...]], None]


class Watch:
    """An audit hook that counts the events that change something in a folder, and acts at one of them or from it on.

    Parameters
    ----------
    folder : Path
    log : int
        Descriptor to which a line is written for each event that happens.
    at : int
        Number of the event, from 1; 0: none.
    act : callable (event, arguments), optional
    onwards : bool
        Whether it acts at every later event, too.
    """

    def __init__(self, folder: Path, log: int, at: int = 0, act: Action | None = None, onwards: bool = False) -> None:
        self.folder, self.log, self.at, self.act, self.onwards = os.path.realpath(folder), log, at, act, onwards
        self.count = 0
        self.is_acting = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGING or self.is_acting or (text := self._describe(event, arguments)) is None:
            return
        self.count += 1
        if self.act and self.at and (self.count == self.at or (self.onwards and self.count > self.at)):
            self.is_acting = True
            try:
                self.act(event, arguments)
            finally:
                self.is_acting = False
        os.write(self.log, f"{text}\n".encode())

    def _describe(self, event: str, arguments: tuple[Any, ...]) -> str | None:
        """Say what changes where, relative to the folder; None where nothing changes in it."""
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
            return None
        position = CHANGING[event]
        descriptor = arguments[position] if position is not None else -1
        path = _absolute(arguments[0], descriptor)
        if path is None or not (path + os.sep).startswith(self.folder + os.sep):
            return None
        if os.path.lexists(path) == (event in ("os.mkdir", "os.link", "os.symlink")) and event != "open":
            return None  # it is there already, or gone already: nothing will change
        text = f"{event} {os.path.relpath(path, self.folder)}"
        if event in ("os.rename", "os.link"):
            text += f" -> {os.path.relpath(str(_absolute(arguments[1], -1)), self.folder)}"
        return text


def _absolute(path: Any, descriptor: Any) -> str | None:
    if isinstance(path, int):
        return os.readlink(f"/proc/self/fd/{path}")
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    text = os.fsdecode(path)
    if isinstance(descriptor, int) and descriptor >= 0:
        text = os.path.join(os.readlink(f"/proc/self/fd/{descriptor}"), text)
    folder, name = os.path.split(os.path.abspath(text))
    return os.path.join(os.path.realpath(folder), name)


def kill(event: str, arguments: tuple[Any, ...]) -> None:
    """Kill this process before the event happens."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_with_empty_file(event: str, arguments: tuple[Any, ...]) -> None:
    """Kill this process when the file is open, and nothing is written yet; before any other event."""
    if event == "open":
        os.open(arguments[0], arguments[2] | os.O_CREAT, 0o644)
    os.kill(os.getpid(), signal.SIGKILL)


def fill_disk(event: str, arguments: tuple[Any, ...]) -> None:
    """Make no new file or folder: no space, or no inodes."""
    if event in CREATING:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), arguments[0])


def reach_quota(event: str, arguments: tuple[Any, ...]) -> None:
    """Make no new file or folder: the quota is reached."""
    if event in CREATING:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), arguments[0])


def make_read_only(event: str, arguments: tuple[Any, ...]) -> None:
    """Change nothing: the file system has become read-only."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS), arguments[0])
