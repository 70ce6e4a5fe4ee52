"""All that is wrong with the tables of a plan: columns, units and bands, found without reading the points."""

from __future__ import annotations

from skysure.data.files.tables import Table
from skysure.data.problems import Problems, errors_in
from skysure.errors import InputError

from . import nested, snana_fits, snana_text
from .bands import FIRST_ROWS, UnknownBands, band_names_in, check_bands
from .column_types import check_nested_types, check_types
from .columns import Columns, check_named, find, resolve_points
from .cures import UnstatedFlux
from .plan import Plan


def find_problems(plan: Plan, *, all_bands: bool = False, snana: bool = False) -> Problems:
    """Collect what is wrong with the columns, units and bands of all tables.

    Bands are looked at where something else is wrong already, so that all is reported at once, or with `all_bands`
    in every row, and with `snana` also in SNANA files. What is wrong with single objects is found when they are read.
    """
    problems = Problems()
    for table, column in _tables(plan):
        with problems.collect():
            resolve(plan, table, column)
    with problems.collect():
        _check_objects(plan)
    if problems.errors or all_bands:
        for table, column in _tables(plan):
            with problems.collect():
                _check_bands(plan, table, column, None if all_bands else FIRST_ROWS)
    for error in problems.errors if plan.unused_survey else ():
        if isinstance(error, (UnknownBands, UnstatedFlux)):
            error.fix += f'; the columns are those of the survey format dialect = "{plan.unused_survey}", which says it'
    if snana:
        for check in (_check_bands_of_texts, _check_bands_of_tables):
            with problems.collect():
                check(plan)
    return problems


def set_tables_aside(plan: Plan) -> bool:
    """Set tables of a folder or archive aside that lack a column, where others have all; gives whether there are any.

    A flux without unit is no reason: what it means is for the caller to say.
    """
    tables, bad = _tables(plan), {}
    for table, column in tables:
        try:
            resolve(plan, table, column)
        except InputError as error:
            if not table.entry.explicit and not any(isinstance(e, UnstatedFlux) for e in errors_in(error)):
                bad[table.entry.path / table.entry.member] = error
    if not bad or (len(bad) == len(tables) and not (plan.texts or plan.heads)):
        return False
    for path, error in bad.items():
        plan.set_aside(path, error)
    return True


def resolve(plan: Plan, table: Table, column: str | None) -> Columns:
    """Find the columns of a long table (`column` None) or of a nested one, and check that they can be read."""
    file = table.entry.name
    if column is None:
        columns = resolve_points(file, plan.reading, plan.user, table.units)
        check_types(columns, table.schema)
        return columns
    columns = nested.resolve(file, table, column, plan.reading, plan.user)
    check_nested_types(columns, table.schema, nested.nested_columns(table.schema)[column])
    return columns


def _tables(plan: Plan) -> list[tuple[Table, str | None]]:
    return [(table, None) for table in plan.long] + list(plan.nested)


def _check_bands(plan: Plan, table: Table, column: str | None, rows: int | None) -> None:
    inner = nested.nested_columns(table.schema)[column] if column is not None else {}
    band = find(plan.reading, dict.fromkeys(inner, ""), "band") or find(plan.reading, table.units, "band")
    if band and (band[0] in inner or band[0] in table.schema):
        names = band_names_in(table, band[0], column, rows, plan.reading)
        check_bands(table.entry.name, names, plan.reading, band[0])


def _check_bands_of_texts(plan: Plan) -> None:
    """Look at the bands of all SNANA text files."""
    columns = plan.snana.names_of("band")
    if plan.texts:
        names = snana_text.band_names_in(plan.texts, columns)
        check_bands(plan.texts[0].folder, names, plan.snana, columns[0])


def _check_bands_of_tables(plan: Plan) -> None:
    """Look at the bands of all PHOT tables of SNANA."""
    columns = plan.snana.names_of("band")
    if plan.heads:
        names = set().union(*(snana_fits.band_names_in(phot, columns) for _, phot in plan.heads))
        check_bands(", ".join(phot.name for _, phot in plan.heads[:3]), names, plan.snana, columns[0])


def _check_objects(plan: Plan) -> None:
    """Look for the columns of objects that the user names; SNANA text is checked when its headers are read."""
    if plan.texts:
        return
    tables = [*(t for t, _ in _tables(plan)), *plan.objects]
    names = {n for t in tables for n in t.units} | {n for h, _ in plan.heads for n in snana_fits.head_columns(h)}
    names |= {n for t, c in plan.nested for n in nested.nested_columns(t.schema)[c]}
    check_named(", ".join([t.entry.name for t in tables] + [h.name for h, _ in plan.heads]), plan.user, names)
