"""The files that a path stands for: itself, those of a folder, glob or archive, each decompressed."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from skysure import limits
from skysure.errors import InputError

from .archives import Archive, kind_of_archive
from .damage import file_errors
from .packing import Total, compression, decompress, open_regular, read_whole

HEAD = 16384
SUFFIXES = {
    ".parquet": "parquet", ".parq": "parquet", ".pq": "parquet", ".fits": "fits", ".fit": "fits", ".fts": "fits",
    ".ecsv": "ecsv", ".vot": "votable", ".votable": "votable", ".gz": "gzip", ".xz": "xz", ".bz2": "bzip2",
    ".tgz": "gzip", ".txz": "xz", ".tar": "tar", ".zip": "zip",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A file, or a member of an archive."""

    path: Path
    member: str = ""
    explicit: bool = False
    archive: Archive | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The path, and the member after a colon."""
        return printable(f"{self.path}:{self.member}" if self.member else str(self.path))

    @property
    def leaf(self) -> str:
        """Last part of the name."""
        return printable(PurePosixPath(self.member).name if self.member else self.path.name)

    @property
    def folder(self) -> str:
        """Folder, or archive and folder in it."""
        inside = f"{self.path}:{PurePosixPath(self.member).parent}"
        return printable(inside if self.member else str(self.path.parent))

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the content, decompressed; whatever goes wrong while it is read is an InputError with its name."""
        with file_errors(self.name):
            if self.member:
                with (self.archive or Archive(self.path)).open(self.member) as stream:
                    yield stream
                return
            raw = open_regular(self.path)
            with decompress(raw, self.name, os.fstat(raw.fileno()).st_size) as stream:
                yield stream

    def read(self) -> bytes:
        """Read the whole content, decompressed, into memory."""
        with self.open() as stream:
            return read_whole(stream, self.name, packed=not self.plain)

    @property
    def plain(self) -> bool:
        """Whether the file lies on disk as it is, so that it may be mapped into memory."""
        if self.member:
            return False
        with file_errors(self.name), open_regular(self.path) as stream:
            return compression(stream.read(8)) == ""


