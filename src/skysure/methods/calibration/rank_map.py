"""Rank map: a monotone map of each value's draws that makes the ranks of the truth uniform, and keeps the copula.

With z_k = Φ⁻¹(k / (L + 1)) of L draws, the truth of a calibrated posterior has rank k with probability 1 / (L + 1) =
Φ(z_{k+1}) − Φ(z_k). For any other, a monotone κ is fitted by maximum likelihood of the ranks alone,

    P(rank = k)  =  Φ(κ(z_{k+1})) − Φ(κ(z_k)),     so that the truth is calibrated in κ(z)

and draw k, in the order of a value, moves to the quantile κ⁻¹(z_k) of its object (Kuleshov, Fenner & Ermon 2018,
arXiv:1807.00263). Nothing is approximated for a finite number of draws: of L calibrated draws all ranks are equally
probable, and κ is the identity.

κ' is positive and linear between knots, constant outside. The number of knots is that of the best Akaike (1974)
criterion, from none, the identity, to nine: what the data do not demand stays as it is.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int, Int64
from torch import Tensor, nn

from skysure.errors import InputError

KNOTS = (1, 3, 5, 9)
"""Numbers of knots to choose from; one is a shift and a factor. Each set contains the one before."""
WIDTH = 2.5
"""Largest z of a knot: beyond it a few thousand objects say nothing about the slope."""
TAIL = 1.5
"""z of the quantile whose distance from the median continues the draws of an object beyond the outermost."""
LEAST_DRAWS = 10
OBJECTS = 4096
"""Objects mapped at a time."""
SCORING_STEPS, HALVINGS, SMALLEST_SLOPE = 30, 8, 0.01

Draws = Float[Tensor, "draw object value"]


class RankMap(nn.Module):
    """Monotone map of the draws of each value, fitted to the ranks of true values.

    Parameters
    ----------
    values : int
    """

    knots: Tensor
    slopes: Tensor
    start: Tensor

    def __init__(self, values: int) -> None:
        super().__init__()
        self.register_buffer("knots", torch.linspace(-WIDTH, WIDTH, KNOTS[-1]).double().repeat(values, 1))
        self.register_buffer("slopes", torch.ones(values, KNOTS[-1], dtype=torch.float64))
        self.register_buffer("start", torch.full((values,), -WIDTH, dtype=torch.float64))

    def fit(self, draws: Draws, truth: Float[Tensor, "object value"]) -> RankMap:
        """Fit the map of each value on the objects that have a true value and finite draws."""
        counts = count_ranks(draws, truth).cpu()
        knots, slopes, start = fit_slopes(counts)
        for buffer, fitted in zip((self.knots, self.slopes, self.start), (knots, slopes, start), strict=True):
            buffer.copy_(fitted)
        return self

    def is_identity(self) -> Bool[Tensor, " value"]:
        """Whether the map leaves a value as it is."""
        return (self.slopes == 1).all(1) & (self.start == self.knots[:, 0])

    def forward(self, draws: Draws) -> Draws:
        """Map draws; those of an object that are not all finite become NaN."""
        changed = (~self.is_identity()).nonzero()[:, 0]
        if not len(changed):
            return draws
        mapped, positions = draws.clone(), self._positions(len(draws))[changed]
        for start in range(0, draws.shape[1], OBJECTS):
            block = draws[:, start : start + OBJECTS, changed]
            mapped[:, start : start + OBJECTS, changed] = move_to_quantiles(block, positions)
        return mapped

    def _positions(self, draws: int) -> Float64[Tensor, "value draw"]:
        """κ⁻¹(z_k) of the draws in their order."""
        check_draws(draws)
        shape = (buffer.double() for buffer in (self.knots, self.slopes, self.start))
        return inverse(normal_ranks(draws, self.slopes.device), *shape)


def check_draws(draws: int) -> None:
    """Raise InputError for so few draws that they have no tails."""
    if draws < LEAST_DRAWS:
        problem, cause = f"{draws} draws of each object", "a single prediction, or axes in another order"
        raise InputError(problem, f"(draw, object, value), at least {LEAST_DRAWS} draws", cause, "draw 100 or more")


def normal_ranks(draws: int, device: torch.device | None = None) -> Float64[Tensor, " draw"]:
    """Quantiles z_k = Φ⁻¹(k / (L + 1)) of the standard normal distribution, k = 1 ... L."""
    k = torch.arange(1, draws + 1, dtype=torch.float64, device=device)
    return torch.special.ndtri(k / (draws + 1))


def count_ranks(draws: Draws, truth: Float[Tensor, "object value"]) -> Int64[Tensor, "value rank"]:
    """Count the objects by the number of draws below their truth, 0 ... L."""
    check_draws(len(draws))
    rank = torch.zeros(truth.shape, dtype=torch.int64, device=truth.device)
    valid = truth.isfinite()
    for draw in draws:
        rank += draw < truth
        valid &= draw.isfinite()
    size = len(draws) + 1
    return torch.stack([torch.bincount(r[v], minlength=size) for r, v in zip(rank.T, valid.T, strict=True)])


def fit_slopes(
    counts: Int[Tensor, "value rank"],
) -> tuple[Float64[Tensor, "value knot"], Float64[Tensor, "value knot"], Float64[Tensor, " value"]]:
    """Knots, slopes there, and κ at the first knot, of each value, with the best number of knots by Akaike."""
    z = normal_ranks(counts.shape[1] - 1)
    width = min(WIDTH, float(z[-1]))
    knots = torch.linspace(-width, width, KNOTS[-1], dtype=torch.float64).repeat(len(counts), 1)
    slopes, start = torch.ones_like(knots), knots[:, 0].clone()
    best = rank_nll(counts, z, knots, slopes, start)
    for number in KNOTS:
        candidate = _fit_knots(counts, z, knots, number)
        criterion = rank_nll(counts, z, knots, *candidate) + 1 + number
        better = criterion < best
        best = torch.where(better, criterion, best)
        slopes = torch.where(better[:, None], candidate[0], slopes)
        start = torch.where(better, candidate[1], start)
    return knots, slopes, start


def _fit_knots(
    counts: Int[Tensor, "value rank"], z: Float64[Tensor, " draw"], knots: Float64[Tensor, "value knot"], number: int
) -> tuple[Float64[Tensor, "value knot"], Float64[Tensor, " value"]]:
    """Maximise the likelihood with a shift κ(0) and `number` free slopes, and the weak prior N(1, 1) on each slope.

    κ(z) is linear in these, and the logarithm of Φ(b) − Φ(a) concave in a and b, so that there is one maximum: Fisher
    scoring, with steps halved until the likelihood rises.
    """
    between = _interpolation(number).to(knots)
    offset = -_rise_to_middle(knots[:1].repeat(number, 1), between)
    rises = forward(z, knots[:1].repeat(number, 1), between, offset)
    design = torch.cat([torch.ones_like(z)[:, None], rises.T], 1)
    centre = torch.cat([torch.zeros(1), torch.ones(number)]).to(z)
    theta = centre.repeat(len(counts), 1)
    best = _penalised_nll(counts, theta @ design.T, theta - centre)
    for _ in range(SCORING_STEPS):
        step, size = _scoring_step(counts, design, theta, centre), torch.ones(len(counts), 1).to(theta)
        for _ in range(HALVINGS):
            candidate = theta + size * step
            nll = _penalised_nll(counts, candidate @ design.T, candidate - centre)
            better = (nll <= best) & (candidate[:, 1:] > SMALLEST_SLOPE).all(1)
            if better.all():
                break
            size = torch.where(better[:, None], size, size / 2)
        theta, best = torch.where(better[:, None], candidate, theta), torch.where(better, nll, best)
        if (better[:, None] * size * step).abs().max() < 1e-7:
            break
    slopes = theta[:, 1:] @ between
    return slopes, theta[:, 0] - _rise_to_middle(knots, slopes)


def _scoring_step(
    counts: Int[Tensor, "value rank"],
    design: Float64[Tensor, "draw parameter"],
    theta: Float64[Tensor, "value parameter"],
    centre: Float64[Tensor, " parameter"],
) -> Float64[Tensor, "value parameter"]:
    """The inverse of the expected information, applied to the gradient; the prior has the weight of one object."""
    y = theta @ design.T
    probability = _log_probability(y).exp().clamp(min=1e-300)
    slope = torch.exp(-0.5 * y.square())[..., None] / (2 * math.pi) ** 0.5 * design
    change = nn.functional.pad(slope, (0, 0, 1, 1)).diff(dim=1)
    gradient = torch.einsum("vk,vkp->vp", counts / probability, change) - (theta - centre)
    weighted = counts.sum(1)[:, None, None] / probability[..., None] * change
    information = change.mT @ weighted + torch.eye(len(centre)).to(theta)
    return torch.linalg.solve(information, gradient)


def _penalised_nll(
    counts: Int[Tensor, "value rank"], y: Float64[Tensor, "value draw"], deviation: Float64[Tensor, "value parameter"]
) -> Float64[Tensor, " value"]:
    return -(counts * _log_probability(y)).sum(1) + deviation.square().sum(1) / 2


def rank_nll(
    counts: Int[Tensor, "value rank"],
    z: Float64[Tensor, " draw"],
    knots: Float64[Tensor, "value knot"],
    slopes: Float64[Tensor, "value knot"],
    start: Float64[Tensor, " value"],
) -> Float64[Tensor, " value"]:
    """Negative log-likelihood of counted ranks, in nat."""
    return -(counts * _log_probability(forward(z, knots, slopes, start))).sum(1)


def _log_probability(y: Float64[Tensor, "value draw"]) -> Float64[Tensor, "value rank"]:
    """Log probability of each rank, of which κ has the values y at the draws."""
    far = torch.full_like(y[:, :1], 40.0)  # Φ(40) is 1 in float64
    edges = torch.cat([-far, y.clamp(-39, 39), far], 1)
    return _log_difference(edges[:, :-1], edges[:, 1:])


def forward(
    z: Float64[Tensor, " draw"],
    knots: Float64[Tensor, "value knot"],
    slopes: Float64[Tensor, "value knot"],
    start: Float64[Tensor, " value"],
) -> Float64[Tensor, "value draw"]:
    """κ(z): quadratic between the knots, linear outside."""
    points = z.expand(len(knots), -1).contiguous()
    left, width, slope, change, value = _segments(torch.searchsorted(knots, points, right=True), knots, slopes, start)
    t = points - left
    return value + slope * t + 0.5 * change / width * t.square()


def inverse(
    y: Float64[Tensor, " draw"],
    knots: Float64[Tensor, "value knot"],
    slopes: Float64[Tensor, "value knot"],
    start: Float64[Tensor, " value"],
) -> Float64[Tensor, "value draw"]:
    """z with κ(z) = y."""
    at_knots = _at_knots(knots, slopes, start)
    points = y.expand(len(knots), -1).contiguous()
    left, width, slope, change, value = _segments(
        torch.searchsorted(at_knots, points, right=True), knots, slopes, start
    )
    rise = points - value
    root = (slope.square() + 2 * change / width * rise).clamp(min=0).sqrt()
    return left + 2 * rise / (slope + root)


def _segments(
    index: Int64[Tensor, "value draw"],
    knots: Float64[Tensor, "value knot"],
    slopes: Float64[Tensor, "value knot"],
    start: Float64[Tensor, " value"],
) -> tuple[Tensor, ...]:
    """Origin, width, slope at the origin, its change, and κ at the origin, of the segments with these indices.

    A line of unit width is added on either side: segment 0 starts at the first knot too, and runs to the left.
    """
    zero, one = torch.zeros_like(start[:, None]), torch.ones_like(start[:, None])
    origin = torch.cat([knots[:, :1], knots], 1)
    width = torch.cat([one, knots.diff(dim=1), one], 1)
    slope = torch.cat([slopes[:, :1], slopes], 1)
    change = torch.cat([zero, slopes.diff(dim=1), zero], 1)
    value = torch.cat([start[:, None], _at_knots(knots, slopes, start)], 1)
    return tuple(table.gather(1, index) for table in (origin, width, slope, change, value))


def _at_knots(
    knots: Float64[Tensor, "value knot"], slopes: Float64[Tensor, "value knot"], start: Float64[Tensor, " value"]
) -> Float64[Tensor, "value knot"]:
    rises = 0.5 * (slopes[:, 1:] + slopes[:, :-1]) * knots.diff(dim=1)
    return torch.cat([start[:, None], start[:, None] + rises.cumsum(1)], 1)


def _rise_to_middle(
    knots: Float64[Tensor, "value knot"], slopes: Float64[Tensor, "value knot"]
) -> Float64[Tensor, " value"]:
    return _at_knots(knots, slopes, torch.zeros_like(knots[:, 0]))[:, knots.shape[1] // 2]


def _interpolation(number: int) -> Float64[Tensor, "{number} knot"]:
    """Weights of `number` slopes, evenly spaced, in those at all knots."""
    if number == 1:
        return torch.ones(1, KNOTS[-1], dtype=torch.float64)
    place = torch.linspace(0, number - 1, KNOTS[-1], dtype=torch.float64)
    return (1 - (place - torch.arange(number)[:, None]).abs()).clamp(min=0)


def _log_difference(low: Float64[Tensor, "*any"], high: Float64[Tensor, "*any"]) -> Float64[Tensor, "*any"]:
    """log (Φ(high) − Φ(low)), precise in both tails."""
    mirror = low + high > 0
    low, high = torch.where(mirror, -high, low), torch.where(mirror, -low, high)
    above = torch.special.log_ndtr(high)
    gap = (torch.special.log_ndtr(low) - above).clamp(max=-1e-12)
    return above + torch.log(-torch.expm1(gap))


def move_to_quantiles(draws: Draws, positions: Float64[Tensor, "value draw"]) -> Draws:
    """Move the k-th draw of each object and value, in their order, to its quantile at z = positions[value, k].

    Quantiles are linear in z between draws. Beyond the outermost they go on as those of a Gaussian whose half width on
    that side is that of the draws.
    """
    moved = draws.permute(2, 1, 0).contiguous()
    order = _argsort(moved)
    for value, own_order, position in zip(moved, order, positions, strict=True):
        ordered = value.gather(1, own_order).T.contiguous()  # draws along rows, which are faster to pick than columns
        value.scatter_(1, own_order, _at_quantiles(ordered, position).T)
    return moved.permute(2, 1, 0)


def _at_quantiles(
    ordered: Float[Tensor, "draw object"], position: Float64[Tensor, " draw"]
) -> Float[Tensor, "draw object"]:
    z = normal_ranks(len(ordered), ordered.device)
    reach = min(TAIL, float(z[-1]))
    low, middle, high = _quantiles(ordered, z, position.new_tensor([-reach, 0.0, reach]))
    inside = position.clamp(z[0], z[-1])
    below, above = ((position - inside).clamp(max=0).to(ordered), (position - inside).clamp(min=0).to(ordered))
    moved = _quantiles(ordered, z, inside)
    moved += below[:, None] * ((middle - low) / reach) + above[:, None] * ((high - middle) / reach)
    return torch.where(ordered.isfinite().all(0), moved, torch.nan)


def _quantiles(
    ordered: Float[Tensor, "draw object"], z: Float64[Tensor, " draw"], position: Float64[Tensor, " quantile"]
) -> Float[Tensor, "quantile object"]:
    index = torch.searchsorted(z, position.contiguous(), right=True).clamp(1, len(z) - 1)
    share = ((position - z[index - 1]) / (z[index] - z[index - 1])).to(ordered)
    return torch.lerp(ordered[index - 1], ordered[index], share[:, None])


def _argsort(x: Float[Tensor, "value object draw"]) -> Int64[Tensor, "value object draw"]:
    # NumPy sorts with vector instructions, seven times as fast as torch on a CPU.
    return torch.from_numpy(np.argsort(x.numpy())) if x.device.type == "cpu" else x.argsort(-1)
