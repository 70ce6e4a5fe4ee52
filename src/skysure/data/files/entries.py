"""Which files a path stands for (folder, glob, archive) and what each of them holds, judged by its content."""

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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from skysure.errors import InputError

HEAD = 16384
READABLE = ("parquet", "fits", "votable", "ecsv", "snana", "text")
SUFFIXES = {
    ".parquet": "parquet", ".parq": "parquet", ".pq": "parquet", ".fits": "fits", ".fit": "fits", ".fts": "fits",
    ".ecsv": "ecsv", ".vot": "votable", ".votable": "votable", ".gz": "gzip", ".xz": "xz", ".bz2": "bzip2",
    ".tgz": "gzip", ".txz": "xz", ".tar": "tar", ".zip": "zip",
}  # fmt: skip
DAMAGE = (
    EOFError, OSError, NotImplementedError, lzma.LZMAError, zlib.error, tarfile.ReadError, zipfile.BadZipFile
)  # fmt: skip
CURES = {
    "web page": "a download that failed: fetch the file itself",
    "Git LFS pointer": "the file was not fetched: run `git lfs pull`",
    "pickle": "pickles run code and are never read: write Parquet or FITS",
    "HDF5": "write it as Parquet, FITS or CSV",
    "Avro": "write the alerts as Parquet",
    "Arrow": "write it as Parquet",
    "binary": "write it as Parquet, FITS or CSV",
    "empty": "fetch or write it again",
}


@dataclass(frozen=True)
class Entry:
    """A file, or a member of an archive."""

    path: Path
    member: str = ""
    explicit: bool = False

    @property
    def name(self) -> str:
        """What the user is told: the path, and the member after a colon."""
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
        with telling(self.name):
            if self.member:
                for _, stream in _members(self.path, {self.member}):
                    yield stream
                    return
            with _decompressed(open(self.path, "rb")) as stream:
                yield stream

    @property
    def plain(self) -> bool:
        """Whether the file lies on disk as it is, so that it may be mapped into memory."""
        if self.member:
            return False
        with open(self.path, "rb") as stream:
            return compression(stream.read(8)) == ""


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Turn what goes wrong with a file into a fault that names it."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(name, "a file", "there is no such file", "check the path") from None
    except PermissionError:
        raise InputError(name, "a readable file", "permission denied", "change its permissions") from None
    except DAMAGE as error:
        raise InputError(name, "a whole file", f"it is truncated or damaged ({error})", "fetch it again") from None


def walk(paths: Iterable[str | Path], within_folders: bool = True) -> Iterator[tuple[Entry, bytes]]:
    """Walk over files, folders, globs and archives; with each file comes the head of its content.

    An archive in a folder is opened where `within_folders` says so, else it comes as a file.

    Raises
    ------
    Fault
        For a path that is not there and an archive that is truncated.
    """
    for given in paths:
        path = Path(given)
        if path.is_dir():
            for file in _folder(path):
                yield from _expand(file, explicit=False, unpack=within_folders)
        elif path.exists():
            yield from _expand(path, explicit=True)
        elif glob.has_magic(str(given)) and (found := sorted(glob.glob(str(given), recursive=True))):
            for file in found:
                yield from _expand(Path(file), explicit=False) if os.path.isfile(file) else walk([file], within_folders)
        else:
            raise InputError(str(given), "a file, folder, glob or archive", "there is no such file", "check the path")


def contents(entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes]]:
    """Give the whole content of files one after another, unpacking every archive once, in its order."""
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


def kind_of(entry: Entry, head: bytes) -> str:
    """Judge by the head of its content what a file is: one of READABLE, a list, or what cannot be read."""
    suffix = PurePosixPath(entry.leaf).suffix.lower()
    if suffix in (".ignore", ".list", ".readme"):
        return suffix[1:]
    for kind, magic in (
        ("parquet", b"PAR1"), ("fits", b"SIMPLE  ="), ("ecsv", b"# %ECSV"), ("HDF5", b"\x89HDF"), ("Avro", b"Obj\x01"),
        ("Arrow", b"ARROW1"), ("Git LFS pointer", b"version https://git-lfs"), ("empty", b""),
    ):  # fmt: skip
        if head.startswith(magic) if magic else not head.strip():
            return kind
    if is_archive(head):
        return "archive"
    if re.match(rb"\x80[\x02-\x05]", head):
        return "pickle"
    if re.match(rb"\s*(<!doctype html|<html)", head, re.IGNORECASE):
        return "web page"
    if b"<VOTABLE" in head or b":VOTABLE" in head:
        return "votable"
    if b"\0" in head:
        return "binary"
    keys = set(re.findall(rb"^(SNID|VARLIST|OBS):", head, re.MULTILINE))
    return "snana" if b"SNID" in keys or len(keys) == 2 else "text"


def check_claim(entry: Entry, kind: str) -> None:
    """Refuse a file that is not what its suffix claims, or is nothing that can be read."""
    claimed = SUFFIXES.get(PurePosixPath(bare(entry.leaf)).suffix, kind)
    if kind not in READABLE or claimed != kind:
        wanted = claimed if claimed != kind else "light curves as SNANA, Parquet, FITS, VOTable, ECSV or CSV"
        told = {"text": "plain text", "empty": "empty"}.get(kind, f"{kind}")
        cure = CURES.get(kind, f"name it after its content ({kind}), or write it again")
        raise InputError(entry.name, wanted, f"its content is {told}", cure)


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
def _decompressed(raw: IO[bytes]) -> Iterator[IO[bytes]]:
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


def _folder(folder: Path) -> Iterator[Path]:
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
            yield from _folder(path)
        else:
            yield path


def _expand(path: Path, explicit: bool, unpack: bool = True) -> Iterator[tuple[Entry, bytes]]:
    with telling(str(path)):
        with open(path, "rb") as raw:
            packed = compression(raw.read(8))
            raw.seek(0)
            with _decompressed(raw) as stream:
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


def _members(path: Path, wanted: set[str] | None = None) -> Iterator[tuple[str, IO[bytes]]]:
    """Files in an archive, in its order, each to be read before the next."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as pack:
            for info in pack.infolist():
                if not info.is_dir() and (wanted is None or info.filename in wanted):
                    with _decompressed(io.BytesIO(_unzipped(pack, info))) as plain:
                        yield info.filename, plain
        return
    with _decompressed(open(path, "rb")) as stream, tarfile.open(fileobj=stream, mode="r|") as pack:
        for info in pack:
            if info.isfile() and (wanted is None or info.name in wanted):
                with _decompressed(io.BytesIO(pack.extractfile(info).read())) as plain:  # type: ignore[union-attr]
                    yield info.name, plain


def _unzipped(pack: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return pack.read(info)
    except RuntimeError as error:  # a password, or a way of packing that Python does not know
        raise zipfile.BadZipFile(str(error)) from None


def _unpack(archive: Path | None, waiting: dict[str, Entry]) -> Iterator[tuple[Entry, bytes]]:
    with telling(str(archive)):
        for name, stream in _members(Path(str(archive)), set(waiting)):
            yield waiting[name], stream.read()
