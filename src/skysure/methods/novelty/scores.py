"""Scores of how unlike an object is, and how well a score tells the unknown from the known. Larger is more unlike.

Entropy and mutual information are the `predictive` and `epistemic` parts of `uncertainty.split_classes`.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from skysure.methods.calibration.ranking import auc


def energy(logits: Float[Tensor, "*row class"], temperature: float = 1.0) -> Float[Tensor, "*row"]:
    """Energy -T log sum_k exp(z_k / T) of the logits (Liu et al. 2020, eq. 4)."""
    return -temperature * torch.logsumexp(logits / temperature, -1)


def auroc(known: Float[ndarray, " row"], unknown: Float[ndarray, " other"]) -> float:
    """Chance that an unknown object scores higher than a known one, ties counting half."""
    score = np.concatenate([known, unknown])
    return float(auc(score, np.arange(len(score)) >= len(known)))


def fpr_at_tpr(known: Float[ndarray, " row"], unknown: Float[ndarray, " other"], tpr: float = 0.95) -> float:
    """Fraction of the unknown that pass as known when the fraction `tpr` of the known pass (Liang et al. 2018).

    >>> fpr_at_tpr(np.arange(100.0), np.array([90.0, 94.0, 95.0, 200.0]))
    0.5
    """
    threshold = np.quantile(known, tpr, method="inverted_cdf")
    return float(np.mean(unknown <= threshold))
