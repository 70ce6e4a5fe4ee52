"""Probabilities of calibration objects by a scaling that has not seen them.

Prediction sets promise coverage where their scores come from objects that nothing was fitted to. With few objects to
calibrate on, keeping some back for each of the two steps would cost both; here each fold is scaled by what was fitted
on the others (cross-conformal prediction, Vovk 2015, Ann. Math. Artif. Intell. 74, 9).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

FOLDS = 5


def cross_fit(
    scaling: Callable[[], nn.Module],
    logits: Float[Tensor, "sample object class"],
    truth: Int[Tensor, " object"],
    folds: int = FOLDS,
) -> Float[Tensor, "object class"]:
    """Give the predictive probabilities of objects, each by a scaling fitted on the other folds.

    Parameters
    ----------
    scaling : callable
        Makes a scaling with `fit(logits, truth)`, such as `VectorScaling`.
    logits : Tensor
    truth : Tensor
    folds : int
        Every `folds`-th object makes a fold; fewer folds where objects are fewer, and with one object the identity.

    Returns
    -------
    Tensor
        The mean over samples of the scaled softmax, float64.
    """
    fold = torch.arange(len(truth)) % max(1, min(folds, len(truth)))
    found = torch.empty(logits.shape[1:], dtype=torch.float64)
    for k in fold.unique():
        mine, others = fold == k, fold != k
        fitted = scaling()
        if others.any():
            fitted.fit(logits[:, others], truth[others])
        found[mine] = fitted(logits[:, mine]).double().softmax(-1).mean(0)
    return found
