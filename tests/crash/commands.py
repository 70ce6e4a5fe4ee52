"""The commands that are killed, each with the files that it needs and how a user continues it."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

SMALL = ("--objects", "120", "--hidden", "8", "--head", "8", "--layers", "1", "--calibration", "20", "--validation",
         "15", "--test", "25", "--device", "cpu")  # fmt: skip
SINE = ("--objects", "60", "--hidden", "8", "--validation", "10", "--calibration", "10", "--test", "10", "--epochs",
        "2", "--device", "cpu")  # fmt: skip
CHAIN = ("--agents", "4", "--episodes", "3")


@dataclass(frozen=True)
class Command:
    """A command of which nothing may be lost.

    Parameters
    ----------
    name : str
    words : tuple of str
        Of the command line.
    inputs : tuple of str
        Files and folders that it needs, by their names among the prepared ones.
    resumes : bool
        Whether the verb has `--resume`; else a user gives the same command again.
    outputs : tuple of str
        What has to be whole wherever it has its name.
    piece : str
        What the name of a file ends with that holds finished work (an epoch, a chunk), which is not done twice.
    """

    name: str
    words: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    resumes: bool = False
    outputs: tuple[str, ...] = ()
    piece: str = ""

    def prepare(self, prepared: Path, folder: Path) -> None:
        """Empty a folder, and put what the command needs into it."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in self.inputs:
            if (prepared / name).is_dir():
                shutil.copytree(prepared / name, folder / name)
            else:
                shutil.copy2(prepared / name, folder / name)

    @property
    def continued(self) -> tuple[tuple[str, ...], ...]:
        """What a user tries after a kill, in turn; the last only where the message before offers it."""
        again = (*self.words, "--resume") if self.resumes else self.words
        return again, (*again, "--force")


PREPARATIONS = (
    ("simulate", "supernovae", "--out", "night.parquet", "-n", "20", "--seed", "5"),
    ("train", "supernovae", *SMALL, "--epochs", "1", "--out", "model"),
    ("simulate", "sine", "--out", "points.parquet", "-n", "30", "--seed", "5"),
    ("train", "sine", *SINE, "--out", "sine-model"),
    ("train", "chain", *CHAIN, "--out", "chain-model"),
)
"""Commands that make the inputs of the others."""

EPOCH, CHUNK = "book.json", ".arrow"
THREE = ("--out", "a.parquet", "--out", "b.csv", "--out", "page.html")
NIGHT = ("model", "night.parquet")
COMMANDS = (
    Command(
        "predict", ("predict", *NIGHT, "--samples", "3", *THREE, "--device", "cpu"), NIGHT, True,
        ("a.parquet", "b.csv", "page.html"), CHUNK,
    ),
    Command(
        "predict, over old files", ("predict", *NIGHT, "--samples", "3", *THREE, "--device", "cpu", "--force"),
        (*NIGHT, "a.parquet", "b.csv", "page.html"), True, (), CHUNK,
    ),
    Command(
        "predict sine", ("predict", "sine-model", "points.parquet", "--out", "y.fits", "--out", "y.vot", "--out",
        "y.ecsv"), ("sine-model", "points.parquet"), True, ("y.fits", "y.vot", "y.ecsv"), CHUNK,
    ),
    Command(
        "predict chain", ("predict", "chain-model", "--out", "q.csv", "--out", "q.csv.gz", "--out", "q.fits.gz"),
        ("chain-model",), True, ("q.csv", "q.csv.gz", "q.fits.gz"), CHUNK,
    ),
    Command("simulate", ("simulate", "supernovae", "--out", "s.fits", "-n", "20"), (), False, ("s.fits",)),
    Command("simulate sine", ("simulate", "sine", "--out", "s.csv", "-n", "20"), (), False, ("s.csv",)),
    Command("evaluate", ("evaluate", *NIGHT, "--out", "ev", "--device", "cpu"), NIGHT, False, ("ev",)),
    Command("evaluate the run", ("evaluate", "model", "--device", "cpu"), ("model",)),
    Command(
        "evaluate, over an old one", ("evaluate", *NIGHT, "--out", "ev", "--device", "cpu", "--force"), (*NIGHT, "ev")
    ),
    Command("evaluate chain", ("evaluate", "chain-model", "--out", "ev-chain"), ("chain-model",), False, ("ev-chain",)),
    Command("calibrate", ("calibrate", *NIGHT, "--out", "mine", "--device", "cpu"), NIGHT, False, ("mine",)),
    Command(
        "calibrate, over an old run", ("calibrate", *NIGHT, "--out", "mine", "--device", "cpu", "--force"),
        (*NIGHT, "mine"),
    ),
    Command("train chain", ("train", "chain", *CHAIN, "--out", "run"), (), True, ("run",), EPOCH),
    Command("train sine", ("train", "sine", *SINE, "--out", "run"), (), True, ("run",), EPOCH),
    Command(
        "train", ("train", "supernovae", *SMALL, "--epochs", "2", "--out", "run"), (), True, ("run",), EPOCH
    ),
    Command(
        "train, over an old run", ("train", "supernovae", *SMALL, "--epochs", "2", "--out", "run", "--force"), ("run",),
        True, (), EPOCH,
    ),
)  # fmt: skip


def make_small() -> None:
    """Leave out what takes time and touches no file: chunks of few objects, two empty figures, rough calibrations."""
    import skysure.data.lightcurves.source as light_curves
    from skysure.applications import chain, sine, supernovae
    from skysure.applications.supernovae import calibration, evaluation, simulator
    from skysure.methods.calibration import scaling
    from skysure.report import figure
    from skysure.run import reporting
    from skysure.verbs import drawing

    chunks = light_curves.LightCurveSource.chunks
    light_curves.LightCurveSource.chunks = lambda self, part=None, size=8: chunks(self, part, size)  # type: ignore
    drawing.SHOWN = 1
    for application in (chain, sine, supernovae):
        application.figures = _first_two(application.figures)  # type: ignore[attr-defined]
    supernovae.draw = _first_two(supernovae.draw)
    figure.renderings = reporting.renderings = lambda figure, formats: dict.fromkeys(formats, EMPTY)
    calibration.best_width = lambda rows, classes: calibration.WIDTHS[0]
    scaling.minimise = partial(scaling.minimise, steps=2)
    evaluation.example_of = _first_again(evaluation.example_of)
    ranges = simulator._ranges(simulator.SURVEYS["des"], "good")
    simulator._ranges = lambda survey, photoz: ranges


EMPTY = b'<svg viewBox="0 0 1 1"></svg>'


def _first_two(figures: Any) -> Any:
    return lambda *arguments: itertools.islice(figures(*arguments), 2)


def _first_again(example_of: Any) -> Any:
    """Give the first example of a process for the others, too."""
    first: list[Any] = []

    def example(group: str, *arguments: Any) -> Any:
        first[:] = first or [example_of(group, *arguments)]
        return replace(first[0], group=group)

    return example
