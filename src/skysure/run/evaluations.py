"""Where an evaluation is written: to a folder of its own, or in place of the one in its run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from skysure.data.locks import Lock
from skysure.data.targets import replacing
from skysure.errors import InputError
from skysure.evaluation import Evaluation

from .directory import Run
from .files import finish_replacing, write_bytes
from .reporting import BESIDE, replace_evaluation, write_evaluation
from .staging import Opened, Staging

Write = Callable[[Evaluation, Callable[[Opened], None]], None]
"""Writes an evaluation, and with the function given the list of what was left out of it."""


@contextmanager
def evaluation_in(run: Run, folder: Path | None, *, force: bool) -> Iterator[Write | None]:
    """Own the folder of an evaluation while it is made, and give the function that writes it.

    Nothing is under the name of the folder until the evaluation is whole; in the folder of the run itself, the old
    evaluation stays until the new one is whole.

    Parameters
    ----------
    run : Run
    folder : Path or None
        None: nothing is written.
    force : bool
        Replace what exists.

    Raises
    ------
    InputError
        Where the folder exists, cannot be made, is that of another run, or another process works on it.
    """
    if folder is None:
        yield None
    elif run.path is not None and folder.exists() and os.path.samefile(folder, run.path):
        lock = Lock(folder / ".evaluation.lock")
        lock.acquire()
        try:
            finish_replacing(folder)
            yield lambda evaluation, list_left_out: _replace(folder, evaluation, list_left_out)
        finally:
            lock.release()
    else:
        staging = Staging(folder, "evaluation")
        with staging.owned():
            staging.recover()
            _require_no_model(staging, force)
            staging.discard()
            yield lambda evaluation, list_left_out: _publish(run, staging, evaluation, list_left_out, force)


def _replace(folder: Path, evaluation: Evaluation, list_left_out: Callable[[Opened], None]) -> None:
    list_left_out(replacing)
    replace_evaluation(folder, evaluation)


def _publish(
    run: Run, staging: Staging, evaluation: Evaluation, list_left_out: Callable[[Opened], None], force: bool
) -> None:
    try:
        folder = staging.begin_result()
        for name in BESIDE:
            if run.path and (run.path / name).is_file():
                write_bytes(folder / name, (run.path / name).read_bytes())
        write_evaluation(folder, evaluation)
        list_left_out(staging.open_list)
        staging.mark_complete()
        staging.publish(force=force)
    except BaseException as error:
        if not staging.is_complete:
            staging.discard()
        elif isinstance(error, InputError):
            fix = "; ".join(filter(None, (error.fix, f"the evaluation is kept in {staging.result}")))
            raise InputError(error.problem, error.expected, error.cause, fix) from None
        raise


def _require_no_model(staging: Staging, force: bool) -> None:
    """Raise InputError where an evaluation cannot be made, or would replace a trained model."""
    staging.require_free(force=force)
    folder = staging.out
    if (folder / "model.safetensors").exists():
        raise InputError(
            f"{folder} is a run with its model", "a folder for an evaluation", "--force would remove the model",
            "name another folder",
        )  # fmt: skip
