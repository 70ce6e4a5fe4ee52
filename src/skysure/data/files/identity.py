"""What tells data in files apart: number, size and a checksum of their content, or their times alone."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .damage import file_errors
from .entries import files_in_folder, files_of_glob


def identify_files(paths: Iterable[str | Path], outputs: Sequence[str | Path] = ()) -> dict[str, Any]:
    """Identify the content of files, so that a run that is resumed can tell whether its data are the same.

    Parameters
    ----------
    paths : iterable of path
        Files, folders, globs and archives, as a reader takes them; of one that does not exist nothing is said.
    outputs : sequence of path
        What is written meanwhile: neither these files nor those whose names they begin (`OUT.partial`) count.

    Returns
    -------
    dict
        `files` (their number), `bytes` (of all), and `sha256` of the name, size and content of each, in their order.

    Raises
    ------
    InputError
        Where a file cannot be read.

    Examples
    --------
    >>> identify_files(["no-such-file.csv"])["files"]
    0
    """
    digest, number, total = hashlib.sha256(), 0, 0
    for path, name in _named_files(paths):
        if _is_output(path, outputs):
            continue
        with file_errors(str(path)):
            size, content_hash = path.stat().st_size, _hash_of(path)
        number, total = number + 1, total + size
        digest.update(f"{len(name)}:{name}:{size}:{content_hash}\n".encode(errors="surrogateescape"))
    return {"files": number, "bytes": total, "sha256": digest.hexdigest()}


def stamp_of(paths: Iterable[str | Path]) -> str:
    """Return a hash of the names, sizes and times of the files of paths, without reading them.

    The same stamp means that nothing was written; another one, that the content has to be compared.

    >>> stamp_of([]) == stamp_of(["no such file"])
    True
    """
    digest = hashlib.sha256()
    for path, name in _named_files(paths):
        facts = ()
        with suppress(OSError):  # a file that cannot be read is for the reader to tell
            status = path.stat()
            facts = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        digest.update(f"{os.path.abspath(path)}\0{name}\0{facts}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _named_files(paths: Iterable[str | Path]) -> Iterator[tuple[Path, str]]:
    """Walk over the files of paths, each with its name below the path that was given."""
    for pattern in paths:
        path = Path(pattern)
        if path.is_dir():
            yield from ((file, str(file.relative_to(path))) for file in files_in_folder(path))
        elif path.exists():
            yield path, path.name
        elif glob.has_magic(str(pattern)):
            yield from _named_files(files_of_glob(str(pattern)))


def _is_output(path: Path, outputs: Sequence[str | Path]) -> bool:
    place = os.path.abspath(path)
    names = [os.path.abspath(output) for output in outputs]
    return any(place == name or place.startswith((name + ".", name + os.sep)) for name in names)


def _hash_of(path: Path) -> str:
    """Hash the content of a regular file; reading anything else might never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        return ""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
