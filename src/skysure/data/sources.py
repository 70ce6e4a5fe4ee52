"""Sources yield objects in chunks of bounded size: from memory, from files, or a part of another source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .split import PARTS, Split

TRAIN, VALIDATION, CALIBRATION, TEST = PARTS

T = TypeVar("T")


class Index(NamedTuple):
    """The objects of a source without their data.

    Parameters
    ----------
    ids : ndarray of str, shape (object,)
    groups : ndarray of str, shape (object,)
        Objects of one group (host, template, sky field, lens) belong in the same part; "" is no group.
    """

    ids: np.ndarray
    groups: np.ndarray


class Source(ABC):
    """Objects of an application; they can be iterated as often as needed, always the same in the same order.

    A chunk is a number of objects: it has a length and `ids` of shape (object,), may have `groups`, and a mask or an
    array of indices selects some of them.

    A subclass gives `schema` and `chunks`. It overrides `index` where ids and groups are known without reading the
    data, and `take` where objects can be read one by one (images).

    Attributes
    ----------
    schema : dataclass
        What the application has to know about the data: bands, classes, ranges, shapes.
    has_parts : bool
        Whether `chunks("train")` differs from `chunks("test")`; if not, each gives all objects.
    rejected : sequence
        Objects that the last iteration could not use, each a dataclass with `id`, `file`, `row` and `reason`. If they
        are very many, a source may list only the first.
    rejected_count : int
        Number of all objects that could not be used.
    notes : sequence of str
        What was done to the data, a sentence each.
    dropped : int
        Number of objects that the last iteration left out because a model was trained or calibrated on them.
    """

    schema: Any
    has_parts: bool = False
    rejected: Sequence[Any] = ()
    notes: Sequence[str] = ()
    dropped: int = 0

    @property
    def rejected_count(self) -> int:
        """Number of objects that cannot be used."""
        return len(self.rejected)

    @abstractmethod
    def chunks(self, part: str | None = None) -> Iterator[Any]:
        """Iterate over the objects of a part, or over all."""

    def index(self, progress: Callable[[int], None] | None = None) -> Index:
        """Return ids and groups of all objects; the first call may read the data, later ones do not.

        `progress` is called with the number of objects read so far.
        """
        return cached_index(self, self.chunks, progress)

    def expected(self, chunk: Any) -> int | None:
        """Return about how many objects there will be, judged by the first chunk; None where that is not known."""
        return None

    def take(self, ids: np.ndarray) -> Iterator[Any]:
        """Iterate over the objects with these ids, in the order of the source; unknown ids are ignored."""
        wanted = np.sort(ids)
        for chunk in self.chunks():
            mask = is_in_sorted(chunk.ids, wanted)
            if mask.any():
                yield chunk if mask.all() else chunk[mask]


def cached_index(
    source: Source, chunks: Callable[[], Iterator[Any]], progress: Callable[[int], None] | None = None
) -> Index:
    """Return the index of a source from one iteration over `chunks()`; it is kept with the source."""
    if "_index" not in vars(source):
        ids, groups, count = [np.zeros(0, str)], [np.zeros(0, str)], 0
        for chunk in chunks():
            ids.append(chunk.ids)
            groups.append(groups_of(chunk))
            count += len(chunk)
            if progress:
                progress(count)
        vars(source)["_index"] = Index(np.concatenate(ids), np.concatenate(groups))
    return vars(source)["_index"]


def groups_of(chunk: Any) -> np.ndarray:
    """Return the groups of the objects of a chunk; one without `groups` has none."""
    return getattr(chunk, "groups", np.full(len(chunk), ""))


def is_in_sorted(values: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """Whether each value is among the sorted values `ranked`.

    >>> is_in_sorted(np.array(["a", "c", "x"]), np.array(["a", "b", "c"])).tolist()
    [True, True, False]
    """
    if len(ranked) == 0:
        return np.zeros(len(values), bool)
    return ranked[np.minimum(np.searchsorted(ranked, values), len(ranked) - 1)] == values


@dataclass(frozen=True)
class InMemorySource(Source):
    """A source of chunks in memory; every part gives all of them.

    Parameters
    ----------
    schema : dataclass
    held : sequence of chunks
    """

    schema: Any
    held: Sequence[Any]

    def chunks(self, part: str | None = None) -> Iterator[Any]:
        """Iterate over the chunks."""
        yield from self.held

    def expected(self, chunk: Any) -> int:
        """Return the number of objects."""
        return sum(map(len, self.held))


class DerivedSource(Source):
    """A source made from another one: unless a subclass says otherwise, what is known of the data is that of the other.

    Attributes
    ----------
    source : Source
    """

    source: Source

    @property
    def schema(self) -> Any:
        """Schema of the whole source."""
        return self.source.schema

    @property
    def rejected(self) -> Sequence[Any]:
        """Objects of the whole source that cannot be used."""
        return self.source.rejected

    @property
    def rejected_count(self) -> int:
        """Number of objects of the whole source that cannot be used."""
        return self.source.rejected_count

    @property
    def notes(self) -> Sequence[str]:
        """What was done to the data."""
        return self.source.notes

    @property
    def dropped(self) -> int:
        """Number of objects of the whole source left out because a model has seen them."""
        return self.source.dropped

    def expected(self, chunk: Any) -> int | None:
        """Return about how many objects the whole source has."""
        return self.source.expected(chunk)


@dataclass(frozen=True)
class SplitSource(DerivedSource):
    """A source whose objects belong to parts: train, validation, calibration, test.

    Parameters
    ----------
    source : Source
    split : Split
    """

    source: Source
    split: Split
    has_parts = True

    @property
    def counts(self) -> dict[str, int]:
        """Number of objects of each part."""
        return {part: n for part in PARTS if (n := len(self.split.of(part)))}

    def index(self, progress: Callable[[int], None] | None = None) -> Index:
        """Return ids and groups of all objects of the source, of any part or none."""
        return self.source.index(progress)

    def chunks(self, part: str | None = None) -> Iterator[Any]:
        """Iterate over the objects of a part, or with None over all, also those of no part."""
        return self.source.chunks() if part is None else self.take(self.split.of(part))

    def take(self, ids: np.ndarray) -> Iterator[Any]:
        """Iterate over the objects with these ids."""
        return self.source.take(ids)


def read_ahead(chunks: Iterator[T]) -> Generator[T, None, None]:
    """Yield chunks while another thread reads the next one; closing the generator waits for that thread.

    >>> list(read_ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    with ThreadPoolExecutor(1, "read_ahead") as thread:
        pending = thread.submit(next, chunks, None)
        while (chunk := pending.result()) is not None:
            pending = thread.submit(next, chunks, None)
            yield chunk


class ChunkCache:
    """Keeps the chunks of a complete iteration if they fit into memory, so that data are not read or drawn again.

    Parameters
    ----------
    limit : int
        Largest size of all chunks [byte].
    """

    def __init__(self, limit: int = 2**29) -> None:
        self.limit = limit
        self.kept: list[Any] | None = None

    def keep(self, chunks: Iterator[Any]) -> Iterator[Any]:
        """Yield chunks, and keep them after the last one, unless they are too large."""
        cached: list[Any] | None = []
        size = 0
        for chunk in chunks:
            size += memory_size(vars(chunk))
            if size > self.limit:
                cached = None
            if cached is not None:
                cached.append(chunk)
            yield chunk
        self.kept = cached


def memory_size(values: Any) -> int:
    """Size of an array, or of all arrays in nested mappings [byte].

    >>> memory_size({"time": np.zeros(3), "objects": {"redshift": np.zeros(1)}})
    32
    """
    if isinstance(values, Mapping):
        return sum(map(memory_size, values.values()))
    return values.nbytes if isinstance(values, np.ndarray) else 0
