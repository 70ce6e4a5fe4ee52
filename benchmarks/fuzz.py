"""Damaged inputs for every reader: how many, how they ended, the longest time and the largest memory.

    python benchmarks/fuzz.py [--quick] [--seconds 1200] [--jobs 2]

It continues where the last stage ended, until every reader has had its share of 10^6 inputs or the time is over.
Inputs that failed earlier are run again first, and count as failures only while they fail.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from record import RESULTS, record, row

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzz.readers import READERS
from fuzz.supervisor import BATCH, Outcome, Task, prepare, run

TOTAL = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="time of this stage")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    until = time.monotonic() + (45 if arguments.quick else arguments.seconds)
    tally = Tally(Tally.earlier())
    prepare()
    again = [Task(name, number, number + 1) for name, number in tally.failures]
    tally.failures = []
    for outcome in run(again, arguments.jobs):
        tally.judge(outcome)
    for outcome in run(tally.tasks(), arguments.jobs, until):
        tally.add(outcome)
    record("fuzz", tally.rows(), quick=arguments.quick)


class Tally:
    """Counts over all stages."""

    def __init__(self, rows: dict[str, dict]) -> None:
        value = {measure: r["value"] for measure, r in rows.items()}
        self.done = Counter({name: int(value.get(f"inputs_{name}", 0)) for name in READERS})
        self.errors = int(value.get("input_errors", 0))
        self.measured = rows.get("longest_seconds", {}).get("n") or 0
        self.seconds = value["longest_seconds"] if self.measured else 0.0
        self.memory = value["largest_memory"] if self.measured else 0.0
        note = rows.get("tracebacks", {}).get("note", "")
        self.failures = [(w.split()[0], int(w.split()[1])) for w in note.split("; ") if w]

    @staticmethod
    def earlier() -> dict[str, dict]:
        """Rows of the stages before."""
        path = RESULTS / "fuzz.json"
        return {r["measure"]: r for r in json.loads(path.read_text())["rows"]} if path.is_file() else {}

    def tasks(self) -> Iterator[Task]:
        """What is left to do, the readers in turn."""
        share = -(-TOTAL // len(READERS))
        for start in range(0, share, BATCH):
            for name in READERS:
                if self.done[name] <= start:
                    yield Task(name, start, min(start + BATCH, share))

    def add(self, outcome: Outcome) -> None:
        """Count an input."""
        self.done[outcome.reader] += 1
        self.errors += outcome.kind == "input error"
        self.judge(outcome)

    def judge(self, outcome: Outcome) -> None:
        """Keep the input if it failed, else the longest time and the largest memory."""
        if outcome.good:
            self.measured += 1
            self.seconds, self.memory = max(self.seconds, outcome.seconds), max(self.memory, outcome.mebibytes)
        else:
            self.failures.append((outcome.reader, outcome.number))
            print(f"python tests/fuzz {outcome.reader} --only {outcome.number}   # {outcome.kind}", file=sys.stderr)

    def rows(self) -> list[dict]:
        """The rows of the results."""
        failures = "; ".join(f"{name} {number}" for name, number in self.failures[:200])
        return [
            row("inputs", sum(self.done.values()), n=len(READERS), note=f"of {len(READERS)} readers"),
            *(row(f"inputs_{name}", count) for name, count in self.done.items()),
            row("input_errors", self.errors, note="the other inputs gave an answer"),
            row("tracebacks", len(self.failures), note=failures),
            row("longest_seconds", self.seconds, "s", n=self.measured, note="of inputs that did not fail"),
            row("largest_memory", self.memory, "MiB", n=self.measured, note=f"growth of a process over {BATCH} inputs"),
        ]


if __name__ == "__main__":
    main()
