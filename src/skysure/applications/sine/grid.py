"""A grid of fixed dropout rates, trained in one batched pass: the search that a learned rate replaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skysure.evaluation import Score
from skysure.methods.calibration import gaussian_mixture_nll
from skysure.methods.dropout import rates
from skysure.methods.ensembles import Ensemble

from .networks import GRID, SineNetwork, network
from .points import Points
from .prediction import draws
from .settings import Query, Schema, Settings

RATES = tuple(float(rate) for rate in np.geomspace(0.001, 0.5, GRID))


def ensemble(settings: Settings, schema: Schema) -> Ensemble:
    """Make a network for each rate; all else is the same."""
    fixed = replace(settings, learned_rate=False, grid=False)
    return Ensemble([network(replace(fixed, rate=rate), schema) for rate in RATES])


def row(model: SineNetwork, points: Points) -> Tensor:
    """Score a network on the points of the validation part.

    Returns
    -------
    Tensor, float64, shape (4,)
        Its rate (a geometric mean where there are several); negative log-likelihood of a point under the mixture,
        uncalibrated; epistemic standard deviation at the points, and as far beyond their range as that is wide.
    """
    mean, std = (samples[..., 0].cpu().numpy() for samples in draws(model, points.x, Query(), calibrated=False))
    far = draws(model, np.array([2 * points.x.max() - points.x.min()]), Query(), calibrated=False)[0]
    rate = np.exp(np.mean(np.log(list(rates(model).values()))))
    nll = gaussian_mixture_nll(mean, std, points.y)
    return torch.tensor([rate, nll, np.sqrt(mean.var(0, ddof=1).mean()), float(far.std())], dtype=torch.float64)


def compare(model: SineNetwork) -> dict[str, Any]:
    """Fixed rates beside the learned ones: their scores on the validation part, and the seconds of training."""
    columns = dict(zip(("rate", "nll", "epistemic", "far"), model.grid.T.tolist(), strict=True))
    learned = {name: column[-1] for name, column in columns.items()} | {"rates": rates(model)}
    seconds = dict(zip(("learned", "grid"), model.grid_seconds.tolist(), strict=True))
    return {name: column[:-1] for name, column in columns.items()} | {"learned": learned, "seconds": seconds}


def scores(grid: dict[str, Any]) -> Iterator[Score]:
    """Scores of the best of the fixed rates beside the learned ones."""
    best, learned, seconds = int(np.argmin(grid["nll"])), grid["learned"], grid["seconds"]
    yield Score("grid_rate", f"Best of {len(grid['rate'])} fixed rates", grid["rate"][best], digits=3,
                help="by the likelihood of the validation part")  # fmt: skip
    yield Score("grid_gain", "Its gain over the learned rates", learned["nll"] - grid["nll"][best], unit="nat",
                digits=3, help="in log-likelihood of a validation point")  # fmt: skip
    yield Score("grid_seconds_over_ours", "Cost of the grid, in trainings of the learned rates",
                seconds["grid"] / seconds["learned"], digits=1,
                help="measured in seconds; all rates of the grid in one batched pass")  # fmt: skip
