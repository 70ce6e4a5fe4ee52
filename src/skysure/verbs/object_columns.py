"""Columns of objects that the data have (position, host, ...), copied to the rows of predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from skysure.data.names import unused_name
from skysure.errors import InputError
from skysure.predictions import Label, Prediction

P = TypeVar("P", bound=Prediction)
COPIED = Label("Copied from the data")


class ObjectColumns:
    """Copies columns of objects to predictions, after the id: `chunk.carried` or, without it, all in `chunk.objects`.

    The columns and their types are those of the first chunk, so that all chunks of a table have the same ones. A value
    that a later chunk lacks is missing (NaN, ""); a column that only later chunks have is not copied.
    """

    def __init__(self) -> None:
        self._is_text: dict[str, bool] | None = None
        self._names: dict[str, str] | None = None

    def note(self, chunk: Any) -> None:
        """Take the columns from a chunk, if it is the first one."""
        if self._is_text is None:
            columns = _columns(chunk)
            self._is_text = {n: np.asarray(v).dtype.kind in "UOS" for n, v in columns.items() if n != "id"}

    def add(self, prediction: P, chunk: Any) -> P:
        """Return the prediction with the columns of its objects.

        Where a column of the prediction has the same name (in FITS, case does not count), that of the data is called
        `data_<name>`; of two columns of the data whose names differ in case only, so is the second.
        """
        self.note(chunk)
        if not self._is_text or "id" not in prediction.rows:
            return prediction
        if self._names is None:
            self._names = _names_beside(prediction[:0].to_table().colnames, self._is_text)
        index = _index(chunk.ids, prediction.rows["id"])
        columns, labels = {}, dict(prediction.labels)
        for name, is_text in self._is_text.items():
            ours = self._names[name]
            columns[ours] = _values(chunk, name, is_text)[index]
            labels.setdefault(ours, Label.known(ours) or COPIED)
        rows = {"id": prediction.rows["id"]} | columns | prediction.rows
        return replace(prediction, rows=rows, labels=labels)


def _names_beside(used: Iterable[str], names: Iterable[str]) -> dict[str, str]:
    """Choose the name of each column of the data, beside the columns of a prediction."""
    used, chosen = set(used), {}
    for name in names:
        chosen[name] = unused_name(name, used, "data_")
        used.add(chosen[name])
    return chosen


def _columns(chunk: Any) -> Mapping[str, np.ndarray]:
    """Give the columns that a chunk has for its objects, by name; none where it has neither attribute."""
    carried = getattr(chunk, "carried", None)
    return getattr(chunk, "objects", {}) if carried is None else carried


def _index(ids: np.ndarray, selected: np.ndarray) -> np.ndarray:
    """Find the position of each selected id among the ids of a chunk."""
    if np.array_equal(ids, selected):
        return np.arange(len(ids))
    order = np.argsort(ids, kind="stable")
    return order[np.searchsorted(ids, selected, sorter=order)]


def _values(chunk: Any, name: str, is_text: bool) -> np.ndarray:
    columns = _columns(chunk)
    if name not in columns:
        return np.full(len(chunk), "" if is_text else np.nan)
    values = np.asarray(columns[name])
    if is_text == (values.dtype.kind in "UOS"):
        return values
    if is_text:
        return values.astype(str)
    raise InputError(
        f"column '{name}' holds text in some of the data and numbers in others", "one type",
        "files of several surveys", "predict each by itself, or leave the column out of [reading] carry",
    )  # fmt: skip
