"""Probabilities of classes, with their parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import QTable

from .rows import leading


@dataclass(frozen=True)
class Classes:
    """Class probabilities of rows (an object, an object at an epoch), and where their doubt comes from.

    Parameters
    ----------
    rows : dict of str to array, shape (row,)
        What is spoken of: "id" and, say, "mjd".
    classes : tuple of str
    probability : ndarray, shape (row, class)
        Posterior predictive probability: the mean over posterior samples, after calibration.
    probability_error : ndarray, shape (row, class)
        Standard deviation over posterior samples.
    aleatoric, epistemic : ndarray, shape (row,)
        Expected entropy and mutual information [nat]; their sum is the entropy of `probability`.
    members : ndarray of bool, shape (row, class), optional
        The prediction set: it holds the true class with probability `coverage`. It may be empty.
    coverage : float, optional
    novelty : ndarray, shape (row,), optional
        Share of the calibration set that is less unlike the training set than this row.
    unlike : ndarray of bool, shape (row,), optional
        Whether the row is flagged as unlike the training set.
    flags : ndarray of str, shape (row,), optional
        What else should be known of the row, separated by "; ".
    samples : ndarray, shape (sample, row, class), optional
    """

    rows: dict[str, Any]
    classes: tuple[str, ...]
    probability: np.ndarray
    probability_error: np.ndarray
    aleatoric: np.ndarray
    epistemic: np.ndarray
    prediction_set: np.ndarray | None = None
    coverage: float | None = None
    ood_percentile: np.ndarray | None = None
    is_ood: np.ndarray | None = None
    quality_flags: np.ndarray | None = None
    samples: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.probability)

    @property
    def best(self) -> np.ndarray:
        """Index of the most probable class, shape (row,)."""
        return self.probability.argmax(1)

    def to_table(self) -> QTable:
        """Give the prediction as scalar columns: `predicted_class`, `p_Ia`, `p_Ia_error`, `in_set_Ia`, ..."""
        table = leading(self.rows)
        table["predicted_class"] = np.asarray(self.classes)[self.best]
        for k, name in enumerate(self.classes):
            table[f"p_{name}"] = self.probability[:, k]
            table[f"p_{name}_error"] = self.probability_error[:, k]
        if self.prediction_set is not None:
            for k, name in enumerate(self.classes):
                table[f"in_set_{name}"] = self.prediction_set[:, k]
        table["aleatoric"], table["epistemic"] = self.aleatoric, self.epistemic
        table["predictive"] = self.aleatoric + self.epistemic
        for name in ("ood_percentile", "is_ood", "quality_flags"):
            if getattr(self, name) is not None:
                table[name] = getattr(self, name)
        return table
