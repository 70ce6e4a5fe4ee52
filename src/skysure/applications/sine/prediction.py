"""Prediction of `sine`: posterior samples of the function, their mean, and the decomposition of their variance."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from skysure.methods.arguments import unchecked
from skysure.methods.sampling import sample, split_values
from skysure.predictions import Values

from .networks import SineNetwork
from .points import Points
from .settings import Query


def predict(model: SineNetwork, chunk: Points, query: Query) -> Values:
    """Predict y at the x of a chunk."""
    mean, std = draws(model, chunk.x, query)
    split = unchecked(split_values)(mean, variance=std**2)
    return Values(
        {"id": chunk.ids, "x": chunk.x}, ("y",), ("",),
        *(part.cpu().numpy() for part in (split.mean, split.aleatoric, split.epistemic)),
    )  # fmt: skip


def draws(model: SineNetwork, x: np.ndarray, query: Query, *, calibrated: bool = True) -> tuple[Tensor, Tensor]:
    """Draw functions from the posterior.

    A sample has one set of masks for all x, so that it is a function.

    Returns
    -------
    mean, std : Tensor, float64, shape (sample, object, 1)
        Of y in each sample; std is the noise.
    """
    inputs = torch.as_tensor(x, dtype=torch.float32, device=model.y_mean.device)
    outputs = sample(model, inputs, query.samples, query.seed, shared=True).double()
    mean = outputs[..., :1] * model.y_scale + model.y_mean
    std = torch.exp(0.5 * outputs[..., 1:]) * model.y_scale
    return model.calibration(mean, std) if calibrated else (mean, std)
