"""Values of actions, and the probability that the best one is best."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from .columns import Column
from .prediction import Prediction
from .rows import axes


@dataclass(frozen=True, repr=False, eq=False)
class Actions(Prediction):
    """Values of the actions open in each row (a state, a step), with their error.

    Parameters
    ----------
    rows : dict of str to array, shape (row,)
    actions : tuple of str
    values : ndarray, shape (row, action)
        Expected return of each action.
    values_error : ndarray, shape (row, action)
        Its standard deviation: the epistemic uncertainty of the agents.
    feasible : ndarray of bool, shape (row, action)
    best_probability : ndarray, shape (row,)
        Probability that the action that looks best is best.
    aleatoric : ndarray, shape (row, action), optional
        Standard deviation of the return itself, from chance in the environment.
    ood_percentile, is_ood, quality_flags, labels : optional
        See `Prediction`.
    """

    actions: tuple[str, ...]
    values: np.ndarray = field(metadata=axes("row", "action"))
    values_error: np.ndarray = field(metadata=axes("row", "action"))
    feasible: np.ndarray = field(metadata=axes("row", "action"))
    best_probability: np.ndarray = field(metadata=axes("row"))
    aleatoric: np.ndarray | None = field(default=None, kw_only=True, metadata=axes("row", "action"))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def epistemic(self) -> np.ndarray:
        """Standard deviation of the expected return: `values_error`, shape (row, action)."""
        return self.values_error

    @property
    def ranked(self) -> np.ndarray:
        """Indices of the actions from best to worst, infeasible ones last, shape (row, action)."""
        return np.argsort(np.where(self.feasible, -self.values, np.inf), axis=1, kind="stable")

    def columns(self) -> Iterable[Column]:
        """Give `best`, `runner_up`, `p_best`, `value_<action>`, `value_<action>_error`, `feasible_<action>`."""
        names, ranked = np.asarray(self.actions), self.ranked
        yield Column("best", names[ranked[:, 0]], "Feasible action with the highest expected return", "meta.code")
        if len(names) > 1:
            second = ranked[:, 1]
            is_open = np.take_along_axis(self.feasible, second[:, None], 1)[:, 0]
            text = "Second best feasible action; empty where there is none"
            yield Column("runner_up", np.where(is_open, names[second], ""), text, "meta.code")
        text = "Probability that `best` has the highest expected return"
        yield Column("p_best", self.best_probability, text, "stat.probability")
        for k, name in enumerate(self.actions):
            yield Column(f"value_{name}", self.values[:, k], f"Expected return of {name}", "stat.value")
            text = f"Standard deviation of value_{name} over the agents (epistemic)"
            yield Column(f"value_{name}_error", self.values_error[:, k], text, "stat.stdev")
            if self.aleatoric is not None:
                text = f"Standard deviation of the return of {name}, from chance in the environment"
                yield Column(f"value_{name}_aleatoric", self.aleatoric[:, k], text, "stat.stdev")
            yield Column(f"feasible_{name}", self.feasible[:, k], f"Whether {name} is possible", "meta.code")

    def _about(self) -> str:
        return f" of {len(self.actions)} actions ({', '.join(self.actions)})"
