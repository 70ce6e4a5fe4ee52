"""Text as lines: read block by block, so that neither a long file nor a long line fills memory."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO, Any

from skysure import limits

from .entries import HEAD


class Pieces(io.RawIOBase):
    """Pieces of bytes, as they come, as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def read_head(stream: IO[bytes], name: str) -> bytes:
    """Read up to the line below the header, however long the header and the comments above it are."""
    head = b""
    while chunk := stream.read(max(HEAD, len(head))):
        head += chunk
        lines = head.splitlines(keepends=True)
        first = next((k for k, line in enumerate(lines) if line.strip() and line[:1] != b"#"), len(lines))
        if (size := sum(map(len, lines[: first + 1]))) > limits.current().header:
            raise limits.exceeded(name, f"its first {size:,} bytes hold no row", "header", "no table of text")
        if first + 3 < len(lines):
            break
    return head


def blocks_of_lines(stream: IO[bytes], name: str, size: int) -> Iterator[list[bytes]]:
    """Read the lines of a stream that are not empty, some bytes at a time; raises InputError for one without end."""
    rest = b""
    while block := stream.read(size):
        *lines, rest = re.sub(rb"\n\n+", b"\n", rest + block).splitlines(keepends=True)
        if len(rest) > limits.current().header:
            raise limits.exceeded(name, f"a line of more than {len(rest):,} bytes", "header", "no table of text")
        yield lines
    yield [rest]
