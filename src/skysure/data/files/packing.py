"""Regular files and what is packed in them, unpacked as it is read and counted on the way."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from skysure import limits
from skysure.errors import InputError

PIECE = 1 << 20
SPECIAL = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip
OPENERS: dict[str, Any] = {"gzip": gzip.open, "xz": lzma.open, "bzip2": bz2.open}
BOMB = "a decompression bomb, or data that pack unusually well"


def open_regular(path: Path | str) -> IO[bytes]:
    """Open a regular file for reading; a pipe or device would be waited for, or never end.

    Raises
    ------
    InputError
        Where the path is a folder, a named pipe, a socket or a device.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISSOCK(mode):  # which cannot be opened
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
    what = next((text for is_kind, text in SPECIAL if is_kind(mode)), "no file")
    raise InputError(f"{path} is {what}", "a regular file", "", "write its content to a file")


def compression(head: bytes) -> str:
    """Name the compression by the first bytes."""
    for kind, magic in (("gzip", b"\x1f\x8b"), ("xz", b"\xfd7zXZ\0"), ("bzip2", b"BZh")):
        if head.startswith(magic):
            return kind
    return ""


class Total:
    """Bytes unpacked in one pass over everything that is given."""

    def __init__(self) -> None:
        self.count, self._most = 0, limits.current().unpacked_total

    def add(self, count: int, name: str) -> None:
        """Count bytes more; raises InputError beyond the limit."""
        self.count += count
        if self.count > self._most:
            raise limits.exceeded(name, f"{self.count:,} bytes unpacked up to here", "unpacked_total", "very much data")


class Unpacked(io.RawIOBase):
    """A stream that counts what is unpacked, and stops where that is out of proportion.

    Parameters
    ----------
    stream : binary stream
    name : str
        Of the file in messages.
    packed : int
        Bytes that it takes as it is.
    most : str
        Name of the limit of its bytes; "" for none of its own.
    total : Total, optional
    """

    def __init__(self, stream: Any, name: str, packed: int, most: str = "", total: Total | None = None) -> None:
        bounds = limits.current()
        self._stream, self._name, self._total, self._limit = stream, name, total, most
        self._count, self._most = 0, getattr(bounds, most) if most else None
        self._by_ratio = max(limits.RATIO_FROM, bounds.unpacked_ratio * packed)

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes; raises InputError beyond a limit."""
        size = self._stream.readinto(buffer) or 0
        self._count += size
        if self._count > self._by_ratio:
            raise limits.exceeded(self._name, "too many bytes unpacked for each of its bytes", "unpacked_ratio", BOMB)
        if self._most is not None and self._count > self._most:
            raise limits.exceeded(self._name, f"{self._count:,} bytes unpacked, and more to come", self._limit, BOMB)
        if self._total is not None:
            self._total.add(size, self._name)
        return size


@contextmanager
def decompress(
    raw: IO[bytes], name: str, packed: int, most: str = "", total: Total | None = None
) -> Iterator[IO[bytes]]:
    """Read through the compression of a stream, if it has one, and close it in the end.

    Parameters
    ----------
    raw : buffered binary stream
    name : str
    packed : int
        Its size in bytes.
    most : str
        Name of the limit of the bytes that may be unpacked; "" for none beside the ratio.
    total : Total, optional
        Counts them too.
    """
    with raw:
        opener = OPENERS.get(compression(raw.peek(8)))  # type: ignore[attr-defined]
        if opener is None:
            yield raw
            return
        with opener(raw) as stream:
            yield io.BufferedReader(Unpacked(stream, name, packed, most, total), PIECE)


def read_whole(stream: IO[bytes], name: str, *, packed: bool) -> bytes:
    """Read a stream into memory; raises InputError where what is packed is too large for that."""
    if not packed:
        return stream.read()
    most = limits.current().unpacked_file
    content = io.BytesIO()
    while piece := stream.read(PIECE):
        if content.tell() + len(piece) > most:
            raise limits.exceeded(
                name, "unpacked, it has more bytes than are read into memory at once", "unpacked_file", BOMB
            )
        content.write(piece)
    return content.getvalue()
