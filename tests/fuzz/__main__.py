"""Fuzz readers from the command line; see the package."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])

from fuzz.readers import READERS  # noqa: E402
from fuzz.supervisor import BATCH, Outcome, Task, attempt, import_readers, prepare, raise_too_long, run  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)}; all by default")
    parser.add_argument("--count", type=int, default=2000, help="inputs of each reader")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of inputs to run again, with their tracebacks")
    parser.add_argument("--keep", type=Path, help="with --only: folder to write the input into")
    arguments = parser.parse_args()
    names = arguments.readers or list(READERS)
    if unknown := set(names) - set(READERS):
        parser.error(f"unknown reader {', '.join(sorted(unknown))}")
    if arguments.only:
        return repeat(names, arguments.only, arguments.keep)
    prepare()
    tasks = [Task(name, k, min(k + BATCH, arguments.count)) for name in names for k in range(0, arguments.count, BATCH)]
    return report(names, list(shown(run(tasks, arguments.jobs))))


def repeat(names: list[str], numbers: list[int], keep: Path | None) -> int:
    """Run single inputs in this process, and print how they end."""
    failed = 0
    import_readers()
    signal.signal(signal.SIGALRM, raise_too_long)
    for name in names:
        for number in numbers:
            with tempfile.TemporaryDirectory() as folder:
                place = keep / f"{name}-{number}" if keep else Path(folder)
                place.mkdir(parents=True, exist_ok=True)
                kind, seconds, text = attempt(name, number, place)
            print(f"{name} {number}: {kind} in {seconds:.3f} s\n{text}")
            failed += bool(text)
    return 1 if failed else 0


def shown(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Print each failure of a new kind as it comes, with the command that repeats it."""
    places = set()
    for end in outcomes:
        if not end.good and end.place not in places:
            places.add(end.place)
            print(f"python tests/fuzz {end.reader} --only {end.number}   # {end.place}\n{end.text}", flush=True)
        yield end


def report(names: list[str], outcomes: list[Outcome]) -> int:
    """Print a line for each reader and a count of each kind of failure."""
    by_reader: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_reader[outcome.reader].append(outcome)
    print(f"{'reader':<16} {'inputs':>7} {'answers':>8} {'errors':>7} {'failures':>8} {'longest':>8} {'memory':>9}")
    for name in names:
        ends = by_reader[name]
        answers = sum(end.kind == "answer" for end in ends)
        failures = sum(not end.good for end in ends)
        longest, memory = max(end.seconds for end in ends), max(end.mebibytes for end in ends)
        errors = len(ends) - answers - failures
        print(f"{name:<16} {len(ends):7} {answers:8} {errors:7} {failures:8} {longest:6.2f} s {memory:5.0f} MiB")
    failures = [end for end in outcomes if not end.good]
    kinds = Counter(end.place for end in failures)
    for place, count in kinds.most_common():
        print(f"{count} such: {place}")
    print(f"{len(outcomes):,} inputs, {len(failures)} failures, {time.process_time():.0f} s of this process")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
