"""Files to be written: checked before any work is done, written whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import IO

from skysure.errors import InputError

NAME_BYTES = 240
"""Longest name of a file: most file systems have 255, of which a temporary name needs some."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def check_target(path: Path, *, force: bool) -> None:
    """Raise an InputError unless `path` can be written: its folder exists, is writable, and nothing is replaced."""
    with os_errors(path):
        _check_target(path, force)


def _check_target(path: Path, force: bool) -> None:
    folder = path.absolute().parent
    if not folder.is_dir():
        parent = next(f for f in folder.parents if f.exists())
        raise InputError(
            f"{path}: no folder {folder}",
            "a folder that exists",
            f"a typing error; {parent} exists",
            f"mkdir -p {quote(str(folder))}",
        )
    if len(os.fsencode(path.name)) > NAME_BYTES:
        raise InputError(f"{path.name[:60]}...: a name of {len(path.name)} characters", f"at most {NAME_BYTES} bytes")
    if path.is_dir():
        raise InputError(f"{path} is a folder", "the name of a file", "", f"name one in it: {path / 'table.parquet'}")
    if path.exists() and not force:
        raise InputError(f"{path} exists", "a new name", "it was written before", "replace it with --force")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _not_writable(path, "permission denied")


def keep_inputs(outputs: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Raise an InputError where an output would replace a file that is read, which `--force` does not mean.

    Parameters
    ----------
    outputs : iterable of Path
    inputs : iterable of path
        Files; others (folders, globs) are not looked into.
    """
    files = [Path(file) for file in inputs if os.path.isfile(file)]
    for path in outputs:
        if os.path.isfile(path) and not path.is_symlink() and any(path.samefile(file) for file in files):
            raise InputError(f"{path} is read", "another name", "it would replace its own data", "name another file")


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into an InputError that names `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in FULL:
            raise InputError(
                f"{path} could not be written whole",
                "room on the disk for twice the table",
                f"the disk is full or a quota is reached ({reason})",
                "free some space or name another folder",
            ) from error
        raise _not_writable(path, reason) from error


def _not_writable(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} cannot be written",
        "a writable folder",
        reason,
        "name another folder, or change its permissions",
    )


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file under a temporary name beside `path`; it takes the name when the block ends without error."""
    temporary = unfinished(path)
    with os_errors(path):
        try:
            with temporary.open("wb") as file:
                yield file
                synced(file)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def unfinished(path: Path) -> Path:
    """Return the temporary name; always the same, so that what a crash leaves is replaced."""
    return path.with_name(f".{path.name}.unfinished")


def synced(file: IO[bytes]) -> None:
    """Flush what was written to the disk, where a full disk raises its error."""
    file.flush()
    os.fsync(file.fileno())


def require_room(file: IO[bytes], size: int) -> None:
    """Raise an OSError where a disk, a quota or a limit has no room for `size` bytes more in an empty file.

    For libraries that do not survive a full disk (HDF5 crashes). Some systems (macOS) cannot tell beforehand.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        file.truncate(0)
