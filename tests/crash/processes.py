"""Commands in processes of their own, forked from one that has imported everything."""

from __future__ import annotations

import fcntl
import importlib
import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .events import Action, Watch

LONGEST = 300
"""Seconds after which a command counts as hanging."""
TRACEBACK = 99
"""Exit status of a command that ended with an exception."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Parameters
    ----------
    status : int
        Exit status; negative: the signal that ended it.
    text : str
        What it printed.
    events : tuple of str
        The file-system events that happened.
    """

    status: int
    text: str
    events: tuple[str, ...]

    @property
    def is_clear_error(self) -> bool:
        """Whether it ended with a message for people."""
        return self.status in (1, 2) and "Problem:" in self.text and "Traceback" not in self.text


def run_command(
    words: Sequence[str], folder: Path, *, at: int = 0, act: Action | None = None, onwards: bool = False,
    largest_file: int = 0, modules: Path | None = None,
) -> Ended:  # fmt: skip
    """Run a command of skysure in a folder, and wait for its end.

    Parameters
    ----------
    words : sequence of str
        Of the command line.
    folder : Path
        Where it runs, and which is watched.
    at, act, onwards
        See `Watch`.
    largest_file : int
        Size beyond which no file can grow [byte]; 0: any.
    modules : Path, optional
        A file for the names of the modules that were imported in the end.
    """
    output, events = Pipe(), Pipe()

    def work() -> int:
        os.chdir(folder)
        if largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
        sys.addaudithook(Watch(folder, events.end, at, act, onwards))
        from skysure.cli import main

        status = main(list(words))
        if modules:
            modules.write_text("\n".join(sorted(sys.modules)))
        return status

    process = fork(work, output.end)
    status = wait(process)
    return Ended(status, output.read(), tuple(events.read().splitlines()))


class Pipe:
    """What a process writes, kept in memory: a file could not grow where the size of files is limited."""

    def __init__(self) -> None:
        self._start, self.end = os.pipe()
        fcntl.fcntl(self.end, fcntl.F_SETPIPE_SZ, 2**20)

    def read(self) -> str:
        """Return all that was written; once, when the process has ended."""
        os.close(self.end)
        with open(self._start, errors="replace") as file:
            return file.read()


def fork(work: Callable[[], int], output: int) -> int:
    """Do some work in a forked process, whose output goes to a descriptor; return its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    status = TRACEBACK
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.alarm(LONGEST)
        status = work()
    except BaseException:  # also SystemExit: the process ends here, in any case
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait(process: int) -> int:
    """Wait for a process; return its exit status, or the negative signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def import_modules(names: Sequence[str]) -> None:
    """Import modules here, so that no forked process has to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            if name not in sys.modules and not name.startswith("__"):
                try:
                    importlib.import_module(name)
                except Exception:
                    continue  # it will be imported where it is needed
