"""Values with a covariance for the noise in the data and one for the ignorance of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import QTable

from .rows import leading


@dataclass(frozen=True)
class Values:
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
        Ends of intervals that hold the truth with probability `coverage`, not always `mean` ± error.
    coverage : float, optional
    flags : ndarray of str, shape (row,), optional
        What to know before one relies on a row; "" for nothing.
    """

    rows: dict[str, Any]
    names: tuple[str, ...]
    units: tuple[str, ...]
    mean: np.ndarray
    aleatoric: np.ndarray
    epistemic: np.ndarray
    samples: np.ndarray | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    coverage: float | None = None
    quality_flags: np.ndarray | None = None
    measured_low: np.ndarray | None = None
    measured_high: np.ndarray | None = None
    ood_percentile: np.ndarray | None = None
    is_ood: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def predictive(self) -> np.ndarray:
        """Covariance of the prediction, shape (row, value, value)."""
        return self.aleatoric + self.epistemic

    def to_table(self) -> QTable:
        """Give the prediction as scalar columns: `y`, `y_error`, `y_aleatoric`, `y_epistemic`, `cov_a_b`.

        Where there are intervals, also `y_low` and `y_high`; where there are flags, `quality_flags`.
        """
        table = leading(self.rows)
        for k, (name, unit) in enumerate(zip(self.names, self.units, strict=True)):
            columns = {
                name: self.mean[:, k],
                f"{name}_error": np.sqrt(self.predictive[:, k, k]),
                f"{name}_aleatoric": np.sqrt(self.aleatoric[:, k, k]),
                f"{name}_epistemic": np.sqrt(self.epistemic[:, k, k]),
            }
            if self.low is not None and self.high is not None:
                columns |= {f"{name}_low": self.low[:, k], f"{name}_high": self.high[:, k]}
            if self.measured_low is not None and self.measured_high is not None:
                columns |= {f"{name}_measured_low": self.measured_low[:, k]}
                columns |= {f"{name}_measured_high": self.measured_high[:, k]}
            for column, values in columns.items():
                table[column] = values * u.Unit(unit) if unit else values
        for a in range(len(self.names)):
            for b in range(a):
                table[f"cov_{self.names[b]}_{self.names[a]}"] = self.predictive[:, b, a]
        for name in ("ood_percentile", "is_ood", "quality_flags"):
            if getattr(self, name) is not None:
                table[name] = getattr(self, name)
        return table
