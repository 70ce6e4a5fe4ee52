"""Whether files were written since: their sizes and times, without reading them."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def stamp_of(paths: Iterable[str | Path]) -> str:
    """Return a hash of the names, sizes and times of the files that paths (files, folders, globs) stand for.

    The same stamp means that nothing was written; another one, that the content has to be compared.

    >>> stamp_of([]) == stamp_of(["no such file"]) == stamp_of([])
    False
    """
    digest = hashlib.sha256()
    for path in paths:
        for file in _files(str(path)):
            digest.update(f"{file}\0{_facts(file)}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _files(path: str) -> Iterator[str]:
    if os.path.isdir(path):
        for folder, folders, names in os.walk(path):
            folders.sort()
            yield from (os.path.join(folder, name) for name in sorted(names))
    elif os.path.exists(path) or not glob.has_magic(path):
        yield path
    else:
        for match in sorted(glob.glob(path, recursive=True)):
            yield from _files(match)


def _facts(file: str) -> tuple[int, ...]:
    try:
        status = os.stat(file)
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
