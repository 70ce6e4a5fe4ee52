"""Joint scaling: an affine map of whitened draws, which corrects location, widths and correlations together.

The draws of an object have mean m and covariance C = R Rᵀ (Cholesky); r = R⁻¹ (θ − m) are whitened. The truth and a
draw that is left out of m and C are exchangeable where the posterior is calibrated, whatever its shape and however few
the draws. From their robust means and scatters over all objects, b and T Tᵀ of the truth, b₀ and T₀ T₀ᵀ of the draw,

    r'  =  b + T T₀⁻¹ (r − b₀),     θ'  =  m + R r'

The estimates are Huber's (1964) M-estimators with the weights of Maronna (1976, Ann. Statist. 4, 51): objects beyond
the 99 % ellipsoid count less, so that a few outliers do not widen all posteriors. The map is applied if Akaike's (1974)
criterion prefers it to the identity, with a prior of the weight of one object per value.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from scipy.stats import chi2
from torch import Tensor, nn

HELD_OUT = 8
"""Draws of each object that are compared with the truth, evenly spaced: neighbours may share a dropout mask."""
STEPS = 20
"""Of the iteration of an M-estimator, which converges to three digits in five."""
OBJECTS = 8192
"""Objects whitened at a time."""

Draws = Float[Tensor, "draw object value"]
Scatter = tuple[Float64[Tensor, " value"], Float64[Tensor, "value value"]]


class JointScaling(nn.Module):
    """Affine map of whitened draws, the same for all objects.

    Parameters
    ----------
    values : int
    """

    matrix: Tensor
    shift: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.eye(values, dtype=torch.float64))
        self.register_buffer("shift", torch.zeros(values, dtype=torch.float64))

    def fit(self, draws: Draws, truth: Float[Tensor, "object value"]) -> JointScaling:
        """Fit on the objects that have all true values and finite draws; with few of them it stays the identity."""
        self.matrix.copy_(torch.eye(len(self.shift)))
        self.shift.zero_()
        blocks = torch.arange(draws.shape[1], device=draws.device).split(OBJECTS)
        parts = [_residuals(draws[:, block], truth[block]) for block in blocks] if _is_enough(draws) else []
        if not parts or sum(len(part[0]) for part in parts) < HELD_OUT * 5 * len(self.shift):
            return self
        of_truth, of_draw = (torch.cat(residuals) for residuals in zip(*parts, strict=True))
        matrix, shift = compare(_robust_scatter(of_truth), _robust_scatter(of_draw), len(of_truth) // HELD_OUT)
        self.matrix.copy_(matrix)
        self.shift.copy_(shift)
        return self

    def is_identity(self) -> bool:
        """Whether the map leaves draws as they are."""
        identity = torch.eye(len(self.shift)).to(self.matrix)
        return torch.equal(self.matrix, identity) and not bool(self.shift.any())

    def forward(self, draws: Draws) -> Draws:
        """Map draws; those of an object without a full covariance stay as they are."""
        if self.is_identity() or not _is_enough(draws):
            return draws
        return torch.cat([self._map(block) for block in draws.split(OBJECTS, 1)], 1)

    def _map(self, draws: Draws) -> Draws:
        mean, root, valid = _moments(draws)
        change = torch.linalg.solve_triangular(root, root @ self.matrix.double(), upper=False, left=False)  # R A R⁻¹
        shift = (root @ self.shift.double()[:, None])[..., 0]
        mapped = torch.einsum("oij,soj->soi", change.to(draws), draws - mean.to(draws)) + (mean + shift).to(draws)
        return torch.where(valid[:, None], mapped, draws)


def compare(
    truth: Scatter, draw: Scatter, objects: int
) -> tuple[Float64[Tensor, "value value"], Float64[Tensor, " value"]]:
    """Matrix and shift that turn the scatter of a draw into that of the truth; the identity where that is as probable.

    Parameters
    ----------
    truth, draw : (mean, root of the scatter)
    objects : int
        Number of objects they were estimated on.
    """
    values = len(truth[0])
    identity = torch.eye(values).to(truth[1])
    ratio = torch.linalg.solve_triangular(draw[1], truth[1], upper=False)  # T0⁻¹ T
    offset = torch.linalg.solve_triangular(draw[1], (truth[0] - draw[0])[:, None], upper=False)[:, 0]
    scatter = ratio @ ratio.mT
    gain = objects * (scatter.trace() + offset.square().sum() - values - torch.logdet(scatter))
    if gain <= 2 * (values + values * (values + 1) // 2):
        return identity, torch.zeros_like(offset)
    scatter, offset = (objects * scatter + values * identity) / (objects + values), offset * objects / (objects + 1)
    # In the coordinates of r: T0 chol(scatter) T0⁻¹ for r − b0, and T0 offset.
    root = draw[1] @ torch.linalg.cholesky(scatter)
    matrix = torch.linalg.solve_triangular(draw[1], root, upper=False, left=False)
    return matrix, draw[0] + draw[1] @ offset - matrix @ draw[0]


def _is_enough(draws: Draws) -> bool:
    """Whether there are enough draws for a covariance without one of them."""
    return len(draws) >= max(2 * draws.shape[-1] + 4, HELD_OUT)


def _moments(draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and root of the covariance of the draws of each object, and whether it has one."""
    mean = draws.mean(0, dtype=torch.float64)
    centred = (draws - mean.to(draws)).double()
    return mean, *_root(torch.einsum("soi,soj->oij", centred, centred) / (len(draws) - 1))


