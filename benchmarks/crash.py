"""Kill every verb at every file-system event in turn, continue it, and count what is lost; the same for full disks.

    python benchmarks/crash.py [--quick] [--jobs 2] [--command NAME] [--folder FOLDER]

A small run of each verb (train, predict with three outputs, calibrate, evaluate, simulate; supernovae, sine, chain) has
30 to 130 events: files opened for writing, renamed and removed, folders made and removed. For each a process is killed
(SIGKILL) just before the event, and where the event opens a file also just after, while the file is empty. Then the
command is given again, with --resume where the verb has it, or as its message says. Nothing is lost if the files have
the bytes of a run that was not killed (dates excepted) and no epoch and no chunk was computed twice, or if the program
says that the result is complete, and it is.

Disks fail at the same events: no space, a quota, read-only from there on; and no file grows beyond some size. Nothing
is lost if the program says so without a traceback, no output has its name before it is whole, and the command can be
continued as after a kill.

`--quick` tries one of several points. The exit status is 1 where anything is lost.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # also so that a process that imported everything can be forked
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from crash.commands import COMMANDS
from crash.trial import LIMITED, Bench, Outcome, Point
from record import RESULTS, record, row

KILLS = ("kill", "kill with an empty file")
FAILURES = ("full disk", "quota", "read-only")
SIZES = (1, 500, 3_000, 20_000, 100_000)
FULL = {"kill": 1, "kill with an empty file": 1, "full disk": 4, "quota": 20, "read-only": 10, LIMITED: 4}
QUICK = {"kill": 5, "kill with an empty file": 12, "full disk": 12, "quota": 30, "read-only": 30, LIMITED: 10}
"""Of how many points of a mode one is tried; an error of a disk has the same way through the program whatever it is."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a part of the points")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--command", help="only commands whose name begins so")
    parser.add_argument("--kills", action="store_true", help="no failing disks; nothing is recorded")
    parser.add_argument("--folder", type=Path, help="where the commands run; by default a temporary folder")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        bench = Bench(folder)
        commands = [c for c in COMMANDS if c.name.startswith(options.command or "")]
        bench.prepare(commands)
        points = select([*bench.points([*KILLS, *FAILURES]), *bench.limits(SIZES)], QUICK if options.quick else FULL)
        points = [p for p in points if p.mode in KILLS or not options.kills]
        outcomes = []
        for own in grouped(points):  # what is measured is recorded, also where the run ends before its end
            outcomes += run(bench, own, options.jobs)
            if not (options.quick or options.kills) and own[0].mode in KILLS:
                record("crash", rows(bench, outcomes, earlier_rows()), quick=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    is_partial = options.quick or options.kills
    table = rows(bench, outcomes, {} if is_partial else earlier_rows())
    table += disk_rows(outcomes) if len(commands) == len(COMMANDS) else []
    record("crash", table, quick=is_partial)
    return int(any(outcome.lost for outcome in outcomes))


def grouped(points: list[Point]) -> list[list[Point]]:
    """Divide points by command; first those at which a process is killed, then those at which a disk fails."""
    groups: dict[tuple[bool, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.mode not in KILLS, point.command), []).append(point)
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])]


def select(points: list[Point], every: dict[str, int]) -> list[Point]:
    """Take one of several points of each mode, evenly, so that every command has its share."""
    counts: Counter[str] = Counter()
    chosen = []
    for point in points:
        counts[point.mode] += 1
        if counts[point.mode] % every[point.mode] == 0:
            chosen.append(point)
    return chosen


def run(bench: Bench, points: list[Point], jobs: int) -> list[Outcome]:
    """Try all points, and print those at which something was lost."""
    outcomes, start = [], time.monotonic()
    print(f"{len(points)} points of {points[0].command}, {jobs} at once", flush=True)
    for outcome in bench.run(points, jobs):
        outcomes.append(outcome)
        point = outcome.point
        if outcome.lost:
            print(f"LOST {point.command} | {point.mode} | {point.at} {point.event} | {outcome.lost}", flush=True)
        if len(outcomes) % 100 == 0:
            print(f"{len(outcomes)} points in {time.monotonic() - start:.0f} s", flush=True)
    return outcomes


def rows(bench: Bench, outcomes: list[Outcome], earlier: dict[str, dict]) -> list[dict]:
    """Make the rows of kills: points tried and lost by command, and over all commands of this and earlier runs."""
    by_command = dict(earlier)
    for name, expected in bench.expected.items():
        own = [o for o in outcomes if o.point.command == name and o.point.mode in KILLS]
        if not own:
            continue
        note = f"{len(expected.events)} events in a run"
        by_command[name] = row(measure_of(name), sum(bool(o.lost) for o in own), n=len(own), note=note)
    tried, lost = (sum(r[key] for r in by_command.values()) for key in ("n", "value"))
    return [
        row("points_tried", tried, note="file-system events over all verbs at which a process was killed"),
        row("points_lost", lost, n=tried),
        *by_command.values(),
    ]


def disk_rows(outcomes: list[Outcome]) -> list[dict]:
    """Make the rows of failing disks, of a run of all commands."""
    failures = [o for o in outcomes if o.point.mode not in KILLS]
    return [
        row("disk_failures_tried", len(failures), note="full, quota, read-only, size of a file limited"),
        row("disk_failures_lost", sum(bool(o.lost) for o in failures), n=len(failures)),
    ]


def earlier_rows() -> dict[str, dict]:
    """Return the rows of kills by command that are recorded already."""
    path = RESULTS / "crash.json"
    recorded = {r["measure"]: r for r in json.loads(path.read_text())["rows"]} if path.is_file() else {}
    return {c.name: recorded[measure_of(c.name)] for c in COMMANDS if measure_of(c.name) in recorded}


def measure_of(command: str) -> str:
    return f"{command.replace(',', '').replace(' ', '_')}_lost"


if __name__ == "__main__":
    sys.exit(main())
