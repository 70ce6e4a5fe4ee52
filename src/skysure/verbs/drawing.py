"""A page of figures: the first objects of some data, one by one, with what a trained model predicts for them.

The library that draws is imported where a page is written: a prediction to tables does without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from skysure.data.targets import check_target, replacing
from skysure.predictions.writers import Answer, Form, Task, register
from skysure.settings import plain

if TYPE_CHECKING:
    from skysure.report import Figure

SHOWN = 24
"""Objects on a page."""


class PageWriter:
    """Draw the first objects on a page, and write it to each of the files.

    Raises InputError where the application draws nothing, or where a file cannot be written.
    """

    notes = ()

    def __init__(self, paths: Sequence[Path], task: Task) -> None:
        self.paths, self.task = tuple(paths), task
        self._draw = task.run.verbs.draw
        self._figures: list[Figure] = []
        self._opened = task.publication.file if task.publication else replacing
        if not task.publication:
            for path in self.paths:
                check_target(path, force=task.force)

    @property
    def rows(self) -> int:
        """Number of objects on the page."""
        return min(len(self._figures), SHOWN)

    @property
    def is_full(self) -> bool:
        """Whether there are more objects than the page shows."""
        return len(self._figures) > SHOWN

    def has(self, key: str) -> bool:
        """Figures of an interrupted prediction are drawn again."""
        return self.is_full

    def write(self, answer: Answer) -> None:
        """Draw objects of an answer until the page is full."""
        figures = self._draw(self.task.model, answer.chunk, self.task.query)
        self._figures += islice(figures, SHOWN + 1 - len(self._figures))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            content = self._page().encode()
            for path in self.paths:
                with self._opened(path) as file:
                    file.write(content)

    def _page(self) -> str:
        from skysure.report import page

        run, data = self.task.run, self.task.data
        figures = [replace(figure, name=f"example-{k}") for k, figure in enumerate(self._figures[:SHOWN], 1)]
        about = {
            "kind": "Predictions", "application": run.application,
            "title": f"{run.path.name if run.path else run.application} on {data}",
            "objects": len(figures), "part": f"{data}, the first of more" if self.is_full else data,
        }  # fmt: skip
        card = {"application": run.application} | run.card | {"settings": plain(run.settings)}
        return page(card, about, figures=figures)


def is_page(path: Path) -> bool:
    """Whether the suffix of a file says that it is a page of figures, not a table."""
    return path.suffix.lower() == ".html"


def data_name(files: Sequence[str]) -> str:
    """Name data by their files, in a few words.

    >>> data_name(["survey/a.dat", "survey/b.dat", "survey/c.dat"])
    'a.dat, b.dat and 1 more'
    """
    more = f" and {len(files) - 2:,} more" if len(files) > 2 else ""
    return ", ".join(Path(file).name for file in files[:2]) + more or "the data"


register(Form("page", (".html",), PageWriter, counts="object"))
