"""Whether the columns that a reading uses can be read, judged by their types before any row is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from skysure.data.files.types import is_list, is_plain_scalar, plain_type
from skysure.data.problems import Problems
from skysure.errors import InputError

from .columns import Columns
from .reading import OBJECT_COLUMNS


def check_types(columns: Columns, schema: Mapping[str, pa.DataType]) -> None:
    """Refuse columns of a table with one value a row that hold lists, structs or what cannot be read.

    Raises
    ------
    InputError
        All of them in one, each with its name and type.
    """
    _check(columns, schema, {}, columns.to_read)


def check_nested_types(columns: Columns, schema: Mapping[str, pa.DataType], inner: Mapping[str, pa.DataType]) -> None:
    """The same for a nested table, whose points lie in lists: `inner` are their fields, with types of one value.

    A band or a zero point beside the lists is that of all points of its row.
    """
    value = ["flux", "flux_error"] if "flux" in columns.of else ["mag", "mag_error", "sign"]
    of_points = {name for column in ("time", *value) for name in columns.of.get(column, ())[:1]}
    problems = Problems()
    for name in sorted(of_points - inner.keys()):
        with problems.collect():
            raise InputError(
                f"{columns.file}: column '{name}' of type {schema.get(name, 'unknown')}",
                "a list a row, as the other columns of the light curve", "one value for a whole object",
                "write it as lists of the same lengths",
            )  # fmt: skip
    with problems.collect():
        _check(columns, schema, inner, columns.to_read)
    problems.raise_all()


def _check(
    columns: Columns, schema: Mapping[str, pa.DataType], inner: Mapping[str, pa.DataType], names: Iterable[str]
) -> None:
    problems = Problems()
    for name in names:
        kind = plain_type(inner[name] if name in inner else schema.get(name, pa.null()))
        if not is_plain_scalar(kind):
            with problems.collect():
                raise _unreadable(columns, name, kind)
    problems.raise_all()


def _unreadable(columns: Columns, name: str, kind: pa.DataType) -> InputError:
    ours = next((column for column, names in columns.of.items() if name in names), "")
    fix = f'add to [reading.columns]: {ours} = "..."' if ours else "take it out of the reading"
    if ours in OBJECT_COLUMNS:
        fix += ' ("" where there is none)'
    expected = "numbers or text, one value a row"
    cause = "several values in a row" if is_list(kind) or pa.types.is_struct(kind) else "a type that is not read"
    return InputError(f"{columns.file}: column '{name}' of type {kind}", expected, cause, fix)
