"""A page of pictures: the first objects of some data, one by one, with what a trained model says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from torch import nn

from skysure import settings as layers
from skysure.data.sources import Source
from skysure.data.targets import check_target
from skysure.report import Figure, page
from skysure.run.directory import Run
from skysure.run.files import write_text

from .exclusions import no_object
from .inputs import verb_of

SHOWN = 24
"""Objects on a page."""


def is_page(path: Path) -> bool:
    """Whether a result of this name is a page of pictures, and no table."""
    return path.suffix.lower() == ".html"


def named(files: Sequence[str]) -> str:
    """Name data by their files, in a few words.

    >>> named(["survey/a.dat", "survey/b.dat", "survey/c.dat"])
    'a.dat, b.dat and 1 more'
    """
    more = f" and {len(files) - 2:,} more" if len(files) > 2 else ""
    return ", ".join(Path(file).name for file in files[:2]) + more or "the data"


def require_drawable(path: Path, run: Run, *, force: bool) -> None:
    """Raise a Fault unless a page can be drawn and written there."""
    verb_of(run.verbs, run.application, "draw")
    check_target(path, force=force)


def write_page(path: Path, run: Run, model: nn.Module, source: Source, query: Any, name: str) -> int:
    """Draw the first objects of a source on a page, and give how many they are; `name` is that of the data."""
    verb = verb_of(run.verbs, run.application, "draw")
    drawn = chain.from_iterable(verb(model, chunk, query) for chunk in source.chunks())
    found: list[Figure] = list(islice(drawn, SHOWN + 1))
    figures = [replace(figure, name=f"example-{k}") for k, figure in enumerate(found[:SHOWN], 1)]  # over all chunks
    if not figures:
        raise no_object(source, name)
    said_by = run.path.name if run.path else run.application
    about = {
        "application": run.application, "title": f"What {said_by} says of {name}", "objects": len(figures),
        "part": f"{name}, the first of more" if len(found) > SHOWN else name,
    }  # fmt: skip
    card = {"application": run.application} | run.card | {"settings": layers.plain(run.settings)}
    write_text(path, page(card, about, figures=figures))
    return len(figures)
