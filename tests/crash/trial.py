"""One command, killed or failed at one file-system event, and continued: what came of it?"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import events
from .commands import COMMANDS, PREPARATIONS, Command, make_small
from .comparison import bytes_in, differences, files_in
from .processes import Ended, fork, import_modules, run_command, wait

MODES = {
    "kill": (events.kill, False), "kill with an empty file": (events.kill_with_empty_file, False),
    "full disk": (events.fill_disk, True), "quota": (events.reach_quota, True),
    "read-only": (events.make_read_only, True),
}  # fmt: skip
"""What happens at the event, and whether it goes on happening."""
ONLY = {"kill with an empty file": "open", "full disk": events.CREATING, "quota": events.CREATING}
"""The events at which a mode does anything; at others it does what it does at the next of these."""
LIMITED = "largest file"
"""The mode in which no file grows beyond a size, which takes the place of the number of the event."""
SAME, COMPLETE = "same bytes", "complete already"


@dataclass(frozen=True)
class Point:
    """Where a command is stopped: the mode and the number of the event, with its text."""

    command: str
    mode: str
    at: int
    event: str


@dataclass(frozen=True)
class Outcome:
    """What came of a point; `lost` says what was lost, and is empty where nothing was."""

    point: Point
    ending: str = ""
    lost: str = ""


@dataclass
class Expected:
    """A command that nothing stops: its events, its files, and how many pieces of work it did."""

    command: Command
    events: tuple[str, ...]
    files: dict[str, bytes] = field(repr=False)
    seconds: float = 0.0

    @property
    def pieces(self) -> int:
        """Number of epochs or chunks."""
        return pieces(self.command, self.events)


def pieces(command: Command, happened: Sequence[str]) -> int:
    """Count the pieces of finished work among events."""
    return sum(bool(command.piece) and e.startswith("os.rename") and e.endswith(command.piece) for e in happened)


class Bench:
    """A folder in which commands are run, killed and continued.

    Parameters
    ----------
    folder : Path
        Empty; on a fast disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.prepared = self.folder / "prepared"
        self.prepared.mkdir(parents=True)
        self.expected: dict[str, Expected] = {}

    def prepare(self, commands: Sequence[Command] = COMMANDS) -> None:
        """Make the inputs, and run every command once without stopping it."""
        modules = self.folder / "modules"
        make_small()
        for words in PREPARATIONS:
            self._must(run_command(words, self.prepared, modules=modules))
            import_modules(modules.read_text().split("\n"))
        _reject_an_object(self.prepared / "night.parquet")
        needed = {name for command in commands for name in command.inputs}
        for command in COMMANDS:
            if command in commands:
                self.expected[command.name] = self._expect(command)
            elif needed & set(command.outputs):
                self._expect(command)

    def _expect(self, command: Command) -> Expected:
        folder, start = self.folder / "slot-0" / "work", time.monotonic()
        folder.parent.mkdir(exist_ok=True)
        command.prepare(self.prepared, folder)
        ended = self._must(run_command(command.words, folder))
        expected = Expected(command, ended.events, files_in(folder), time.monotonic() - start)
        for name in command.outputs:  # later commands may start from them
            if (folder / name).is_dir():
                shutil.rmtree(self.prepared / name, ignore_errors=True)
                shutil.copytree(folder / name, self.prepared / name)
            else:
                shutil.copy2(folder / name, self.prepared / name)
        return expected

    @staticmethod
    def _must(ended: Ended) -> Ended:
        if ended.status:
            raise RuntimeError(f"status {ended.status}: {ended.text}")
        return ended

    def points(self, modes: Sequence[str]) -> Iterator[Point]:
        """List the points of all commands; some modes concern only events that open or make something."""
        for name, expected in self.expected.items():
            for mode in modes:
                for at, event in enumerate(expected.events, start=1):
                    if event.startswith(ONLY.get(mode, "")):
                        yield Point(name, mode, at, event)

    def limits(self, sizes: Sequence[int]) -> Iterator[Point]:
        """List points at which no file can grow beyond some size [byte]."""
        for name in self.expected:
            yield from (Point(name, LIMITED, size, f"no file beyond {size} bytes") for size in sizes)

    def run(self, points: Sequence[Point], slots: int) -> Iterator[Outcome]:
        """Try points, some at once, each in a process of its own."""
        waiting, running = list(points), {}
        free = list(range(slots))
        for slot in free:
            (self.folder / f"slot-{slot}").mkdir(exist_ok=True)
        while waiting or running:
            while waiting and free:
                slot, point = free.pop(), waiting.pop(0)
                running[self._start(point, self.folder / f"slot-{slot}")] = slot, point
            process, status = os.wait()
            slot, point = running.pop(process)
            free.append(slot)
            yield self._outcome(point, os.waitstatus_to_exitcode(status), self.folder / f"slot-{slot}")

    def _start(self, point: Point, slot: Path) -> int:
        def work() -> int:
            outcome = try_point(point, self.expected[point.command], self.prepared, slot)
            (slot / "outcome.json").write_text(json.dumps(asdict(outcome)))
            return 0

        (slot / "outcome.json").unlink(missing_ok=True)
        with (slot / "harness").open("wb") as output:
            return fork(work, output.fileno())

    @staticmethod
    def _outcome(point: Point, status: int, slot: Path) -> Outcome:
        if status:
            return Outcome(point, "", f"the harness failed: {(slot / 'harness').read_text()[-300:]}")
        facts = json.loads((slot / "outcome.json").read_text())
        return Outcome(point, facts["ending"], facts["lost"])