def _root(covariance: Float64[Tensor, "object value value"]) -> tuple[Tensor, Tensor]:
    root, failed = torch.linalg.cholesky_ex(covariance)
    valid = (failed == 0) & root.isfinite().all(-1).all(-1)
    return torch.where(valid[:, None, None], root, torch.eye(root.shape[-1]).to(root)), valid


def _residuals(
    draws: Draws, truth: Float[Tensor, "object value"]
) -> tuple[Float64[Tensor, "row value"], Float64[Tensor, "row value"]]:
    """Whitened residuals of the truth, and of a draw left out, `HELD_OUT` times for each object."""
    size = len(draws)
    mean = draws.mean(0, dtype=torch.float64)
    centred = (draws - mean.to(draws)).double()
    product = torch.einsum("soi,soj->oij", centred, centred)
    rows: tuple[list[Tensor], list[Tensor]] = ([], [])
    for own in centred[:: size // HELD_OUT][:HELD_OUT]:
        without = product - own[:, :, None] * own[:, None, :] * size / (size - 1)
        root, valid = _root(without / (size - 2))
        residuals = torch.stack([truth - mean + own / (size - 1), own * size / (size - 1)], -1)
        valid &= residuals.isfinite().all(-1).all(-1)
        whitened = torch.linalg.solve_triangular(root[valid], residuals[valid], upper=False)
        for part, residual in zip(rows, whitened.unbind(-1), strict=True):
            part.append(residual)
    return torch.cat(rows[0]), torch.cat(rows[1])


def _robust_scatter(residuals: Float64[Tensor, "row value"]) -> Scatter:
    """Mean and root of the scatter: Huber's and Maronna's M-estimators."""
    values = residuals.shape[1]
    bound = float(chi2.ppf(0.99, values))
    mean, root = residuals.median(0).values, torch.eye(values).to(residuals)
    for _ in range(STEPS):
        centred = residuals - mean
        distance = torch.linalg.solve_triangular(root, centred.T, upper=False).square().sum(0)
        weight = (bound / distance.clamp(min=1e-12)).clamp(max=1)
        root = torch.linalg.cholesky((weight * centred.T) @ centred / len(residuals))
        mean = mean + (weight.sqrt() @ centred) / weight.sqrt().sum()
    return mean, root
