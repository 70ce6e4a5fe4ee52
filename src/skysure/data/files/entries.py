"""The files that a path stands for: itself, those of a folder, glob or archive, each decompressed."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from skysure.errors import InputError

HEAD = 16384
SUFFIXES = {
    ".parquet": "parquet", ".parq": "parquet", ".pq": "parquet", ".fits": "fits", ".fit": "fits", ".fts": "fits",
    ".ecsv": "ecsv", ".vot": "votable", ".votable": "votable", ".gz": "gzip", ".xz": "xz", ".bz2": "bzip2",
    ".tgz": "gzip", ".txz": "xz", ".tar": "tar", ".zip": "zip",
}  # fmt: skip
DAMAGE = (
    EOFError, OSError, NotImplementedError, lzma.LZMAError, zlib.error, tarfile.ReadError, zipfile.BadZipFile
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A file, or a member of an archive."""

    path: Path
    member: str = ""
    explicit: bool = False

    @property
    def name(self) -> str:
        """The path, and the member after a colon."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    @property
    def leaf(self) -> str:
        """Last part of the name."""
        return PurePosixPath(self.member).name if self.member else self.path.name

    @property
    def folder(self) -> str:
        """Folder, or archive and folder in it."""
        return f"{self.path}:{PurePosixPath(self.member).parent}" if self.member else str(self.path.parent)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the content, decompressed."""
        with file_errors(self.name):
            if self.member:
                for _, stream in _members(self.path, {self.member}):
                    yield stream
                    return
            with _decompress(open(self.path, "rb")) as stream:
                yield stream

    @property
    def plain(self) -> bool:
        """Whether the file lies on disk as it is, so that it may be mapped into memory."""
        if self.member:
            return False
        with open(self.path, "rb") as stream:
            return compression(stream.read(8)) == ""