def try_point(point: Point, expected: Expected, prepared: Path, slot: Path) -> Outcome:
    """Stop a command at a point, continue it as a user would, and say what came of it."""
    command, folder = expected.command, slot / "work"
    command.prepare(prepared, folder)
    before = bytes_in(folder)
    if point.mode == LIMITED:
        stopped = run_command(command.words, folder, largest_file=point.at)
    else:
        act, onwards = MODES[point.mode]
        stopped = run_command(command.words, folder, at=point.at, act=act, onwards=onwards)
    if not point.mode.startswith("kill"):
        if stopped.status and not stopped.is_clear_error:
            return Outcome(point, "", f"no clear error but status {stopped.status}: {stopped.text[-500:]}")
        if half := half_outputs(expected, folder, before):
            return Outcome(point, "", f"half an output: {half}")
        if not stopped.status:  # nothing was prevented, except perhaps tidying up
            files = files_in(folder)
            changed = [name for name, content in expected.files.items() if files.get(name) != content]
            return Outcome(point, "" if changed else SAME, f"other bytes: {changed}" if changed else "")
    return continue_point(point, expected, folder, stopped)


def half_outputs(expected: Expected, folder: Path, before: dict[str, bytes]) -> list[str]:
    """Name the files of outputs that have their names and are neither whole nor as they were."""
    names = [o for o in expected.command.outputs if (folder / o).exists()]
    inside = [f for f in expected.files if any(f == o or f.startswith(f"{o}/") for o in names)]
    files = files_in(folder)
    return [f for f in inside if files.get(f) != expected.files[f] and before.get(f) is None]


def continue_point(point: Point, expected: Expected, folder: Path, stopped: Ended) -> Outcome:
    """Continue a command that was stopped, as its messages say."""
    command = expected.command
    done = pieces(command, stopped.events)
    if "--force" in command.words and not differences(expected.files, files_in(folder)):
        return Outcome(point, COMPLETE)  # the command itself asks for it to be made again
    for words in command.continued:
        before = bytes_in(folder)
        ended = run_command(words, folder)
        if ended.status == 0:
            if odd := differences(expected.files, files_in(folder)):
                return Outcome(point, "", f"other bytes: {', '.join(odd)}")
            if (total := done + pieces(command, ended.events)) > expected.pieces:
                return Outcome(point, "", f"work done twice: {total} pieces instead of {expected.pieces}")
            return Outcome(point, SAME)
        if not ended.is_clear_error:
            return Outcome(point, "", f"no clear error but status {ended.status}: {ended.text[-500:]}")
        files = files_in(folder)
        if all(files.get(name) == content for name, content in expected.files.items()):
            return Outcome(point, COMPLETE)
        if missing := [name for name, content in before.items() if bytes_in(folder).get(name) != content]:
            return Outcome(point, "", f"a command that was refused changed {', '.join(missing)}: {ended.text[-300:]}")
        if "--force" not in ended.text or "--force" in words:
            return Outcome(point, "", f"nothing that continues it is offered: {ended.text[-500:]}")
        if done:
            return Outcome(point, "", f"{done} pieces of work would be lost: {ended.text[-300:]}")
    return Outcome(point, "", "every continuation was refused")


def _reject_an_object(path: Path) -> None:
    """Spoil an object of some light curves, so that it is set aside."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def work() -> int:
        table = pq.read_table(path)
        errors = table["flux_error"].to_numpy().copy()
        first = table["id"].to_pylist()[0]
        errors[[name == first for name in table["id"].to_pylist()]] = -1.0
        index = table.schema.get_field_index("flux_error")
        table = table.set_column(index, table.schema.field(index), pa.array(errors, table["flux_error"].type))
        with path.open("wb") as file:
            pq.write_table(table, file)
        return 0

    if status := wait(fork(work, sys.stderr.fileno())):
        raise RuntimeError(f"the light curves could not be spoilt: status {status}")
