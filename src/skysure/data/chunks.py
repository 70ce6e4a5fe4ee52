"""Objects in arrays of equal length: the chunks of sources whose objects all have the same shape."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from math import prod
from typing import Any, Self

import numpy as np
from astropy.table import QTable


@dataclass(frozen=True)
class Chunk:
    """Some objects; a subclass adds its fields, each an array with objects along its first axis.

    `len(chunk)` is the number of objects, `chunk[indices]` selects some, `Images.concat(chunks)` joins several.

    Parameters
    ----------
    ids : ndarray of str, shape (object,)

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Images(Chunk):
    ...     pixel: np.ndarray
    >>> Images(np.array(["a", "b"]), np.zeros((2, 1, 3)))[1:].to_table().colnames
    ['id', 'pixel_0', 'pixel_1', 'pixel_2']
    """

    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, indices: Any) -> Self:
        """Select objects: a slice, a mask, or indices, in their order."""
        return type(self)(*(getattr(self, f.name)[indices] for f in fields(self)))

    @classmethod
    def concat(cls, chunks: Iterable[Self]) -> Self:
        """Join chunks, one at least."""
        several = list(chunks)
        return cls(*(np.concatenate([getattr(chunk, f.name) for chunk in several]) for f in fields(cls)))

    def to_table(self) -> QTable:
        """Give a table with `id` and a column per field; of a field of several axes, one per element."""
        return QTable(dict(self._columns()))

    def _columns(self) -> Iterator[tuple[str, np.ndarray]]:
        yield "id", self.ids
        for f in fields(self)[1:]:
            values = getattr(self, f.name)
            if values.ndim == 1:
                yield f.name, values
            else:
                elements = values.reshape(len(self), prod(values.shape[1:])).T
                yield from ((f"{f.name}_{k}", element) for k, element in enumerate(elements))


def checksum_of(chunk: Any) -> str:
    """Return the SHA-256 of all that a chunk holds: names, types, shapes and values of its arrays.

    >>> a, b = (Chunk(np.array([name])) for name in "ab")
    >>> checksum_of(a) == checksum_of(a[:]) != checksum_of(b)
    True
    """
    digest = hashlib.sha256()
    for content in _contents(chunk):
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return digest.hexdigest()


def _contents(value: Any) -> Iterator[bytes]:
    """Yield a nested structure of arrays piece by piece, each with what it is called and how it is stored."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in fields(value)}
    if isinstance(value, Mapping):
        for name in sorted(value, key=str):
            yield str(name).encode(errors="surrogateescape")
            yield from _contents(value[name])
        return
    array = np.ma.getdata(value) if isinstance(value, np.ndarray) else None
    if array is None or array.dtype.hasobject:
        yield repr(value if array is None else array.tolist()).encode(errors="surrogateescape")
        return
    yield f"{array.dtype.str}{array.shape}".encode()
    yield np.ascontiguousarray(array).tobytes()
    if isinstance(value, np.ma.MaskedArray):
        yield np.ma.getmaskarray(value).tobytes()
