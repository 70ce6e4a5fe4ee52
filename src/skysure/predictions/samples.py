"""HDF5 files of posterior samples: a form that predictions of values with samples can take.

The file has the datasets `id`, `samples` (object, sample, value), `mean` (object, value) and `covariance`
(object, value, value), the other columns of the rows under `rows/`, novelty and flags. Attributes of `samples` are
`names`, `units` and `descriptions` of the values; those of the file say where the prediction comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from skysure.data.results import hdf5, space
from skysure.data.results.spool import Spool
from skysure.data.targets import os_errors, require_room, unfinished
from skysure.errors import InputError

from .values import Values
from .writers import Answer, Form, Task, register

FORMAT = "posterior samples of skysure, version 1"


class SamplesWriter:
    """Write posterior samples, chunk by chunk; an interrupted prediction continues after its finished chunks.

    Raises InputError where h5py is not installed, or where a prediction has no samples.
    """

    is_full = False
    notes = ()

    def __init__(self, paths: Sequence[Path], task: Task) -> None:
        assert task.publication is not None, "files of samples are published together with the others"
        hdf5.require_h5py(paths[0])
        self.paths, self._task, self._publication = tuple(paths), task, task.publication
        self._spool = Spool(task.publication.folder, prefix="samples-")

    @property
    def rows(self) -> int:
        """Number of rows so far, with those of an interrupted prediction that is resumed."""
        return self._publication.rows if self._publication.is_complete else self._spool.rows

    def has(self, key: str) -> bool:
        """Whether the interrupted prediction that is resumed has finished the chunk of this key."""
        return self._publication.is_complete or self._spool.has(key)

    def write(self, answer: Answer) -> None:
        """Add the samples of an answer."""
        prediction = answer.prediction
        assert isinstance(prediction, Values)
        table = hdf5.arrow_table(arrays_of(prediction, self.paths[0]), describe(prediction))
        with os_errors(self._spool.folder):
            self._spool.append(table, answer.key)

    def require_space(self, share: float) -> str:
        """Say how much disk space all samples will need; raises InputError where there is less."""
        expected = space.expected_bytes(self._spool.size / share, self._spool.folder, self.paths)
        return space.require_space(expected, self._spool.size, self._spool.folder)

    def __enter__(self) -> Self:
        if self._publication.is_resumed and not self._publication.is_complete:
            with os_errors(self._spool.folder):
                self._spool.resume()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and not self._publication.is_complete:
            self._spool.require_all()
            attributes = {"format": FORMAT} | dict(self._task.metadata)
            for path in self.paths:
                with self._publication.file(path) as file:
                    require_room(file, round(1.1 * self._spool.size) + 100 * self._spool.rows + 2**20)
                    hdf5.write(unfinished(path), self._spool.chunks(), self._spool.rows, attributes)


def arrays_of(prediction: Values, path: Path) -> dict[str, np.ndarray]:
    """Give the arrays of a prediction with the row as their first axis, by the name of their dataset."""
    if prediction.samples is None:
        raise InputError(
            f"{path}: the prediction has no posterior samples", "a prediction of values with samples",
            "this model gives means and covariances", "write a table: .parquet .fits .ecsv",
        )  # fmt: skip
    arrays = {"id": np.asarray(prediction.rows["id"]).astype(str)}
    others = {name: np.asarray(column) for name, column in prediction.rows.items() if name != "id"}
    arrays |= {f"rows/{name.replace('/', '_')}": column for name, column in others.items()}
    arrays["samples"] = np.moveaxis(prediction.samples, 0, 1).astype(np.float32)
    arrays |= {"mean": prediction.mean, "covariance": prediction.predictive}
    shared = {name: getattr(prediction, name) for name in ("ood_percentile", "is_ood", "quality_flags")}
    return arrays | {name: np.asarray(column) for name, column in shared.items() if column is not None}


def describe(prediction: Values) -> dict[str, dict[str, tuple[str, ...]]]:
    """Give the attributes of the datasets: axes, and names, units and descriptions of the values."""
    labels = (prediction.labels.get(name) for name in prediction.names)
    texts = tuple(label.description if label else "" for label in labels)
    values = {"names": prediction.names, "units": prediction.units, "descriptions": texts}
    return {
        "samples": {"axes": ("object", "sample", "value")} | values,
        "mean": {"axes": ("object", "value")} | values,
        "covariance": {"axes": ("object", "value", "value")} | values,
    }


register(Form("file of samples", (".h5", ".hdf5"), SamplesWriter, (Values,)))
