"""Writers of predictions, registered by the suffixes of files and the kinds of prediction that they can write.

`--out` looks up its files here. A table can hold every kind; another form (a page, a file of samples) is registered
with the kinds it is for, from the module that writes it. A form of one application is not registered: the application
declares it in `FORMS`, and it is looked up here among those of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from skysure.data.results.publication import Publication
from skysure.errors import InputError, nearest

from .prediction import Prediction


@dataclass(frozen=True)
class Task:
    """What is predicted from what: all that a writer may need beside the answers.

    Parameters
    ----------
    run : Run
    model : nn.Module
        The model of the run, on its device.
    query : dataclass
        The application's Query.
    data : str
        Name of the data in a few words.
    metadata : mapping
        What a file should say about its origin.
    identity : mapping, optional
        What makes two predictions the same, so that an interrupted one can be resumed; None: it cannot.
    force, resume : bool
    publication : Publication, optional
        Where files that a writer opens with `file` take their names together with those of the other writers.
    """

    run: Any
    model: Any
    query: Any
    data: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] | None = None
    force: bool = False
    resume: bool = False
    publication: Publication | None = None


@dataclass(frozen=True)
class Answer:
    """A chunk of data, and what the model predicts for it: computed when a writer first asks.

    Parameters
    ----------
    key : str
        Identifies the chunk when a prediction is resumed.
    chunk : object
    predict : callable
        Chunk to prediction.
    """

    key: str
    chunk: Any
    predict: Callable[[Any], Prediction]

    @cached_property
    def prediction(self) -> Prediction:
        """The prediction for the chunk."""
        return self.predict(self.chunk)

    @property
    def is_computed(self) -> bool:
        """Whether a writer has asked for the prediction."""
        return "prediction" in self.__dict__


class Writer(Protocol):
    """Writes answers one by one: a context manager that leaves complete files, or after an error none."""

    @property
    def rows(self) -> int:
        """Number of rows (of a page: objects) written so far."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether it needs no further answers."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the files has to know, once they are written."""
        ...

    def has(self, key: str) -> bool:
        """Whether an interrupted prediction has written the chunk of this key; asked once for each, in order."""
        ...

    def write(self, answer: Answer) -> None:
        """Add an answer."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


@dataclass(frozen=True)
class Form:
    """A form that predictions can take in a file.

    Parameters
    ----------
    name : str
        "table", "page", ...
    suffixes : tuple of str
        In lower case, with the dot.
    writer : callable
        (paths, task) to a `Writer` of all these files; raises InputError where one cannot be written.
    kinds : tuple of types
        The kinds of prediction that it can hold; by default all.
    counts : str
        What its writer's `rows` counts: "row" or "object".
    """

    name: str
    suffixes: tuple[str, ...]
    writer: Callable[[Sequence[Path], Task], Writer]
    kinds: tuple[type[Prediction], ...] = (Prediction,)
    counts: str = "row"


_forms: list[Form] = []


def register(form: Form) -> None:
    """Add a form; its suffixes must be new.

    Raises
    ------
    ValueError
        Where a suffix belongs to another form.
    """
    if duplicates := set(form.suffixes) & {s for registered in _forms for s in registered.suffixes}:
        raise ValueError(f"{', '.join(sorted(duplicates))} already has a writer")
    _forms.append(form)


def form_of(path: Path, more: Sequence[Form] = ()) -> Form:
    """Return the form that the suffix of a file names, among those registered and `more` of an application.

    Raises
    ------
    InputError
        Where no form has that suffix; its text lists those that there are.
    """
    forms = [*_forms, *more]
    matches = [(len(s), form) for form in forms for s in form.suffixes if _ends_with(path, s)]
    if not matches:
        suffix = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
        close = nearest(suffix, [s for form in forms for s in form.suffixes])
        raise InputError(
            f"{path}: {f'unknown suffix {suffix}' if suffix else 'no suffix'}", suffixes_for(Prediction, more),
            f"a misspelt suffix ({close})" if suffix and close.startswith("nearest") else "",
            f"name it, for instance, {path.name.split('.')[0] or 'table'}.parquet",
        )  # fmt: skip
    return max(matches, key=lambda match: match[0])[1]


def require_kind(form: Form, paths: Iterable[Path], prediction: Prediction) -> None:
    """Raise InputError, with the suffixes that are possible, where a form cannot hold this kind of prediction."""
    if not isinstance(prediction, form.kinds):
        kind = type(prediction)
        files = ", ".join(map(str, paths))
        raise InputError(f"{files}: a {form.name} cannot hold {kind.__name__}", suffixes_for(kind))


def suffixes_for(kind: type[Prediction], more: Sequence[Form] = ()) -> str:
    """List the suffixes of files that can hold a kind of prediction (of `Prediction`: any kind)."""
    able = [form for form in (*_forms, *more) if issubclass(kind, form.kinds) or kind is Prediction]
    return "; ".join(f"{form.name}: {' '.join(form.suffixes)}" for form in able)


def _ends_with(path: Path, suffix: str) -> bool:
    return path.name.lower().endswith(suffix) and len(path.name) > len(suffix)
