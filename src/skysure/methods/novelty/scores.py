"""Out-of-distribution (OOD) scores, and measures of how well they separate OOD from in-distribution objects.

A larger score means further out of distribution. Entropy and mutual information are the `predictive` and `epistemic`
parts of `sampling.split_classes`.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from skysure.errors import InputError
from skysure.methods.arguments import checked, fraction, numbers, unchecked
from skysure.methods.arguments import logits as of_logits
from skysure.methods.calibration.ranking import auc

SAMPLES = {"in_distribution": numbers("row"), "ood": numbers("other")}


@checked(tensors=True, logits=of_logits("... class"))
def energy(logits: Float[Tensor, "*row class"], temperature: float = 1.0) -> Float[Tensor, "*row"]:
    """Energy -T log sum_k exp(z_k / T) of the logits (Liu et al. 2020, eq. 4)."""
    if not temperature > 0:
        raise InputError(f"temperature = {temperature}", "above 0", "a logarithm", "temperature = 1.0")
    return -temperature * torch.logsumexp(logits / temperature, -1)


@checked(SAMPLES)
def auroc(*, in_distribution: Float[ndarray, " row"], ood: Float[ndarray, " other"]) -> float:
    """Area under the ROC curve: probability that an OOD object has the higher score, ties counting half.

    >>> auroc(in_distribution=np.array([0.0, 1.0]), ood=np.array([0.5, 2.0]))
    0.75
    """
    score = np.concatenate([in_distribution, ood])
    return float(unchecked(auc)(score, np.arange(len(score)) >= len(in_distribution)))


@checked(SAMPLES, tpr=fraction())
def fpr_at_tpr(*, in_distribution: Float[ndarray, " row"], ood: Float[ndarray, " other"], tpr: float = 0.95) -> float:
    """Fraction of OOD objects accepted at the threshold that accepts a fraction `tpr` of the others (FPR95).

    As in Liang et al. 2018, in-distribution objects are the positives.

    >>> fpr_at_tpr(in_distribution=np.arange(100.0), ood=np.array([90.0, 94.0, 95.0, 200.0]))
    0.5
    """
    threshold = np.quantile(in_distribution, tpr, method="inverted_cdf")
    return float(np.mean(ood <= threshold))
