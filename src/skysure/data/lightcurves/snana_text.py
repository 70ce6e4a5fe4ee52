"""SNANA text: one file per object, `KEY: value` lines, then `VARLIST:` and its `OBS:` rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa

from skysure import limits
from skysure.data.files import kinds
from skysure.data.files.delimited import split_lines
from skysure.data.files.entries import Entry, bare, contents
from skysure.errors import InputError

from .blocks import Block, Points
from .columns import Columns, check_named, resolve_points
from .conversion import convert_objects, convert_points
from .ignore_lists import NOTE, Ignored, points_to_ignore
from .reading import OBJECT_COLUMNS, Reading
from .salt2 import is_salt2

FILES = 256
Notes = Callable[[str, int], None]


def kind_of(entry: Entry, head: bytes) -> str:
    """Return the kind of a file, among them "snana" and the "ignore", "list" and "readme" files beside."""
    suffix = PurePosixPath(bare(entry.leaf)).suffix
    kind = kinds.kind_of(head)
    if kind == "text" and is_salt2(head):
        return "salt2"
    if suffix in (".ignore", ".list", ".readme") and not (suffix == ".list" and head.lstrip()[:1] in (b"@", b"#")):
        return suffix[1:]
    keys = set(re.findall(rb"^(SNID|VARLIST|OBS):", head, re.MULTILINE)) if kind == "text" else set()
    return "snana" if b"SNID" in keys or len(keys) == 2 else kind


@dataclass
class Parsed:
    """One file: its header, the names and values of its rows with their line numbers, and why it cannot be used.

    `doubled` says of a key of the header that it is there with two values.
    """

    header: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    reason: str = ""
    doubled: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> Parsed:
    """Parse one file; of `value +- error` the error goes under KEY_ERR, of SIM_COMMENT the type is taken."""
    out = Parsed()
    header = out.header
    for number, line in enumerate(map(str.lstrip, split_lines(text)), 1):
        if line.startswith("OBS:"):
            out.rows.append(line.split()[1:])
            out.lines.append(number)
            continue
        key, colon, rest = line.partition(":")
        if not colon or " " in key.strip():
            continue
        key, words = key.strip(), rest.partition("#")[0].split()
        if key == "VARLIST":
            out.names = tuple(words)
        elif key == "SIM_COMMENT":
            match = re.search(r"SN Type\s*=\s*([^\s,]+)", rest)
            header[key] = match[1] if match else ""
        elif words:
            if header.get(key, words[0]) != words[0]:
                out.doubled[key] = f"{key} is there as '{header[key]}' and as '{words[0]}'"
            header[key] = words[0]
            if len(words) > 2 and words[1] == "+-":
                header[key + "_ERR"] = words[2]
    _check(out)
    return out


def _check(out: Parsed) -> None:
    """Find rows of another length than VARLIST and a file that ends before its NOBS rows."""
    n = len(out.names)
    for line, row in zip(out.lines, out.rows, strict=True):
        if len(row) != n and (len(row) < n or not row[n].startswith("#")):
            out.reason = f"line {line} has {len(row)} values where VARLIST names {n}"
            break
    promised = out.header.get("NOBS", "")
    if not out.reason and promised.isdigit() and int(promised) != len(out.rows):
        out.reason = f"it has {len(out.rows)} rows where NOBS says {promised}: truncated?"
    if twice := [name for name in out.names if out.names.count(name) > 1]:
        out.reason = f"VARLIST names {twice[0]} twice"
    if not out.names:
        out.reason = "it has no VARLIST"


def blocks(
    entries: Iterable[Entry], reading: Reading, user: Reading, ignored: Ignored, notes: Notes
) -> Iterator[Block]:
    """Read files of SNANA text, some hundred at a time."""
    group: list[tuple[Entry, Parsed]] = []
    keys: set[str] = set()
    for entry, content in contents(entries):
        parsed = parse(content.decode("latin-1"))
        keys.update(parsed.header)
        if group and (len(group) == FILES or parsed.names != group[0][1].names):
            yield _block(group, reading, user, ignored, notes)
            group = []
        group.append((entry, parsed))
    if group:
        check_named(group[0][0].folder, user, keys)
        yield _block(group, reading, user, ignored, notes)


def band_names_in(entries: Iterable[Entry], columns: tuple[str, ...]) -> set[str]:
    """Names of bands in all files, in the first of some columns that each has."""
    out: set[str] = set()
    for _, content in contents(entries):
        parsed = parse(content.decode("latin-1"))
        place = next((parsed.names.index(name) for name in columns if name in parsed.names), None)
        if place is not None and not parsed.reason:
            out.update(row[place] for row in parsed.rows)
    return out


def _block(group: list[tuple[Entry, Parsed]], reading: Reading, user: Reading, ignored: Ignored, notes: Notes) -> Block:
    parsed = [p for _, p in group]
    reasons = {k: p.reason for k, p in enumerate(parsed) if p.reason}
    keys, most = reading.names_of("id"), limits.current().text_length + 1
    ids = np.array([next((p.header[key][:most] for key in keys if key in p.header), "") for p in parsed])
    files = np.array([e.name for e, _ in group])
    headers = dict.fromkeys(key for p in parsed for key in p.header)
    if not parsed[0].names:
        return _block_without_points(ids, files, reasons)
    names = parsed[0].names
    units = dict.fromkeys((*names, *headers), "")
    columns = resolve_points(group[0][0].name, reading, user, units)
    _require_in_rows(columns, names)
    columns.notes = notes
    whole = [p if not p.reason else Parsed() for p in parsed]
    flat = [row for p in whole for row in p.rows]
    values = {n: pa.array([row[k] for row in flat], pa.string()) for k, n in enumerate(names) if n in columns.to_read}
    points, keep = convert_points(columns, values, np.array([k for p in whole for k in p.lines], np.int64))
    counts = np.array([len(p.rows) for p in whole])
    ignore = points_to_ignore([e.folder for e, _ in group], ids, counts, points, ignored, reading)
    notes(NOTE, int((keep & ignore).sum()))
    keep &= ~ignore
    offsets = np.concatenate([[0], np.cumsum(keep)])[np.concatenate([[0], np.cumsum(counts)])].astype(np.int64)
    object_names = {n for c in OBJECT_COLUMNS for n in columns.of.get(c, ())} | set(reading.carry)
    for k, p in enumerate(parsed):
        for key in (key for key in p.doubled if key in object_names or key in keys):
            reasons.setdefault(k, p.doubled[key])
    objects, more = convert_objects(
        columns, {n: pa.array([p.header.get(n, "") for p in parsed], pa.string()) for n in object_names & set(headers)}
    )
    return Block(ids, offsets, points if keep.all() else points[keep], objects, files, more | reasons)


def _require_in_rows(columns: Columns, names: Sequence[str]) -> None:
    """Raise InputError where a column of points is not among those of the rows, but in a header."""
    for ours in ("time", "band", "flux", "flux_error", "mag", "mag_error", "zero_point", "sign"):
        for name in columns.of.get(ours, ())[:1]:
            if name not in names:
                raise InputError(
                    f"{columns.file}: '{name}' stands in the header, not in VARLIST", f"a column that is the {ours}",
                    "a damaged file", f'fetch it again, or name another column: [reading.columns] {ours} = "..."',
                )  # fmt: skip


def _block_without_points(ids: np.ndarray, files: np.ndarray, reasons: dict[int, str]) -> Block:
    empty = np.zeros(0)
    points = Points(empty, empty.astype(np.int16), empty, empty, empty.astype(np.int8), empty.astype(np.int64))
    return Block(ids, np.zeros(len(ids) + 1, np.int64), points, {}, files, reasons)