def printable(name: str) -> str:
    r"""Name of a file as text that can be printed and stored: bytes that are not UTF-8 become escapes.

    >>> print(printable("night\udcff.csv"))
    night\xff.csv
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace") if not name.isascii() else name


def walk(
    paths: Iterable[str | Path], within_folders: bool = True,
    set_aside: Callable[[Path, InputError], None] | None = None, total: Total | None = None,
) -> Iterator[tuple[Entry, bytes]]:  # fmt: skip
    """Walk over files, folders, globs and archives; with each file comes the head of its content.

    An archive in a folder is opened where `within_folders` says so, else it comes as a file. Pipes, sockets and devices
    in a folder are passed over. `set_aside` is called with a file of a folder or glob that cannot be opened, whose
    error is raised otherwise. `total` counts the bytes that are unpacked.

    Raises
    ------
    InputError
        For a path that does not exist or is no regular file, and an archive that is truncated.
    """
    total = total or Total()
    for pattern in paths:
        path = Path(pattern)
        if path.is_dir():
            for file in files_in_folder(path):
                yield from _or_set_aside(file, _expand(file, False, total, unpack=within_folders), set_aside)
        elif os.path.lexists(path):
            yield from _expand(path, True, total)
        elif glob.has_magic(str(pattern)) and (files := files_of_glob(str(pattern))):
            for file in files:
                if file.is_dir():
                    yield from walk([file], within_folders, set_aside, total)
                else:
                    yield from _or_set_aside(file, _expand(file, False, total), set_aside)
        else:
            raise InputError(
                printable(str(pattern)), "a file, folder, glob or archive", "there is no such file", "check the path"
            )


def _or_set_aside(
    path: Path, files: Iterator[tuple[Entry, bytes]], set_aside: Callable[[Path, InputError], None] | None
) -> Iterator[tuple[Entry, bytes]]:
    try:
        yield from files
    except InputError as error:
        if set_aside is None:
            raise
        set_aside(path, error)


def contents(entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes]]:
    """Walk through the whole content of files, unpacking every archive once, in its order."""
    waiting: dict[str, Entry] = {}
    total = Total()
    last: Entry | None = None
    for entry in entries:
        if last and waiting and entry.path != last.path:
            yield from _unpack(last, waiting, total)
            waiting = {}
        if entry.member:
            last, waiting[entry.member] = entry, entry
        else:
            yield entry, entry.read()
    if last and waiting:
        yield from _unpack(last, waiting, total)


def is_archive(head: bytes) -> bool:
    """Whether decompressed content is that of a tar or zip archive."""
    return kind_of_archive(head) != ""


def bare(leaf: str) -> str:
    """Name in lower case, without the suffix of its compression."""
    return re.sub(r"\.(gz|xz|bz2)$", "", leaf.lower())


def files_of_glob(pattern: str) -> list[Path]:
    """Regular files and folders of a pattern, in order; `**` follows no links, which may lead round in circles."""
    if "**" in pattern:
        anchor = Path(pattern).anchor
        matches = Path(anchor or ".").glob(pattern.removeprefix(anchor))
        paths = sorted(p for p in matches if not any(part.startswith(".") for part in p.parts))
    else:
        paths = [Path(p) for p in sorted(glob.glob(pattern))]
    return [p for p in paths if p.is_dir() or not _is_special(p)]


def files_in_folder(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[Path]:
    """Files of a folder in order of name, without pipes, sockets and devices; a link to a folder above is passed over.

    Of a HATS catalogue, only the partitions of its primary table.
    """
    with file_errors(printable(str(folder)), "a folder", "check the folder and its permissions"):
        status = os.stat(folder)
        names = _names_to_read(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    if len(above) >= limits.current().nesting:
        raise limits.exceeded(printable(str(folder)), "folders within folders", "nesting", "links, or a damaged disk")
    for name in names:
        path = folder / name
        if path.is_dir():
            yield from files_in_folder(path, above | {here})
        elif not _is_special(path):
            yield path


def _names_to_read(folder: Path) -> list[str]:
    """Names in a folder, without those that are hidden."""
    names = sorted(os.listdir(folder))
    partitions = [n for n in names if re.match(r"(Norder|Dir)=", n)]
    if "collection.properties" in names:
        with open_regular(folder / "collection.properties") as stream:
            text = stream.read(HEAD).decode("utf-8", "replace")
        primary = re.search(r"^\s*hats_primary_table_url\s*=\s*(\S+)", text, re.MULTILINE)
        names = [primary[1].strip("/")] if primary and primary[1].strip("/") in names else names
    elif "dataset" in names and {"properties", "hats.properties"} & set(names):
        names = ["dataset"]
    elif partitions:
        names = partitions
    return [name for name in names if not name.startswith((".", "_"))]


def _is_special(path: Path) -> bool:
    """Whether a path is a pipe, a socket or a device; a link that leads nowhere is not: its file is missing."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _expand(path: Path, explicit: bool, total: Total, unpack: bool = True) -> Iterator[tuple[Entry, bytes]]:
    name = printable(str(path))
    with file_errors(name):
        _require_target(path, name)
        with open_regular(path) as raw:
            packed, size = compression(raw.peek(8)), os.fstat(raw.fileno()).st_size  # type: ignore[attr-defined]
            with decompress(raw, name, size) as stream:
                head = stream.read(HEAD)
        claimed = SUFFIXES.get(path.suffix.lower(), "")
        if claimed in ("gzip", "xz", "bzip2") and packed != claimed:
            raise InputError(name, f"{claimed} compression", "its content is not compressed so", "fetch it again")
        if not is_archive(head) and (claimed in ("tar", "zip") or re.search(r"\.(tar\.\w+|tgz|txz)$", path.name)):
            raise InputError(name, "an archive", "it is empty, truncated or something else", "fetch it again")
        if not is_archive(head) or not unpack:
            yield Entry(path, explicit=explicit), head
            return
        archive = Archive(path)
        for member, stream in archive.walk(total):
            yield Entry(path, member, archive=archive), stream.read(HEAD)


def _require_target(path: Path, name: str) -> None:
    """Raise InputError for a link to a file that is not there, or to itself."""
    if path.is_symlink() and not path.exists():
        raise InputError(
            name, "a link to a file", f"it leads to '{printable(os.readlink(path))}', which is missing or leads back",
            "mend or remove the link",
        )  # fmt: skip


def _unpack(last: Entry, waiting: dict[str, Entry], total: Total) -> Iterator[tuple[Entry, bytes]]:
    with file_errors(printable(str(last.path))):
        for name, stream in (last.archive or Archive(last.path)).walk(total):
            if entry := waiting.pop(name, None):
                yield entry, read_whole(stream, entry.name, packed=True)
            if not waiting:
                return
