"""The harness that kills commands sees what a careless command loses, and leaves a careful one alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

STOPPED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from crash import events
folder, mode, at = Path(sys.argv[2]), getattr(events, sys.argv[3]), int(sys.argv[4])
sys.addaudithook(events.Watch(folder, 1, at, mode, mode not in (events.kill, events.kill_with_empty_file)))
(folder / "out.partial").mkdir(exist_ok=True)
(folder / "out.partial").mkdir(exist_ok=True)
Path(os.devnull).write_text("elsewhere")
(folder / "out.partial" / "new").write_text("new")
os.replace(folder / "out.partial" / "new", folder / "out")
os.rmdir(folder / "out.partial")
"""


def stop(folder: Path, mode: str, at: int) -> tuple[int, list[str], list[str]]:
    """Stop a small program; return how it ended, the events that happened, and the files that are left."""
    folder.mkdir()
    command = [sys.executable, "-c", STOPPED, str(TESTS), str(folder), mode, str(at)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    files = sorted(f"{p.relative_to(folder)} {p.stat().st_size if p.is_file() else ''}" for p in folder.rglob("*"))
    return ended.returncode, ended.stdout.splitlines(), files


EVENTS = ["os.mkdir out.partial", "open out.partial/new", "os.rename out.partial/new -> out", "os.rmdir out.partial"]


def test_events_are_counted_that_change_something_in_the_folder(tmp_path: Path) -> None:
    assert stop(tmp_path / "a", "kill", 0) == (0, EVENTS, ["out 3"])


@pytest.mark.parametrize(
    ("mode", "at", "files"),
    [
        ("kill", 2, ["out.partial "]),
        ("kill_with_empty_file", 2, ["out.partial ", "out.partial/new 0"]),
        ("kill", 3, ["out.partial ", "out.partial/new 3"]),
        ("kill", 4, ["out 3", "out.partial "]),
    ],
)
def test_a_kill_comes_before_its_event(tmp_path: Path, mode: str, at: int, files: list[str]) -> None:
    assert stop(tmp_path / "a", mode, at) == (-signal.SIGKILL, EVENTS[: at - 1], files)


def test_disks_fail_from_an_event_on(tmp_path: Path) -> None:
    assert stop(tmp_path / "a", "fill_disk", 2)[1:] == (EVENTS[:1], ["out.partial "])
    assert stop(tmp_path / "b", "fill_disk", 3)[1:] == (EVENTS, ["out 3"])  # renaming needs no space
    assert stop(tmp_path / "c", "make_read_only", 3)[1:] == (EVENTS[:2], ["out.partial ", "out.partial/new 3"])


def test_what_was_lost_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TESTS)
    from crash.commands import Command
    from crash.comparison import files_in
    from crash.processes import Ended
    from crash.trial import COMPLETE, SAME, Expected, Point, continue_point

    command = Command("a", ("train",), resumes=True, outputs=("out",), piece="book")
    expected = Expected(command, ("os.rename a -> book",) * 2, {"out": b"new"})
    killed = Ended(-9, "", expected.events[:1])
    (tmp_path / "out").write_text("new")
    endings = {
        "": Ended(0, "", expected.events[1:]),
        "work done twice": Ended(0, "", expected.events),
        "no clear error": Ended(99, "Traceback", ()),
    }

    def outcome() -> tuple[str, str]:
        ended = continue_point(Point("a", "kill", 1, ""), expected, tmp_path, killed)
        return ended.ending, ended.lost

    for lost, ending in endings.items():
        monkeypatch.setattr("crash.trial.run_command", lambda words, folder, ending=ending: ending)
        assert lost in outcome()[1]
        assert (outcome()[0] == SAME) == (not lost)
    monkeypatch.setattr("crash.trial.run_command", lambda words, folder: Ended(1, "Problem: out exists", ()))
    assert outcome() == (COMPLETE, "")
    (tmp_path / "out").write_text("half")
    assert "nothing that continues it" in outcome()[1]
    monkeypatch.setattr("crash.trial.run_command", lambda words, folder: Ended(0, "", ()))
    assert outcome()[1] == "other bytes: out"
    assert files_in(tmp_path) == {"out": b"half"}
