"""The files of a source by kind: SNANA files, tables of points, tables of objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from skysure.data.files.entries import Entry, file_errors, walk
from skysure.data.files.kinds import TABLES, check_claim, is_foreign
from skysure.data.files.tables import Table, open_table
from skysure.data.files.text_kinds import is_json_records
from skysure.data.problems import Problems, errors_in
from skysure.errors import InputError

from . import nested, snana_fits
from .alerts import join_newest
from .bands import FIRST_ROWS, band_names_in, check_bands
from .columns import find, resolve_points
from .gaia import convert_gaia
from .ignore_lists import Ignored, lists_beside, read_ignored
from .objects import joinable
from .reading import POINT_COLUMNS, Reading, load_dialect, recognise
from .salt2 import Salt2Table
from .snana_text import kind_of

READABLE = (*TABLES, "snana", "salt2")
EXPECTED = "light curves as SNANA, SALT2, Parquet, Avro, FITS, VOTable, ECSV, IPAC, JSON or CSV"
ARCHIVES = (".tar", ".tgz", ".txz", ".zip", ".tar.gz", ".tar.xz", ".tar.bz2")


@dataclass
class Plan:
    """The files of a source by their part in it, and the reading that fits them."""

    user: Reading
    texts: list[Entry] = field(default_factory=list)
    heads: list[tuple[Entry, Entry]] = field(default_factory=list)
    long: list[Table] = field(default_factory=list)
    nested: list[tuple[Table, str]] = field(default_factory=list)
    objects: list[Table] = field(default_factory=list)
    ignored: Ignored = field(default_factory=dict)
    ignored_unread: dict[str, int] = field(default_factory=dict)
    archives: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    formats: dict[str, int] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    snana: Reading = field(default_factory=Reading)

    unused_survey: str = ""
    alone: list[Entry] = field(default_factory=list)
    aside: dict[Path, InputError] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)

    @contextmanager
    def reading_of(self, entry: Entry) -> Iterator[None]:
        """Set a file of a folder or archive aside that cannot be used; of one that was named, collect the error."""
        try:
            yield
        except InputError as error:
            if entry.explicit:
                self.problems.add(*errors_in(error))
            else:
                self.set_aside(entry.path / entry.member, error)

    def set_aside(self, path: Path, error: InputError) -> None:
        """Leave a file of a folder out, and what was taken from it."""
        self.aside[path] = error

        def stays(entry: Entry) -> bool:
            return path not in (entry.path, entry.path / entry.member)

        self.texts = [entry for entry in self.texts if stays(entry)]
        self.heads = [pair for pair in self.heads if all(map(stays, pair))]
        self.long = [table for table in self.long if stays(table.entry)]
        self.nested = [(table, column) for table, column in self.nested if stays(table.entry)]
        self.objects = [table for table in self.objects if stays(table.entry)]

    @property
    def has_light_curves(self) -> bool:
        """Whether there is any light curve."""
        return bool(self.texts or self.heads or self.long or self.nested)

    @property
    def kept(self) -> Reading:
        """The reading of the caller with the survey format that was recognised: what a run keeps."""
        return replace(self.user, dialect=self.reading.dialect)


def make(paths: Sequence[str | Path], user: Reading, problems: Problems | None = None) -> Plan:
    """Look at the head of every file and decide what it is.

    Files that cannot be used are added to `problems` and left out; without `problems` they raise. Those of a folder,
    glob or archive are set aside where others can be used.

    Raises
    ------
    InputError
        Where a file does not exist, is damaged or not what its name says; where nothing holds light curves.
    """
    plan = _make_from(paths, user, within_folders=False)
    if plan.archives and not plan.has_light_curves:
        plan = _make_from(paths, user, within_folders=True)
    if not plan.has_light_curves:
        plan.problems.add(*(error for errors in plan.aside.values() for error in errors_in(errors)))
    if not plan.has_light_curves and not plan.problems.errors:
        _raise_nothing_readable(plan, paths)
    if problems is None:
        plan.problems.raise_all()
    else:
        problems.add(*plan.problems.errors)
    return plan


def _make_from(paths: Sequence[str | Path], user: Reading, within_folders: bool) -> Plan:
    plan = Plan(user)
    tables, fits = _sort_by_format(plan, walk(paths, within_folders, plan.set_aside))
    tables += _place_fits(plan, fits)
    tables = [table for table in tables if table.entry.path not in plan.aside]
    _add_ignore_lists_beside(plan)
    _settle_readings(plan, tables)
    for table in tables:
        with plan.reading_of(table.entry):
            _place(plan, table)
    return plan


def _place_fits(plan: Plan, entries: list[Entry]) -> list[Table]:
    """Sort FITS files into pairs of SNANA, images, and tables, which are returned."""
    kinds: dict[Entry, str] = {}
    for entry in entries:
        with plan.reading_of(entry):
            kinds[entry] = snana_fits.kind_of(entry)
    phots = {entry.leaf: entry for entry, kind in kinds.items() if kind == "phot"}
    tables: list[Table] = []
    for entry, kind in kinds.items():
        with plan.reading_of(entry):
            if kind == "head":
                plan.heads.append((entry, snana_fits.partner(entry, phots)))
            elif kind == "table" or (entry.explicit and kind == "image"):
                tables.append(_open_table(entry, "fits"))
            elif kind == "image":
                plan.skipped.append(entry.leaf)
    plan.alone = list(phots.values()) if not plan.heads else []
    return tables


def _sort_by_format(plan: Plan, files: Iterable[tuple[Entry, bytes]]) -> tuple[list[Table], list[Entry]]:
    """Sort files by format; tables are opened, files of other kinds are skipped or refused."""
    tables: list[Table] = []
    fits: list[Entry] = []
    seen: set[tuple[Path, str]] = set()
    for entry, head in files:
        if (entry.path.resolve(), entry.member) in seen:
            continue
        seen.add((entry.path.resolve(), entry.member))
        kind = kind_of(entry, head)
        if kind == "list" and entry.explicit:
            more_tables, more_fits = _sort_by_format(plan, _walk_list(plan, entry))
            tables, fits = tables + more_tables, fits + more_fits
            for ignore_list in lists_beside(entry.path.parent):
                with plan.reading_of(ignore_list):
                    _add_ignored(plan, ignore_list)
        elif kind == "ignore":
            with plan.reading_of(entry):
                _add_ignored(plan, entry)
        elif kind == "archive" and not entry.member:
            plan.archives.append(entry.leaf)
        elif not entry.explicit and (
            is_foreign(entry, kind, READABLE) or (kind == "json" and not is_json_records(head))
        ):
            plan.skipped.append(entry.leaf)
        else:
            with plan.reading_of(entry):
                check_claim(entry, kind, EXPECTED, READABLE)
                plan.formats[kind] = plan.formats.get(kind, 0) + 1
                if kind == "snana":
                    plan.texts.append(entry)
                elif kind == "fits":
                    fits.append(entry)
                else:
                    tables.append(_open_table(entry, kind))
    return tables, fits


def _add_ignored(plan: Plan, entry: Entry) -> None:
    """Read a list of epochs to leave out, and count its rows that are something else."""
    with entry.open() as stream:
        epochs, unread = read_ignored(stream.read())
    by_object = plan.ignored.setdefault(entry.folder, {})
    for name, rows in epochs.items():
        by_object.setdefault(name, []).extend(rows)
    if unread:
        plan.ignored_unread[entry.leaf] = unread


def _add_ignore_lists_beside(plan: Plan) -> None:
    """Read the lists beside SNANA files that were named one by one, or by a list."""
    named = [e for e in [*plan.texts, *(head for head, _ in plan.heads)] if e.explicit and not e.member]
    for folder in dict.fromkeys(e.path.parent for e in named):
        for entry in lists_beside(folder) if str(folder) not in plan.ignored else ():
            with plan.reading_of(entry):
                _add_ignored(plan, entry)


def _walk_list(plan: Plan, entry: Entry) -> Iterator[tuple[Entry, bytes]]:
    """Walk over the files that a .LIST names; as in a folder, one that cannot be used is set aside."""
    for path in _files_in_list(entry):
        with plan.reading_of(Entry(path)):
            for file, head in walk([path]):
                yield replace(file, explicit=False), head


def _open_table(entry: Entry, kind: str) -> Table:
    """Open a table with its light curves in the form that all others have."""
    return Salt2Table(entry) if kind == "salt2" else convert_gaia(join_newest(open_table(entry, kind)))


def _files_in_list(entry: Entry) -> list[Path]:
    """Files that a .LIST names, beside it, packed or not."""
    with entry.open() as stream:
        names = stream.read().decode("latin-1").split()
    out = []
    for name in names:
        path = entry.path.parent / name
        with file_errors(f"{path} (listed in {entry.name})"):
            out.append(path if path.exists() else path.with_name(path.name + ".gz"))
            if not out[-1].exists():
                raise FileNotFoundError
    return out


def _settle_readings(plan: Plan, tables: list[Table]) -> None:
    user = plan.user
    names = {n for t in tables for n in t.schema} | {
        n for t in tables for inner in nested.nested_columns(t.schema).values() for n in inner
    }
    survey = recognise(names) if not user.dialect else ""
    if user.unit or user.zero_point is not None or not _agrees(user, survey):
        plan.unused_survey = survey
    else:
        user = replace(user, dialect=user.dialect or survey)
    if not tables and not user.dialect:
        user = replace(user, dialect="snana")
    plan.reading = user.with_dialect()
    own = user.dialect if user.dialect in ("snana", "des", "spcc") else "snana"
    plan.snana = replace(plan.user, dialect=own).with_dialect()


def _agrees(user: Reading, dialect: str) -> bool:
    """Whether a reading names no columns of points but those that the survey format takes too."""
    named = [(c, n) for c in POINT_COLUMNS for n in user.names_of(c)]
    return not named or (bool(dialect) and all(n in load_dialect(dialect)[0].names_of(c) for c, n in named))


def _place(plan: Plan, table: Table) -> None:
    """Decide whether a table holds points (long or nested) or objects."""
    reading, file = plan.reading, table.entry.name
    column = nested.choose(file, table, reading)
    if column is not None:
        plan.nested.append((table, column))
        return
    present = [_has(reading, table, *columns) for columns in (("time",), ("band",), ("flux", "mag"))]
    if sum(present) >= 2:
        plan.long.append(table)
    elif joinable(table, reading):
        plan.objects.append(table)
    elif table.entry.explicit:
        _check_as_points(plan, table)
    else:
        plan.skipped.append(table.entry.leaf)


def _check_as_points(plan: Plan, table: Table) -> None:
    """Raise all that keeps a table from holding points: its columns, and bands that are unknown."""
    file, reading, problems = table.entry.name, plan.reading, Problems()
    with problems.collect():
        resolve_points(file, reading, plan.user, table.units)
    with problems.collect():
        if problems.errors and (band := find(reading, table.units, "band", file)):
            names = band_names_in(table, band[0], None, FIRST_ROWS, reading)
            check_bands(file, names, reading, band[0])
    problems.raise_all()


def _has(reading: Reading, table: Table, *columns: str) -> bool:
    """Whether a table has one of our columns, be it that several could be meant."""
    try:
        return any(find(reading, table.units, column) for column in columns)
    except InputError:
        return True


def _raise_nothing_readable(plan: Plan, paths: Sequence[str | Path]) -> None:
    if plan.objects:
        _check_as_points(plan, plan.objects[0])
    if plan.alone:
        raise InputError(plan.alone[0].name, "also its HEAD file", "only the PHOT file was given", "give both files")
    skipped = ", ".join(plan.skipped[:3]) + (" ..." if len(plan.skipped) > 3 else "")
    packed = [name for name in plan.skipped if name.lower().endswith(ARCHIVES)]
    raise InputError(
        ", ".join(map(str, paths)), "light curves (SNANA, Parquet, FITS, VOTable, ECSV, CSV)",
        f"no file of these kinds{f' ({len(plan.skipped):,} others: {skipped})' if plan.skipped else ''}",
        f"unpack {packed[0]}: archives within archives are not opened" if packed else "name the files themselves",
    )  # fmt: skip
