"""A grid of fixed dropout rates, trained in one batched pass: the search that a learned rate replaces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skysure.methods.calibration import gaussian_mixture_nll
from skysure.methods.dropout import rates
from skysure.methods.ensembles import Ensemble

from .networks import GRID, SineNetwork, network
from .points import Points
from .prediction import draws
from .settings import Query, Schema, Settings

RATES = tuple(float(rate) for rate in np.geomspace(0.001, 0.5, GRID))


def ensemble(settings: Settings, schema: Schema) -> Ensemble:
    """Make a network for each rate; they differ in nothing else."""
    fixed = replace(settings, learned_rate=False, grid=False)
    return Ensemble([network(replace(fixed, rate=rate), schema) for rate in RATES])


def row(model: SineNetwork, points: Points) -> Tensor:
    """Score a network on points that it may be chosen by.

    Returns
    -------
    Tensor, float64, shape (4,)
        Its rate (a geometric mean where there are several); negative log-likelihood of a point under the mixture,
        uncalibrated; epistemic standard deviation at the points, and as far beyond their range as that is wide.
    """
    mean, std = (drawn[..., 0].cpu().numpy() for drawn in draws(model, points.x, Query(), calibrated=False))
    far = draws(model, np.array([2 * points.x.max() - points.x.min()]), Query(), calibrated=False)[0]
    rate = np.exp(np.mean(np.log(list(rates(model).values()))))
    nll = gaussian_mixture_nll(mean, std, points.y)
    return torch.tensor([rate, nll, np.sqrt(mean.var(0, ddof=1).mean()), float(far.std())], dtype=torch.float64)


def found(model: SineNetwork) -> dict[str, Any]:
    """Say what fixed rates and the learned ones came to on the validation part, and in how many seconds."""
    columns = dict(zip(("rate", "nll", "epistemic", "far"), model.grid.T.tolist(), strict=True))
    learned = {name: column[-1] for name, column in columns.items()} | {"rates": rates(model)}
    seconds = dict(zip(("learned", "grid"), model.grid_seconds.tolist(), strict=True))
    return {name: column[:-1] for name, column in columns.items()} | {"learned": learned, "seconds": seconds}


def scores(grid: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Score the choice among fixed rates beside the learned ones."""
    best, learned, seconds = int(np.argmin(grid["nll"])), grid["learned"], grid["seconds"]
    yield {"name": "grid_rate", "label": f"Best of {len(grid['rate'])} fixed rates", "digits": 3,
           "value": grid["rate"][best], "help": "by the likelihood of the validation part"}  # fmt: skip
    yield {"name": "grid_gain", "label": "What it gains over the learned rates", "digits": 3, "unit": "nat",
           "value": learned["nll"] - grid["nll"][best], "help": "in log-likelihood of a validation point"}  # fmt: skip
    yield {"name": "grid_seconds_over_ours", "label": "What the grid costs, in trainings of the learned rates",
           "digits": 1, "value": seconds["grid"] / seconds["learned"],
           "help": "measured in seconds; all rates of the grid in one batched pass"}  # fmt: skip
