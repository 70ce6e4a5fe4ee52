"""Run inputs in processes of their own, within limits of time and memory, and say how each ended."""

from __future__ import annotations

import gc
import json
import os
import resource
import selectors
import signal
import tempfile
import time
import traceback
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from .readers import READERS, Reader, clear, random_for

SECONDS = 10.0
"""Limit of time of one input; a process that does not return is killed after twice as long."""
BYTES = 2 << 30
"""Limit of memory: what a process may take beyond what it began with."""
BATCH = 500
"""Inputs after which a reader gets a new process."""
GOOD = ("answer", "input error")


@dataclass(frozen=True)
class Outcome:
    """How an input ended: "answer", "input error", "traceback", "time", "memory" or "crash"."""

    reader: str
    number: int
    kind: str
    seconds: float = 0.0
    mebibytes: float = 0.0
    text: str = ""

    @property
    def good(self) -> bool:
        """Whether it is what a user should see."""
        return self.kind in GOOD

    @property
    def place(self) -> str:
        """Reader, error and the last line of skysure that it passed: the same for failures of one kind."""
        lines = self.text.splitlines()
        error = lines[-1][:60].split(":")[0] if lines else ""
        passed = [line.strip() for line in lines if "skysure" in line and "line" in line]
        return f"{self.reader} {self.kind} {error} {passed[-1] if passed else ''}"


@dataclass(frozen=True)
class Task:
    """Inputs of a reader, by number."""

    reader: str
    start: int
    stop: int


class TooLong(BaseException):
    """The time of an input is over; no reader catches it as an error of a file."""


def import_readers() -> None:
    """Import what readers need, so that it neither counts as time of an input nor is interrupted."""
    import astropy.io.votable
    import astropy.logger
    import pyarrow as pa

    import skysure.applications.lensing.source
    import skysure.data.lightcurves.inspection
    import skysure.data.results
    import skysure.report
    import skysure.run.directory  # noqa: F401
    from skysure.application import application

    astropy.logger.log.setLevel("ERROR")
    pa.set_cpu_count(1)
    list(map(application, ("sine", "supernovae", "lensing")))


def prepare() -> None:
    """Import what readers need and make sound inputs, once, before processes are forked."""
    import_readers()
    for name, reader in READERS.items():
        for k in range(4):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader.make(Random(f"{name} {k}"))
    gc.collect()
    gc.freeze()


def attempt(name: str, number: int, folder: Path) -> tuple[str, float, str]:
    """Run one input: the kind of its end, the seconds of reading it, and of an unexpected end the traceback."""
    random, reader = random_for(name, number), READERS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader.write(folder, random)
        start = time.monotonic()
        kind, text = _read(reader, folder, random)
        return kind, time.monotonic() - start, text


def _read(reader: Reader, folder: Path, random: Random) -> tuple[str, str]:
    from skysure.errors import InputError

    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        reader.read(folder, random)
    except InputError:
        return "input error", ""
    except TooLong:
        return "time", traceback.format_exc()
    except MemoryError:
        return "memory", traceback.format_exc()
    except Exception:
        return "traceback", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "answer", ""


def run(tasks: Iterable[Task], jobs: int, until: float = float("inf")) -> Iterator[Outcome]:
    """Run tasks, some at once; after the time `until` (monotonic) no further ones begin."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        yield from _run(deque(tasks), jobs, until, Path(folder))


def _run(waiting: deque[Task], jobs: int, until: float, folder: Path) -> Iterator[Outcome]:
    workers = selectors.DefaultSelector()
    while True:
        while waiting and len(workers.get_map()) < jobs and time.monotonic() < until:
            worker = Worker(waiting.popleft(), folder)
            workers.register(worker.pipe, selectors.EVENT_READ, worker)
        if not workers.get_map():
            return
        for key, _ in workers.select(1.0):
            yield from key.data.read()
        for worker in [key.data for key in list(workers.get_map().values())]:
            if worker.ended or time.monotonic() > worker.deadline:
                workers.unregister(worker.pipe)
                yield from worker.stop()
                if worker.number < worker.task.stop:
                    waiting.appendleft(Task(worker.task.reader, worker.number, worker.task.stop))


class Worker:
    """A process that runs the inputs of a task and writes a line for each."""

    def __init__(self, task: Task, folder: Path) -> None:
        self.task, self.number, self.ended = task, task.start, False
        self.pipe, write = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(self.pipe)
            _work(task, folder, write)
        os.close(write)
        self._buffer = b""
        self.deadline = time.monotonic() + 2 * SECONDS

    def read(self) -> Iterator[Outcome]:
        """Outcomes that have arrived."""
        content = os.read(self.pipe, 1 << 16)
        self.ended = not content
        *lines, self._buffer = (self._buffer + content).split(b"\n")
        for line in lines:
            self.number += 1
            self.deadline = time.monotonic() + 2 * SECONDS
            yield Outcome(self.task.reader, self.number - 1, *json.loads(line))

    def stop(self) -> Iterator[Outcome]:
        """End the process; an input that it had not finished is one that crashed or hung it."""
        if not self.ended:
            os.kill(self.process, signal.SIGKILL)
        _, status = os.waitpid(self.process, 0)
        os.close(self.pipe)
        if self.number < self.task.stop:
            kind, text = ("crash", f"status {status}") if self.ended else ("time", "killed")
            self.number += 1
            yield Outcome(self.task.reader, self.number - 1, kind, 0.0 if self.ended else 2 * SECONDS, 0.0, text)


def _work(task: Task, base: Path, pipe: int) -> None:
    """Run a task and leave the process."""
    try:
        signal.signal(signal.SIGALRM, raise_too_long)
        limit = _size() + BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        before = _largest()
        folder = Path(tempfile.mkdtemp(dir=base))
        for number in range(task.start, task.stop):
            kind, seconds, text = attempt(task.reader, number, folder)
            grown = _largest() - before
            if kind not in GOOD:  # what it took does not count for those after it
                before = _largest()
            line = json.dumps([kind, round(seconds, 4), round(grown, 1), text[-4000:]])
            os.write(pipe, line.encode() + b"\n")
            clear(folder)
    finally:
        os._exit(0)


def raise_too_long(*_: object) -> None:
    """End an input whose time is over."""
    raise TooLong


def _largest() -> float:
    """Most memory that this process had [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _size() -> int:
    """Address space of this process [byte]."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
