"""Values of actions, and how sure it is that the best is best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import QTable

from .rows import leading


@dataclass(frozen=True)
class Actions:
    """Values of the actions open in each row (a state, a step), with their error.

    Parameters
    ----------
    rows : dict of str to array, shape (row,)
    actions : tuple of str
    values : ndarray, shape (row, action)
        Expected return of each action.
    values_error : ndarray, shape (row, action)
        Its standard deviation: what the agent does not know.
    feasible : ndarray of bool, shape (row, action)
    best_probability : ndarray, shape (row,)
        Probability that the action that looks best is best.
    """

    rows: dict[str, Any]
    actions: tuple[str, ...]
    values: np.ndarray
    values_error: np.ndarray
    feasible: np.ndarray
    best_probability: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def ranked(self) -> np.ndarray:
        """Indices of the actions from best to worst, infeasible ones last, shape (row, action)."""
        return np.argsort(np.where(self.feasible, -self.values, np.inf), axis=1, kind="stable")

    def to_table(self) -> QTable:
        """Give the prediction as scalar columns: `best`, `runner_up`, `p_best`, `value_<action>`, ..."""
        table = leading(self.rows)
        names = np.asarray(self.actions)
        table["best"] = names[self.ranked[:, 0]]
        if len(self.actions) > 1:
            second = self.ranked[:, 1]
            open_too = np.take_along_axis(self.feasible, second[:, None], 1)[:, 0]
            table["runner_up"] = np.where(open_too, names[second], "")
        table["p_best"] = self.best_probability
        for k, name in enumerate(self.actions):
            table[f"value_{name}"] = self.values[:, k]
            table[f"value_{name}_error"] = self.values_error[:, k]
            table[f"feasible_{name}"] = self.feasible[:, k]
        return table
