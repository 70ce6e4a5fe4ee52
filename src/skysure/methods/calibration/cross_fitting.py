"""Cross-fitting: probabilities of calibration objects from a scaling that was not fitted on them.

Conformal sets have guaranteed coverage if nothing was fitted on the objects of their scores. With few calibration
objects, separate parts for scaling and for scores would make both imprecise; instead each fold is scaled with a fit on
the other folds (cross-conformal prediction, Vovk 2015, Ann. Math. Artif. Intell. 74, 9).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from skysure.methods.arguments import checked, count, labels
from skysure.methods.arguments import logits as of_logits
from skysure.methods.arrays import Array

FOLDS = 5


@checked(tensors=True, logits=of_logits("sample object class"), truth=labels("object"), folds=count())
def cross_fit(
    scaling: Callable[[], nn.Module],
    logits: Float[Array, "sample object class"],
    truth: Int[Array, " object"],
    folds: int = FOLDS,
) -> Float[Tensor, "object class"]:
    """Return the predictive probabilities of objects, each from a scaling fitted on the other folds.

    Parameters
    ----------
    scaling : callable
        Builds a scaling with `fit(logits, truth)`, such as `VectorScaling`.
    logits : Tensor
    truth : Tensor
    folds : int
        Every `folds`-th object is in the same fold. At most as many folds as objects; a single object is not scaled.

    Returns
    -------
    Tensor
        Mean over samples of the scaled softmax, float64.
    """
    fold = torch.arange(len(truth)) % min(folds, len(truth))
    probability = torch.empty(logits.shape[1:], dtype=torch.float64)
    for k in fold.unique():
        inside, outside = fold == k, fold != k
        fold_scaling = scaling()
        if outside.any():
            fold_scaling.fit(logits[:, outside], truth[outside])
        probability[inside] = fold_scaling(logits[:, inside]).double().softmax(-1).mean(0)
    return probability
