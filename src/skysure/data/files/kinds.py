"""What a file holds, judged by the head of its content and not by its name."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from skysure.errors import InputError

from .entries import SUFFIXES, Entry, bare, is_archive
from .text_kinds import text_kind

TABLES = ("parquet", "fits", "votable", "ecsv", "ipac", "json", "avro", "text")
"""Kinds of content that `tables.open_table` opens."""
MAGIC = {
    "parquet": b"PAR1", "fits": b"SIMPLE  =", "ecsv": b"# %ECSV", "HDF5": b"\x89HDF", "avro": b"Obj\x01",
    "Arrow": b"ARROW1", "UTF-16": (b"\xff\xfe", b"\xfe\xff"), "Git LFS pointer": b"version https://git-lfs",
}  # fmt: skip
FIXES = {
    "web page": "a download that failed: fetch the file itself",
    "Git LFS pointer": "the file was not fetched: run `git lfs pull`",
    "pickle": "pickles run code and are never read: write Parquet or FITS",
    "HDF5": "write it as Parquet, FITS or CSV",
    "Arrow": "write it as Parquet",
    "UTF-16": "save the text as UTF-8 (in a spreadsheet: CSV UTF-8)",
    "binary": "write it as Parquet, FITS or CSV",
    "empty": "fetch or write it again",
    "archive": "unpack it: archives within archives are not opened",
}


def kind_of(head: bytes) -> str:
    """Return the kind of content by its first bytes: one of TABLES, "archive", or what cannot be read.

    >>> kind_of(b"id,x,y"), kind_of(b"PAR1..."), kind_of(b"<html>404</html>"), kind_of(b" ")
    ('text', 'parquet', 'web page', 'empty')
    """
    for kind, magic in MAGIC.items():
        if head.startswith(magic):
            return kind
    if not head.strip():
        return "empty"
    if is_archive(head):
        return "archive"
    if re.match(rb"\x80[\x02-\x05]", head):
        return "pickle"
    if re.match(rb"\s*(<!doctype html|<html)", head, re.IGNORECASE):
        return "web page"
    if b"<VOTABLE" in head or b":VOTABLE" in head:
        return "votable"
    return "binary" if b"\0" in head else text_kind(head)


def check_claim(entry: Entry, kind: str, expected: str, readable: tuple[str, ...] = TABLES) -> None:
    """Refuse a file that is not what its suffix claims, or of no kind that can be read.

    `expected` says what the caller reads, such as "a table as Parquet, FITS, VOTable, ECSV or CSV".
    """
    claimed = SUFFIXES.get(PurePosixPath(bare(entry.leaf)).suffix, kind)
    claimed = "archive" if claimed in ("tar", "zip") else claimed
    if kind not in readable or claimed != kind:
        content = {"text": "plain text", "archive": "an archive"}.get(kind, kind)
        fix = FIXES.get(kind, f"name it after its content ({kind}), or write it again")
        raise InputError(entry.name, claimed if claimed != kind else expected, f"its content is {content}", fix)


def is_foreign(entry: Entry, kind: str, readable: tuple[str, ...] = TABLES) -> bool:
    """Whether a file in a folder is no data: notes, scripts, pictures."""
    name = bare(entry.leaf)
    claims = SUFFIXES.get(PurePosixPath(name).suffix) in readable or name.endswith((".csv", ".tsv"))
    return not claims and (kind == "text" or kind not in readable)
