"""A lock on an output: one process at a time works on it, and that of a process that is gone is taken over."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skysure.errors import InputError

from .targets import os_errors

try:
    import fcntl
except ImportError:  # Windows has none: there the owner that the file names is looked for
    fcntl = None


class Lock:
    """A lock that lies in a file, which names its owner: process, host and time.

    The operating system holds the lock and gives it back when the owner ends, however it ends. On a file system
    without locks, the owner that the file names is looked for.

    Parameters
    ----------
    path : Path
        Of the file; its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock; raises InputError where another process has it."""
        with os_errors(self.path):
            while self._descriptor < 0:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
                if not _hold(descriptor):
                    owner = _owner_in(descriptor)
                    os.close(descriptor)
                    raise _in_use(self.path, owner)
                if _is_at(self.path, descriptor):
                    self._descriptor = descriptor
                else:  # its owner removed the file after we opened it
                    os.close(descriptor)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(_this_process()).encode(), 0)

    def release(self) -> None:
        """Give the lock back, and remove its file."""
        if self._descriptor >= 0:
            try:
                with suppress(OSError):
                    self.path.unlink()
            finally:
                os.close(self._descriptor)
                self._descriptor = -1


def _hold(descriptor: int) -> bool:
    """Take the lock of an open file, without waiting; say whether it could be had."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
    owner = _owner_in(descriptor)
    return not owner or not _may_live(owner)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _owner_in(descriptor: int) -> dict[str, Any]:
    """Read who owns a lock; empty where the file does not say."""
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
        return {"pid": int(owner["pid"])} | {name: str(owner[name]) for name in ("host", "since", "started")}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}


def _this_process() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now, "started": _start_of(os.getpid())}


def _may_live(owner: dict[str, Any]) -> bool:
    """Whether an owner may still be at work; of one on another host nobody can tell."""
    if owner["host"] != socket.gethostname():
        return True
    try:
        os.kill(owner["pid"], 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return owner["started"] == _start_of(owner["pid"])  # else another process was given the same number


def _start_of(pid: int) -> str:
    """Return when a process began, in ticks of its machine; empty where the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _in_use(path: Path, owner: dict[str, Any]) -> InputError:
    who = f"process {owner['pid']} on {owner['host']}, since {owner['since']}" if owner else "another process"
    return InputError(
        f"{path.parent} is in use",
        "one process at a time for an output",
        f"{who}, is writing it",
        f"wait until it ends, or name another output; if that host is gone, remove {path}",
    )
