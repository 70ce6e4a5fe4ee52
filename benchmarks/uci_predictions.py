"""Predictions of the UCI benchmark: mixtures of Gaussians, their scores, and the calibration of width and tails.

The calibrated density of an object is that of a narrow and a wide copy of the predicted mixture q,

    p(y) = (1 - e) q_f(y) + e q_{f w}(y),    w > 1,

where q_f has its components moved to centre + f (mean - centre) and their standard deviations multiplied by f, never
below the floor of the split. f, w and e are those of least negative log-likelihood on rows that the networks have not
seen, with a prior worth about one row: log f ~ N(0, 1), log(w - 1) ~ N(log 1.5, 1), logit e ~ N(-3, 1).
All methods that are calibrated use the same function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skysure.methods.lbfgs import minimise
from uci_splits import Splits

PRIOR_MEANS = (0.0, math.log(1.5), -3.0)


@dataclass(frozen=True)
class Predicted:
    """Gaussian mixtures in units of the training targets: (split, component, object), of equal weight by default."""

    mean: Tensor
    std: Tensor
    log_weight: Tensor | None = None  # (split, component)

    def weights(self) -> Tensor:
        """Log weights of the components, (split, component, 1)."""
        components = self.mean.shape[1]
        equal = torch.full(self.mean.shape[:2], -math.log(components))
        return (equal if self.log_weight is None else self.log_weight)[..., None]

    def log_density(self, truth: Tensor) -> Tensor:
        """Log-likelihood of each object [nat], in units of the training targets: (split, object)."""
        log_density = -0.5 * ((truth[:, None] - self.mean) / self.std).square() - self.std.log()
        return torch.logsumexp(log_density + self.weights(), 1) - 0.5 * math.log(2 * math.pi)

    def scores(self, splits: Splits) -> dict[str, np.ndarray]:
        """Log-likelihood of the mixture [nat], error of its mean, coverage of its central 68.3 %, for each split."""
        truth, scale, weight = splits.new_y.double(), splits.scale.double(), self.weights().exp()
        u = (weight * torch.special.ndtr((truth[:, None] - self.mean) / self.std)).sum(1)
        error = (weight * self.mean).sum(1) - truth
        return {
            "log_likelihood": (self.log_density(truth).mean(1) - scale.log()).numpy(),
            "rmse": (error.square().mean(1).sqrt() * scale).numpy(),
            "coverage_683": ((2 * u - 1).abs() <= 0.683).double().mean(1).numpy(),
        }


def spread(predicted: Predicted, factor: Tensor, floor: Tensor) -> Predicted:
    """Scale the spread of equally weighted mixtures about their centres, by one factor and floor for each split."""
    factor, centre = factor[:, None, None], predicted.mean.mean(1, keepdim=True)
    std = torch.maximum(factor * predicted.std, floor[:, None, None])
    return Predicted(centre + factor * (predicted.mean - centre), std)


def tailed(predicted: Predicted, floor: Tensor, shape: Tensor) -> Predicted:
    """Mix a narrow and a wide copy; `shape`: log f, log(w - 1), logit e of each split, (3, split)."""
    log_f, log_excess, logit = shape
    copies = [spread(predicted, f, floor) for f in (log_f.exp(), log_f.exp() * (1 + log_excess.exp()))]
    shares = torch.stack([-logit, logit], 1).sigmoid().log() - math.log(predicted.mean.shape[1])
    mean, std = (torch.cat([getattr(copy, name) for copy in copies], 1) for name in ("mean", "std"))
    return Predicted(mean, std, shares.repeat_interleave(predicted.mean.shape[1], 1))


def fit_shape(by: Predicted, truth: Tensor, floor: Tensor) -> Tensor:
    """Fit width and tails of each split to the `truth` of rows that the networks have not seen: (3, split)."""
    shapes = [_fit_one(*parts) for parts in zip(by.mean, by.std, truth, floor, strict=True)]
    return torch.stack(shapes, 1)


def _fit_one(mean: Tensor, std: Tensor, truth: Tensor, floor: Tensor) -> Tensor:
    by, floor, truth = Predicted(mean[None].double(), std[None].double()), floor[None].double(), truth[None].double()
    centre = torch.tensor(PRIOR_MEANS, dtype=torch.float64)
    shape = centre.clone().requires_grad_()

    def objective() -> Tensor:
        prior = (shape - centre).square().sum() / (2 * truth.shape[1])
        return prior - tailed(by, floor, shape[:, None]).log_density(truth).mean()

    minimise(objective, [shape], steps=60)
    return shape.detach()


def calibrate(predicted: Predicted, by: Predicted, truth: Tensor, floor: Tensor) -> tuple[Predicted, Tensor]:
    """Calibrate predictions by those for rows that were not trained on; also the shapes fitted, (3, split)."""
    shape = fit_shape(by, truth, floor)
    exact = Predicted(predicted.mean.double(), predicted.std.double())
    return tailed(exact, floor.double(), shape), shape
