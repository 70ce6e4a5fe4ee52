"""Class probabilities, their uncertainty split in two, and prediction sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from skysure.data.names import class_names_in_columns, printable

from .columns import Column
from .prediction import Prediction
from .rows import axes


@dataclass(frozen=True, repr=False, eq=False)
class Classes(Prediction):
    """Class probabilities of rows (an object, an object at an epoch), with the parts of their uncertainty.

    Parameters
    ----------
    rows : dict of str to array, shape (row,)
        What each row is about: "id" and, for instance, "mjd".
    classes : tuple of str
    probability : ndarray, shape (row, class)
        Posterior predictive probability: the mean over posterior samples, after calibration.
    probability_error : ndarray, shape (row, class)
        Standard deviation over posterior samples.
    aleatoric, epistemic : ndarray, shape (row,)
        Expected entropy and mutual information [nat]; their sum is the entropy of `probability`.
    prediction_set : ndarray of bool, shape (row, class), optional
        The classes in the prediction set, which holds the true class with probability `coverage`. It may be empty.
    coverage : float, optional
    samples : ndarray, shape (sample, row, class), optional
    ood_percentile, is_ood, quality_flags, labels : optional
        See `Prediction`.
    """

    classes: tuple[str, ...]
    probability: np.ndarray = field(metadata=axes("row", "class"))
    probability_error: np.ndarray = field(metadata=axes("row", "class"))
    aleatoric: np.ndarray = field(metadata=axes("row"))
    epistemic: np.ndarray = field(metadata=axes("row"))
    prediction_set: np.ndarray | None = field(default=None, metadata=axes("row", "class"))
    coverage: float | None = None
    samples: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("sample", "row", "class"))

    def __len__(self) -> int:
        return len(self.probability)

    @property
    def best(self) -> np.ndarray:
        """Index of the most probable class, shape (row,)."""
        return self.probability.argmax(1)

    def columns(self) -> Iterable[Column]:
        """Give `predicted_class`, `p_Ia`, `p_Ia_error`, `in_set_Ia`, `aleatoric`, `epistemic`, `predictive`."""
        best = np.asarray(self.classes)[self.best]
        yield Column("predicted_class", best, "Most probable class", "meta.code.class")
        for k, name in enumerate(class_names_in_columns(self.classes)):
            text = f"Probability of class {printable(self.classes[k])}"
            yield Column(f"p_{name}", self.probability[:, k], text, "stat.probability")
            text = f"Standard deviation of p_{name} over posterior samples"
            yield Column(f"p_{name}_error", self.probability_error[:, k], text, "stat.stdev;stat.probability")
        yield from self._set_columns()
        text = "Aleatoric uncertainty: expected entropy of the posterior samples [nat]"
        yield Column("aleatoric", self.aleatoric, text, "stat.value")
        text = "Epistemic uncertainty: mutual information of class and model parameters [nat]"
        yield Column("epistemic", self.epistemic, text, "stat.value")
        text = "Predictive uncertainty: entropy of the class probabilities, aleatoric + epistemic [nat]"
        yield Column("predictive", self.aleatoric + self.epistemic, text, "stat.value")

    def _set_columns(self) -> Iterable[Column]:
        if self.prediction_set is not None:
            qualifier = "" if self.coverage is None else f" ({100 * self.coverage:g} % coverage)"
            for k, name in enumerate(class_names_in_columns(self.classes)):
                text = f"Whether class {printable(self.classes[k])} is in the prediction set{qualifier}"
                yield Column(f"in_set_{name}", self.prediction_set[:, k], text, "meta.code.member")

    def _about(self) -> str:
        return f" of {len(self.classes)} classes ({', '.join(self.classes)})"
