"""What all predictions share: rows, novelty and flags; a table; and how they show themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
from astropy.table import QTable

from skysure.display import html_table
from skysure.errors import InputError

from .columns import Column, Label, row_columns, table_of
from .rows import axes, take

SHOWN = 10
"""Rows that a notebook shows."""


@dataclass(frozen=True, repr=False, eq=False)
class Prediction(ABC):
    """Rows (an object, an object at an epoch, a state) and what a model predicts of each, in NumPy arrays.

    `len(prediction)` is the number of rows, `prediction[indices]` selects some, `concat` joins several.

    Parameters
    ----------
    rows : dict of str to array, shape (row,)
        What each row is about: "id" and, for instance, "mjd".
    ood_percentile : ndarray, shape (row,), optional
        Fraction of the calibration set that is closer to the training set than this row, from 0 to 1.
    is_ood : ndarray of bool, shape (row,), optional
        Whether the row is flagged as out of distribution.
    quality_flags : ndarray of str, shape (row,), optional
        What limits the prediction of a row, separated by "; "; "" for nothing.
    labels : mapping of str to Label, optional
        Description, UCD and unit of columns in `rows`, and description and UCD of values, by name.
    """

    rows: dict[str, Any] = field(metadata=axes("row"))
    ood_percentile: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row"))
    is_ood: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row"))
    quality_flags: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row"))
    labels: Mapping[str, Label] = field(default_factory=dict, kw_only=True)
    may_be_empty: ClassVar[bool] = False
    """Whether no row at all is an answer too: nothing was detected."""

    @abstractmethod
    def __len__(self) -> int:
        """Count the rows."""

    @abstractmethod
    def columns(self) -> Iterable[Column]:
        """Give the columns of the table between those of `rows` and those of novelty and flags."""

    def __getitem__(self, indices: slice | np.ndarray | Sequence[int]) -> Self:
        """Select rows: a slice, a mask, or indices, in their order."""
        return take(self, indices)

    def to_table(self) -> QTable:
        """Give the prediction as scalar columns with units, descriptions and UCDs; see docs/predictions.md."""
        return table_of(chain(row_columns(self.rows, self.labels), self.columns(), self._shared_columns()))

    def to_pandas(self) -> Any:
        """Give `to_table()` as a `pandas.DataFrame`, without units.

        Raises
        ------
        InputError
            Where pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ModuleNotFoundError:
            raise InputError("pandas is not installed", "pandas, for to_pandas()", "", "pip install pandas") from None
        table = self.to_table()
        return pandas.DataFrame({name: _plain(table[name]) for name in table.colnames}, copy=False)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._summary()}>"

    def _repr_html_(self) -> str:
        table = self[:SHOWN].to_table()
        columns: dict[str, Any] = {name: table[name] for name in table.colnames}
        more = f", the first {SHOWN}" if len(self) > SHOWN else ""
        return html_table(f"{type(self).__name__}: {self._summary()}{more}", columns)

    def _summary(self) -> str:
        novel = "" if self.is_ood is None else f", {int(np.sum(self.is_ood)):,} out of distribution"
        return f"{len(self):,} row{'' if len(self) == 1 else 's'}{self._about()}{novel}"

    def _about(self) -> str:
        """Say in a few words what is predicted, starting with " of "."""
        return ""

    def _shared_columns(self) -> Iterable[Column]:
        if self.ood_percentile is not None:
            text = "Fraction of the calibration set that is closer to the training set than this row (0 to 1)"
            yield Column("ood_percentile", self.ood_percentile, text, "stat.percentile")
        if self.is_ood is not None:
            yield Column("is_ood", self.is_ood, "Whether the row is out of distribution", "meta.code")
        if self.quality_flags is not None:
            text = "What limits the prediction of this row; empty for nothing"
            yield Column("quality_flags", self.quality_flags, text, "meta.code.qual")


def _plain(column: Any) -> np.ndarray:
    """Give the values of a column in the byte order of this machine, without unit."""
    return np.asarray(getattr(column, "value", column))
