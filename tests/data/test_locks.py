"""One process at a time works on an output; the lock of a process that is gone is taken over."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from skysure.data import locks
from skysure.data.locks import Lock
from skysure.errors import InputError

HOLD = """
import sys
from pathlib import Path
from skysure.data.locks import Lock
Lock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def holder_of(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds a lock until it is ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_names_its_owner_and_goes_when_it_is_given_back(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    lock.acquire()
    owner = json.loads((tmp_path / "lock").read_text())
    assert (owner["pid"], owner["host"]) == (os.getpid(), socket.gethostname())
    with pytest.raises(InputError, match=f"process {os.getpid()} on"):
        Lock(tmp_path / "lock").acquire()
    lock.release()
    assert not list(tmp_path.iterdir())
    lock.acquire()
    lock.release()


def test_another_process_is_refused_and_a_dead_one_is_taken_over(tmp_path: Path) -> None:
    with holder_of(tmp_path / "lock") as process:
        with pytest.raises(InputError, match=f"process {process.pid} on"):
            Lock(tmp_path / "lock").acquire()
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / "lock").exists()
    lock = Lock(tmp_path / "lock")
    lock.acquire()
    lock.release()


def owner(**changes: object) -> str:
    """What the lock of this process says, with changes."""
    return json.dumps(locks._this_process() | changes)


@pytest.mark.parametrize(
    ("content", "is_free"),
    [
        (owner(), False),
        (owner(host="elsewhere"), False),
        (owner(pid=2**22 + 1), True),
        (owner(started="1"), True),
        (owner(pid=2**70), True),
        ("", True),
        ("[1]", True),
        ("[" * 10_000, True),
    ],
    ids=[
        "alive",
        "on another host",
        "no process",
        "another process of that number",
        "no number",
        "empty",
        "odd",
        "deep",
    ],
)
def test_without_locks_of_the_file_system_the_owner_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, is_free: bool
) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    (tmp_path / "lock").write_text(content)
    lock = Lock(tmp_path / "lock")
    if is_free:
        lock.acquire()
        lock.release()
        assert not list(tmp_path.iterdir())
    else:
        with pytest.raises(InputError, match="in use"):
            lock.acquire()
        assert (tmp_path / "lock").read_text() == content