@contextmanager
def file_errors(name: str) -> Iterator[None]:
    """Turn errors of reading a file into an InputError that names it."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(name, "a file", "there is no such file", "check the path") from None
    except PermissionError:
        raise InputError(name, "a readable file", "permission denied", "change its permissions") from None
    except DAMAGE as error:
        raise InputError(name, "a whole file", f"it is truncated or damaged ({error})", "fetch it again") from None


def walk(
    paths: Iterable[str | Path], within_folders: bool = True,
    set_aside: Callable[[Path, InputError], None] | None = None,
) -> Iterator[tuple[Entry, bytes]]:  # fmt: skip
    """Walk over files, folders, globs and archives; with each file comes the head of its content.

    An archive in a folder is opened where `within_folders` says so, else it comes as a file. `set_aside` is called with
    a file of a folder or glob that cannot be opened, whose error is raised otherwise.

    Raises
    ------
    InputError
        For a path that does not exist and an archive that is truncated.
    """
    for pattern in paths:
        path = Path(pattern)
        if path.is_dir():
            for file in _files_in_folder(path):
                yield from _or_set_aside(file, _expand(file, explicit=False, unpack=within_folders), set_aside)
        elif path.exists():
            yield from _expand(path, explicit=True)
        elif glob.has_magic(str(pattern)) and (files := sorted(glob.glob(str(pattern), recursive=True))):
            for file in files:
                if os.path.isfile(file):
                    yield from _or_set_aside(Path(file), _expand(Path(file), explicit=False), set_aside)
                else:
                    yield from walk([file], within_folders, set_aside)
        else:
            raise InputError(str(pattern), "a file, folder, glob or archive", "there is no such file", "check the path")


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
    archive: Path | None = None
    waiting: dict[str, Entry] = {}
    for entry in entries:
        if waiting and entry.path != archive:
            yield from _unpack(archive, waiting)
            waiting = {}
        if entry.member:
            archive, waiting[entry.member] = entry.path, entry
        else:
            with entry.open() as stream:
                yield entry, stream.read()
    if waiting:
        yield from _unpack(archive, waiting)


def is_archive(head: bytes) -> bool:
    """Whether decompressed content is that of a tar or zip archive."""
    return head[257:262] == b"ustar" or head.startswith(b"PK\x03\x04")


def bare(leaf: str) -> str:
    """Name in lower case, without the suffix of its compression."""
    return re.sub(r"\.(gz|xz|bz2)$", "", leaf.lower())


def compression(head: bytes) -> str:
    """Name the compression by the first bytes."""
    for kind, magic in (("gzip", b"\x1f\x8b"), ("xz", b"\xfd7zXZ\0"), ("bzip2", b"BZh")):
        if head.startswith(magic):
            return kind
    return ""


@contextmanager
def _decompress(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """Read through the compression, if there is one, and close the file in the end."""
    with raw:
        kind = compression(raw.read(8))
        raw.seek(0)
        opener: Any = {"gzip": gzip.open, "xz": lzma.open, "bzip2": bz2.open}.get(kind)
        if opener is None:
            yield raw
        else:
            with opener(raw) as stream:
                yield stream


def _files_in_folder(folder: Path) -> Iterator[Path]:
    """Files of a folder in order of name; of a HATS catalogue, only the partitions of its primary table."""
    names = sorted(os.listdir(folder))
    partitions = [n for n in names if re.match(r"(Norder|Dir)=", n)]
    if "collection.properties" in names:
        text = (folder / "collection.properties").read_text(encoding="utf-8")
        primary = re.search(r"^\s*hats_primary_table_url\s*=\s*(\S+)", text, re.MULTILINE)
        names = [primary[1].strip("/")] if primary and primary[1].strip("/") in names else names
    elif "dataset" in names and {"properties", "hats.properties"} & set(names):
        names = ["dataset"]
    elif partitions:
        names = partitions
    for name in names:
        if name.startswith((".", "_")):
            continue
        path = folder / name
        if path.is_dir():
            yield from _files_in_folder(path)
        else:
            yield path


def _expand(path: Path, explicit: bool, unpack: bool = True) -> Iterator[tuple[Entry, bytes]]:
    with file_errors(str(path)):
        with open(path, "rb") as raw:
            packed = compression(raw.read(8))
            raw.seek(0)
            with _decompress(raw) as stream:
                head = stream.read(HEAD)
        claimed = SUFFIXES.get(path.suffix.lower(), "")
        if claimed in ("gzip", "xz", "bzip2") and packed != claimed:
            raise InputError(str(path), f"{claimed} compression", "its content is not compressed so", "fetch it again")
        archive = is_archive(head)
        if not archive and (claimed in ("tar", "zip") or re.search(r"\.(tar\.\w+|tgz|txz)$", path.name)):
            raise InputError(str(path), "an archive", "it is empty, truncated or something else", "fetch it again")
        if not archive or not unpack:
            yield Entry(path, explicit=explicit), head
            return
        for member, stream in _members(path):
            yield Entry(path, member), stream.read(HEAD)


def _members(path: Path, names: set[str] | None = None) -> Iterator[tuple[str, IO[bytes]]]:
    """Walk through the files of an archive in its order; each has to be read before the next."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as pack:
            for info in pack.infolist():
                if not info.is_dir() and (names is None or info.filename in names):
                    with _decompress(io.BytesIO(_unzip(pack, info))) as plain:
                        yield info.filename, plain
        return
    with _decompress(open(path, "rb")) as stream, tarfile.open(fileobj=stream, mode="r|") as pack:
        for info in pack:
            if info.isfile() and (names is None or info.name in names):
                with _decompress(io.BytesIO(pack.extractfile(info).read())) as plain:  # type: ignore[union-attr]
                    yield info.name, plain


def _unzip(pack: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return pack.read(info)
    except RuntimeError as error:  # a password, or a way of packing that Python does not know
        raise zipfile.BadZipFile(str(error)) from None


def _unpack(archive: Path | None, waiting: dict[str, Entry]) -> Iterator[tuple[Entry, bytes]]:
    with file_errors(str(archive)):
        for name, stream in _members(Path(str(archive)), set(waiting)):
            yield waiting[name], stream.read()
