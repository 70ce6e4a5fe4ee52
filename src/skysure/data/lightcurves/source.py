"""Light curves from files, in chunks of bounded size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from skysure.data.files.entries import Entry
from skysure.data.problems import Problems, errors_in
from skysure.data.sources import Source
from skysure.errors import InputError

from . import checks, long, nested, plan, snana_fits, snana_text
from .bands import UnknownBands
from .blocks import Block
from .columns import Columns
from .cures import MissingColumn, UnstatedFlux
from .curves import LightCurves
from .objects import Objects
from .passbands import BANDS
from .reading import Reading
from .seen import Seen, shares
from .single_bands import SingleBands
from .validation import Rejected, clean

REMEMBERED = 100_000
ROWS_AT_ONCE = 4_000_000
JOINED = 2048


@dataclass
class Facts:
    """Summary of a whole source, from one walk through it."""

    bands: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    objects: int = 0
    points: int = 0
    labelled: int = 0
    rejected: int = 0
    time: tuple[float, float] | None = None
    signal_to_noise: tuple[float, float, float] | None = None
    by_band: dict[str, int] = field(default_factory=dict)
    by_class: dict[str, int] = field(default_factory=dict)


class LightCurveSource(Source):
    """Light curves in files, without parts.

    Parameters
    ----------
    paths : sequence of str or Path
        Files, folders, globs, archives; tables of points, and tables of objects to be joined by id.
    reading : Reading, optional

    Attributes
    ----------
    reading : Reading
        The reading of the caller, with the survey format that was recognised; what a run keeps.
    rejected : list of Rejected
        Objects that the last walk set aside, at most 100,000 of them; `rejected_count` counts all.
    """

    schema = None

    def __init__(self, paths: Sequence[str | Path], reading: Reading | Mapping[str, Any] | None = None) -> None:
        paths = [paths] if isinstance(paths, (str, Path)) else list(paths)
        self._plan = plan.make(paths, Reading.of(reading))
        problems = checks.find_problems(self._plan)
        if problems.errors and checks.set_tables_aside(self._plan):
            problems = checks.find_problems(self._plan)
        if problems.errors:
            problems.add(*(error for errors in self._plan.aside.values() for error in errors_in(errors)))
        problems.raise_all()
        self.reading = self._plan.kept
        self.rejected: list[Rejected] = []
        self._reasons: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._damaged: dict[Path, InputError] = {}

    @property
    def rejected_count(self) -> int:
        """Number of objects that the last walk set aside."""
        return self._reasons.total()

    @property
    def reasons(self) -> dict[str, int]:
        """Why objects were set aside in the last walk, each with the number of objects; all of them, listed or not."""
        return dict(self._reasons)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the data, a sentence each: of the files, and of the last walk."""
        texts = [f"{n:,} {text}" for text, n in self._notes.items() if n]
        if skipped := self._plan.skipped:
            names = ", ".join(skipped[:3]) + (" ..." if len(skipped) > 3 else "")
            texts.append(f"files of other kinds skipped ({len(skipped):,}): {names}")
        if aside := list(self.files_aside):
            names = ", ".join(str(path) for path in aside[:3]) + (" ..." if len(aside) > 3 else "")
            texts.append(f"files were set aside because they cannot be read ({len(aside):,}): {names}")
        for name, count in self._plan.ignored_unread.items():
            texts.append(f"{count:,} rows of {name} name no epoch (object, MJD, band) and were not used")
        if archives := self._plan.archives:
            texts.append(
                f"archives beside the files were not opened ({', '.join(archives[:3])}); name them to read them"
            )
        if self.reading.dialect and not self._plan.user.dialect:
            texts.append(f'read in the survey format "{self.reading.dialect}"')
        if self._scattered_known and self._scattered[0]:
            texts.append("the rows of an object do not follow one another in the file; sorted by object")
        return tuple(texts)

    @cached_property
    def facts(self) -> Facts:
        """Bands, classes and columns that occur, and how many objects and points; walks through all once."""
        return summarise(self)

    def chunks(self, part: str | None = None, size: int = 2048) -> Iterator[LightCurves]:
        """Walk through the objects, `size` at a time (the last chunk may have fewer)."""
        self.rejected = []
        self._reasons.clear()
        self._notes.clear()
        self._damaged.clear()
        for path, error in self._plan.aside.items():
            self._reject_file(path, error)
        waiting: list[LightCurves] = []
        for curves in self._clean_blocks():
            waiting.append(curves)
            if sum(map(len, waiting)) >= size:
                whole = LightCurves.concat(waiting)
                full = len(whole) // size * size
                for start in range(0, full, size):
                    yield _drop_unused_bands(whole[start : start + size])
                waiting = [whole[full:]] if full < len(whole) else []
        if waiting:
            yield _drop_unused_bands(LightCurves.concat(waiting))

    @property
    def files_aside(self) -> dict[Path, InputError]:
        """Files of folders and archives that cannot be used, with what is wrong with them."""
        return self._plan.aside | self._damaged

    def _reject_file(self, path: Path, error: InputError) -> None:
        """List a file among what was set aside, as an object without id."""
        reason = "; ".join(f"{e.problem.removeprefix(f'{path}: ')} ({e.cause})" for e in errors_in(error))
        rejected = Rejected("", str(path), 0, f"the file was set aside: {reason}")
        self._reasons[rejected.reason] += 1
        self.rejected += [rejected][: REMEMBERED - len(self.rejected)]

    def _unless_damaged(self, entry: Entry, blocks: Iterator[Block]) -> Iterator[Block]:
        """Read a file; one of a folder or archive is set aside from where it turns out to be damaged."""
        try:
            yield from blocks
        except UnknownBands:
            raise
        except InputError as error:
            if entry.explicit:
                raise
            self._damaged[path := entry.path / entry.member] = error
            self._reject_file(path, error)

    def expected(self, chunk: LightCurves) -> int | None:
        """Return about how many objects the files hold, by the rows that they state; None where one states none."""
        p = self._plan
        if p.heads:
            return None
        nested_rows, long_rows = (
            [table.rows() for table in tables] for tables in (map(itemgetter(0), p.nested), p.long)
        )
        if None in nested_rows or None in long_rows:
            return None
        per_object = max(len(chunk.time) / max(len(chunk), 1), 1.0)
        return len(p.texts) + sum(filter(None, nested_rows)) + int(sum(filter(None, long_rows)) / per_object)

    def _note(self, text: str, count: int) -> None:
        self._notes[text] += count

    def _clean_blocks(self) -> Iterator[LightCurves]:
        seen = Seen()
        tables = [Objects(t, self._plan.reading, self._note) for t in self._plan.objects]
        total, bands = 0, SingleBands()
        for block, reading in self._blocks_of_known_bands():
            for table in tables:
                block = table.join(block)
            _fill_constants(block, reading)
            total += len(block)
            for name, mask in block.varying.items():
                self._note(f"objects have several values of '{name}' to carry; the first was taken", int(mask.sum()))
            curves, rejected = clean(block, reading, seen.add(block.ids), self._note)
            self._reasons.update(r.reason for r in rejected)
            self.rejected += rejected[: REMEMBERED - len(self.rejected)]
            if len(curves):
                bands.add(curves)
                yield curves
        if not total and self._damaged:
            raise next(iter(self._damaged.values()))
        bands.report(self._note)
        for table in tables:
            self._note_join(table, total)

    def _note_join(self, table: Objects, total: int) -> None:
        if total and not table.matched:
            raise InputError(
                f"{table.name}: none of its {len(table):,} ids is among the {total:,} light curves",
                "the same ids in both", "another column is the id, or the tables are of different sets",
                'add to [reading.columns]: id = "..."',
            )  # fmt: skip
        self._note(f"objects have no row in {table.name}", total - table.matched)
        self._note(f"rows of {table.name} have no light curve", max(len(table) - table.matched, 0))

    def _blocks_of_known_bands(self) -> Iterator[tuple[Block, Reading]]:
        """Read blocks; where a band is unknown or a column missing, find all that is of the files."""
        try:
            yield from self._blocks()
        except InputError as error:
            questions = [e for e in errors_in(error) if isinstance(e, (UnknownBands, MissingColumn, UnstatedFlux))]
            if not questions:
                raise
            problems = Problems()
            problems.add(*(e for e in questions if not isinstance(e, UnknownBands)))
            problems.add(*checks.find_problems(self._plan, all_bands=True, snana=True).errors)
            problems.raise_all()
            raise

    def _blocks(self) -> Iterator[tuple[Block, Reading]]:
        p = self._plan
        for block in snana_text.blocks(p.texts, p.snana, p.user, p.ignored, self._note):
            yield block, p.snana
        for head, phot in p.heads:
            blocks = snana_fits.blocks(head, phot, p.snana, p.user, p.ignored, self._note)
            for block in self._unless_damaged(head, blocks):
                yield block, p.snana
        for table, column in p.nested:
            columns = checks.resolve(p, table, column)
            columns.notes = self._note
            for block in self._unless_damaged(table.entry, nested.blocks(table, columns, column)):
                yield block, p.reading
        for block in self._long_blocks():
            yield block, p.reading

    @cached_property
    def _columns(self) -> list[Columns]:
        p = self._plan
        out = [checks.resolve(p, table, None) for table in p.long]
        for columns in out:
            columns.notes = self._note
        return out

    @property
    def _scattered_known(self) -> bool:
        return "_scattered" in self.__dict__

    @cached_property
    def _scattered(self) -> tuple[bool, int]:
        """Whether the rows of an object are scattered over the long tables, and the number of rows."""
        seen, rows, scattered = Seen(), 0, False

        def count(n: int) -> None:
            nonlocal rows
            rows += n

        for table, columns in zip(self._plan.long, self._columns, strict=True):
            try:
                for ids in long.id_runs(table, columns, count):
                    scattered = scattered or bool(len(ids) and seen.add(ids).any())
            except InputError:  # it is raised, or the file is set aside, when the rows are read
                continue
        return scattered, rows

    def _long_blocks(self) -> Iterator[Block]:
        """Read long tables in order; where rows are scattered, summarise a share of the objects at a time."""
        if not self._plan.long:
            return
        pairs = list(zip(self._plan.long, self._columns, strict=True))
        scattered, rows = self._scattered
        if not scattered:
            for table, columns in pairs:
                yield from self._unless_damaged(table.entry, long.blocks(table, columns))
            return
        passes = -(-rows // ROWS_AT_ONCE)
        for k in range(passes):
            parts = [
                block if passes == 1 else block.take(np.flatnonzero(shares(block.ids, passes) == k))
                for table, columns in pairs
                for block in self._unless_damaged(table.entry, long.blocks(table, columns))
            ]
            whole = Block.concat(parts).regroup() if parts else ()
            for start in range(0, len(whole), JOINED):
                yield whole.take(np.arange(start, min(start + JOINED, len(whole))))


def open_lightcurves(
    paths: Sequence[str | Path], reading: Reading | Mapping[str, Any] | None = None
) -> LightCurveSource:
    """Open light curves in files of any known format.

    Parameters
    ----------
    paths : sequence of str or Path
        Files, folders, globs, archives (tar, tar.gz, tar.xz, zip).
    reading : Reading or mapping (its TOML table), optional
        Names, units and bands of the files; recognised where the format or the columns leave no doubt.

    Raises
    ------
    InputError
        Where a file does not exist, is damaged or not what its name says; where a column, band or unit is missing.
    """
    return LightCurveSource(paths, reading)


def summarise(source: LightCurveSource) -> Facts:
    """Walk through a source and summarise it."""
    facts = Facts()
    bands, classes, columns = Counter(), Counter(), {}
    low, high = np.inf, -np.inf
    ratios: list[np.ndarray] = []
    for curves in source.chunks():
        facts.objects += len(curves)
        facts.points += len(curves.time)
        bands.update(dict(zip(curves.bands, np.bincount(curves.band).tolist(), strict=True)))
        if "label" in curves.objects:
            classes.update(curves.objects["label"].tolist())
        for name, values in curves.objects.items():
            if (values != "").any() if values.dtype.kind in "UO" else np.isfinite(values).any():
                columns[name] = True
        low, high = min(low, curves.time.min()), max(high, curves.time.max())
        ratio = curves.flux / curves.flux_error
        ratios.append(np.quantile(ratio, [0, 0.5, 1]))
    classes.pop("", None)
    facts.bands = tuple(sorted(bands, key=lambda b: (BANDS.index(b) if b in BANDS else len(BANDS), b)))
    facts.by_band = {b: bands[b] for b in facts.bands}
    facts.by_class = dict(classes.most_common())
    facts.classes, facts.columns = tuple(sorted(classes)), tuple(columns)
    facts.labelled, facts.rejected = sum(classes.values()), source.rejected_count
    if facts.points:
        facts.time = (float(low), float(high))
        q = np.array(ratios)
        facts.signal_to_noise = (float(q[:, 0].min()), float(np.median(q[:, 1])), float(q[:, 2].max()))
    return facts


def _fill_constants(block: Block, reading: Reading) -> None:
    for name, value in reading.constants.items():
        own = block.objects.get(name)
        if own is None:
            block.objects[name] = np.full(len(block), value)
        elif isinstance(value, str):
            block.objects[name] = np.where(own == "", value, own)
        else:
            block.objects[name] = np.where(np.isnan(own), value, own)


def _drop_unused_bands(curves: LightCurves) -> LightCurves:
    """Index only the bands that occur in these objects, in order of wavelength."""
    used = np.unique(curves.band)
    names = [curves.bands[k] for k in used]
    rank = [BANDS.index(b) if b in BANDS else len(BANDS) for b in names]
    bands = tuple(names[k] for k in np.argsort(rank, kind="stable"))
    return curves if bands == curves.bands else curves.in_bands(bands)
