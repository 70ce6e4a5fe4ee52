"""The models that ship, which are run directories like any other (`make models`), and finding a run by path or name."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from shlex import quote

from skysure.errors import InputError, nearest


def shipped() -> list[str]:
    """Names of the models that ship with skysure."""
    return sorted(f.name for f in files(__name__).iterdir() if (f / "run.toml").is_file())


def find(run: Path | str) -> Path:
    """Give the folder of a run: a path, or the name of a shipped model.

    Raises
    ------
    InputError
        Where there is none: with the nearest names, or how to continue an unfinished training.
    """
    folder = Path(run)
    if (folder / "run.toml").is_file():
        return folder
    if str(run) in shipped():
        return Path(str(files(__name__) / str(run)))
    if Path(f"{run}.training").is_dir():
        raise InputError(
            f"{run}: its training has not finished", "", "", f"skysure train ... --out {quote(str(run))} --resume"
        )
    missing = "has no run.toml" if folder.is_dir() else "no such run"
    offer = f" ({nearest(str(run), shipped())})" if shipped() else ""
    raise InputError(f"{run}: {missing}", f"a run directory or the name of a shipped model{offer}")
