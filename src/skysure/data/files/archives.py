"""Tar and zip archives: walked through in their order, or opened at any member without unpacking all before it."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import threading
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from skysure.errors import InputError

from .packing import PIECE, Total, Unpacked, compression, decompress, open_regular

IN_MEMORY = 1 << 26
"""Bytes of an unpacked archive up to which it is kept in memory; a larger one lies in a temporary file."""
KEPT = 4
"""Archives that are kept open, those used last."""
NAME_LENGTH = 4096
_open: list[weakref.ref[Archive]] = []
_lock = threading.RLock()


def kind_of_archive(head: bytes) -> str:
    """Return "tar" or "zip" by the beginning of decompressed content, "" where it is neither."""
    if head[257:262] == b"ustar":
        return "tar"
    return "zip" if head.startswith(b"PK\x03\x04") else ""


class _Ending:
    """A stream that may end only once: tarfile reads on at the end for as long as a header promises bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._has_ended = stream, False

    def read(self, size: int) -> bytes:
        """Read some bytes; raises EOFError where the end was reached before."""
        content = self._stream.read(size)
        if not content and self._has_ended:
            raise EOFError("it ends before its last file does")
        self._has_ended = not content
        return content


class Archive:
    """The files of an archive, which may be compressed as a whole.

    A compressed archive can only be read from its beginning on. The first time that a single file of it is opened, it
    is unpacked once, to memory or to a temporary file that the system removes with the process.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content: IO[bytes] | None = None
        self._members: dict[str, Any] = {}
        self._zip: zipfile.ZipFile | None = None
        self._size = self._readers = 0

    def __reduce__(self) -> tuple[type[Archive], tuple[Path]]:
        return Archive, (self.path,)

    def walk(self, total: Total | None = None) -> Iterator[tuple[str, IO[bytes]]]:
        """Walk through the files in their order; each has to be read before the next."""
        with self._unpacked(total) as stream:
            if kind_of_archive(stream.peek(512)) != "zip":  # type: ignore[attr-defined]
                yield from self._walk_tar(stream, total)
                return
        with self._in_use() as infos:
            for name in infos:
                with self.open(name, total) as plain:
                    yield name, plain

    @contextmanager
    def open(self, member: str, total: Total | None = None) -> Iterator[IO[bytes]]:
        """Open a file of the archive by its name, decompressed."""
        with self._in_use() as infos:
            if member not in infos:
                raise InputError(self._name(member), "a file of that archive", "there is none of that name")
            with (
                self._open_packed(infos[member], total) as (stream, size),
                decompress(stream, self._name(member), size, total=total) as plain,
            ):
                yield plain

    def close(self) -> None:
        """Close it; it is opened again where it is needed."""
        content, self._content, self._zip, self._members = self._content, None, None, {}
        if content is not None:
            content.close()

    @contextmanager
    def _in_use(self) -> Iterator[dict[str, Any]]:
        """Keep the archive open, and give what it says of each file."""
        with _lock:
            infos = self._infos()
            self._readers += 1
            _keep(self)
        try:
            yield infos
        finally:
            with _lock:
                self._readers -= 1

    @contextmanager
    def _open_packed(self, info: Any, total: Total | None) -> Iterator[tuple[IO[bytes], int]]:
        """Open a file of the archive as it is in there, with its size."""
        if self._zip is None:
            with tarfile.TarFile(fileobj=self._view()) as pack:
                stream = Unpacked(pack.extractfile(info), self._name(info.name), self._size)
                yield io.BufferedReader(stream, PIECE), info.size
            return
        try:
            packed = self._zip.open(info)
        except RuntimeError as error:  # a password, or a way of packing that Python does not know
            raise InputError(self._name(info.filename), "a file that can be unpacked", str(error)) from error
        with packed:
            stream = Unpacked(packed, self._name(info.filename), info.compress_size, "unpacked_archive", total)
            yield io.BufferedReader(stream, PIECE), info.file_size

    def _walk_tar(self, stream: IO[bytes], total: Total | None) -> Iterator[tuple[str, IO[bytes]]]:
        names: dict[str, Any] = {}
        with tarfile.open(fileobj=_Ending(stream), mode="r|") as pack:  # type: ignore[call-overload]
            for info in pack:
                if info.isfile():
                    self._add(names, info.name, None)
                    name = self._name(info.name)
                    packed = Unpacked(pack.extractfile(info), name, Path(self.path).stat().st_size)
                    with decompress(io.BufferedReader(packed, PIECE), name, info.size, total=total) as plain:
                        yield info.name, plain

    def _name(self, member: str) -> str:
        return f"{self.path}:{member}"

    @contextmanager
    def _unpacked(self, total: Total | None = None) -> Iterator[IO[bytes]]:
        if self._content is not None:
            yield self._view()
            return
        raw = open_regular(self.path)
        with decompress(raw, str(self.path), os.fstat(raw.fileno()).st_size, "unpacked_archive", total) as stream:
            yield stream

    def _infos(self) -> dict[str, Any]:
        """What the archive says of each file, read once."""
        if self._content is None:
            self._content = self._whole()
            weakref.finalize(self, self._content.close)
            self._size = self._content.seek(0, os.SEEK_END)
            try:
                self._members = self._list()
            except BaseException:
                self.close()
                raise
        return self._members

    def _list(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        if kind_of_archive(self._view().read(512)) == "zip":
            self._zip = zipfile.ZipFile(self._view())
            for info in self._zip.infolist():
                if not info.is_dir():
                    self._add(members, info.filename, info)
            return members
        with tarfile.TarFile(fileobj=self._view()) as pack:
            for info in pack:
                if info.isfile():
                    self._add(members, info.name, info)
        return members

    def _add(self, members: dict[str, Any], name: str, info: Any) -> None:
        """Add a file to those of the archive; raises InputError for a second one of its name, which is hidden."""
        if len(name) > NAME_LENGTH:
            raise InputError(
                f"{self.path}: a name of {len(name):,} characters", f"at most {NAME_LENGTH:,}", "a hostile archive"
            )
        if name in members:
            raise InputError(
                f"{self.path}: two files are called '{name}'", "each name once",
                "an archive to which a newer version of the file was added", "unpack it, and give the files",
            )  # fmt: skip
        members[name] = info

    def _whole(self) -> IO[bytes]:
        """Open the archive as it is where it is not compressed, else unpack it."""
        raw = open_regular(self.path)
        if not compression(raw.peek(8)):  # type: ignore[attr-defined]
            return raw
        raw.close()
        content: Any = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115, closed with the archive
        try:
            with self._unpacked() as stream:
                while piece := stream.read(PIECE):
                    self._write(content, piece)
        except BaseException:
            content.close()
            raise
        return content

    def _write(self, content: IO[bytes], piece: bytes) -> None:
        try:
            content.write(piece)
        except OSError as error:
            raise InputError(
                f"{self.path}: {error.strerror or error}", f"space to unpack it in {tempfile.gettempdir()}",
                "that disk is full", "set TMPDIR to a folder on a larger disk, or unpack the archive",
            ) from error  # fmt: skip

    def _view(self) -> io.BufferedReader:
        assert self._content is not None
        return io.BufferedReader(_View(self._content))


class _View(io.RawIOBase):
    """A file that several read at once, each from a position of its own."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._position = file, 0

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether its position can be set."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position."""
        with _lock:
            if whence == os.SEEK_END:
                offset += self._file.seek(0, os.SEEK_END)
        self._position = offset + (self._position if whence == os.SEEK_CUR else 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read some bytes."""
        with _lock:
            self._file.seek(self._position)
            piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


def _keep(archive: Archive) -> None:
    """Close what was used longest ago, so that few archives are open at once."""
    others = [other for ref in _open if (other := ref()) is not None and other is not archive]
    for other in others[: -KEPT + 1]:
        if not other._readers:
            others.remove(other)
            other.close()
    _open[:] = [weakref.ref(other) for other in (*others, archive)]
