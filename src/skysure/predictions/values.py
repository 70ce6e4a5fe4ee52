"""Values with two covariances: of the noise in the data, and of the uncertainty of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from .columns import Column, Label, product
from .prediction import Prediction
from .rows import axes


@dataclass(frozen=True, repr=False, eq=False)
class Values(Prediction):
    """Values of rows, with their uncertainty in two parts; predictive = aleatoric + epistemic covariance.

    Parameters
    ----------
    rows : dict of str to array, shape (row,)
    names : tuple of str
    units : tuple of str
        Unit of each value as astropy writes it; "" for none.
    mean : ndarray, shape (row, value)
    aleatoric, epistemic : ndarray, shape (row, value, value)
        Covariances.
    samples : ndarray, shape (sample, row, value), optional
    low, high : ndarray, shape (row, value), optional
        Ends of intervals that hold the true value with probability `coverage`; not always `mean` ± error.
    measured_low, measured_high : ndarray, shape (row, value), optional
        Ends of intervals that hold a future measurement, which has noise of its own, with probability `coverage`.
    coverage : float, optional
    ood_percentile, is_ood, quality_flags, labels : optional
        See `Prediction`.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    mean: np.ndarray = field(metadata=axes("row", "value"))
    aleatoric: np.ndarray = field(metadata=axes("row", "value", "value"))
    epistemic: np.ndarray = field(metadata=axes("row", "value", "value"))
    samples: np.ndarray | None = field(default=None, metadata=axes("sample", "row", "value"))
    low: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "value"))
    high: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "value"))
    measured_low: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "value"))
    measured_high: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "value"))
    coverage: float | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def predictive(self) -> np.ndarray:
        """Covariance of the prediction, shape (row, value, value)."""
        return self.aleatoric + self.epistemic

    def columns(self) -> Iterable[Column]:
        """Give `y`, `y_error`, `y_aleatoric`, `y_epistemic`, `cov_a_b`.

        Where there are intervals, also `y_low` and `y_high`, `y_measured_low` and `y_measured_high`.
        """
        for k in range(len(self.names)):
            yield from self._columns_of(k)
        for b in range(len(self.names)):
            for a in range(b):
                x, y = self.names[a], self.names[b]
                unit = product(self.units[a], self.units[b])
                text = f"Predictive covariance of {x} and {y}"
                yield Column(f"cov_{x}_{y}", self.predictive[:, a, b], text, "stat.covariance", unit)

    def _columns_of(self, k: int) -> Iterable[Column]:
        name, unit = self.names[k], self.units[k]
        label = self.labels.get(name) or Label(f"Predicted mean of {name}")
        of = f";{label.ucd}" if label.ucd else ""
        yield Column(name, self.mean[:, k], label.description, label.ucd, unit)
        for kind, covariance, source in (
            ("error", self.predictive, ""),
            ("aleatoric", self.aleatoric, ", from noise in the data alone"),
            ("epistemic", self.epistemic, ", from the uncertainty of the model alone"),
        ):
            text = f"Standard deviation of {name}{source}"
            yield Column(f"{name}_{kind}", np.sqrt(covariance[:, k, k]), text, f"stat.stdev{of}", unit)
        qualifier = "" if self.coverage is None else f"{100 * self.coverage:g} % "
        for prefix, quantity, ends in (
            ("", name, (self.low, self.high)),
            ("measured_", f"{name} as it will be measured", (self.measured_low, self.measured_high)),
        ):
            for end, values in zip(("low", "high"), ends, strict=True):
                if values is not None:
                    text = f"{'Lower' if end == 'low' else 'Upper'} end of the {qualifier}interval of {quantity}"
                    ucd = f"{label.ucd};stat.{'min' if end == 'low' else 'max'}" if label.ucd else ""
                    yield Column(f"{name}_{prefix}{end}", values[:, k], text, ucd, unit)

    def _about(self) -> str:
        named = (f"{n} [{unit}]" if unit else n for n, unit in zip(self.names, self.units, strict=True))
        return f" of {', '.join(named)}"
