"""Fewer steps of a long series, without learning: a stretch, every so many, time bins, narrow bins where it changes.

Each takes a `Series` and gives one of at most `steps` steps; an object that has no more than that stays as it is. None
of them needs more than a few objects at a time, so a set is shortened once, before training, and what is trained on has
the length of the window. To ask for less than one step is an `InputError`.

    bin                      m = Σ w x / Σ w,  its weight Σ w      (the mean of least error, and its error)
    merging two of them      Δχ² = Σ_channels  w₁ w₂ / (w₁ + w₂) (m₁ - m₂)²

Δχ² / 2 is the log-likelihood that two constants instead of one bring (from Scargle et al. 2013, arXiv:1207.5578,
eq. 41, for point measurements): the information, in nat, that is lost where they are merged.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from skysure.errors import InputError

from .series import Series


def truncate(series: Series, steps: int, keep: str = "last") -> Series:
    """Keep one stretch of each object: its "first" or "last" steps, or those around the "brightest" in value / error.

    Raises
    ------
    InputError
        For any other stretch.

    >>> series = Series(torch.arange(9.0)[None], torch.zeros(1, 9, 1), torch.ones(1, 9, 1), torch.tensor([8]))
    >>> truncate(series, 3).time
    tensor([[5., 6., 7.]])
    """
    _check(steps)
    spare = (series.length - steps).clamp(min=0)
    if keep == "first":
        start = torch.zeros_like(spare)
    elif keep == "last":
        start = spare
    elif keep == "brightest":
        ratio = torch.where(series.weight > 0, series.value * series.weight.sqrt(), -torch.inf)
        start = torch.minimum((ratio.amax(-1).argmax(1) - steps // 2).clamp(min=0), spare)
    else:
        raise InputError(f'keep="{keep}"', "first, last or brightest", "a stretch that has no name", "name one of them")
    return _taken(series, start[:, None] + torch.arange(steps, device=start.device))


def subsample(series: Series, steps: int) -> Series:
    """Keep steps at even distances: of each of `steps` equal parts the middle one.

    >>> series = Series(torch.arange(9.0)[None], torch.zeros(1, 9, 1), torch.ones(1, 9, 1), torch.tensor([9]))
    >>> subsample(series, 3).time
    tensor([[1., 4., 7.]])
    """
    _check(steps)
    k = torch.arange(steps, device=series.time.device)
    middle = (2 * k + 1) * series.length[:, None] // (2 * steps)
    return _taken(series, torch.where(series.length[:, None] > steps, middle, k))


def time_bins(series: Series, steps: int) -> Series:
    """Average in bins of equal time from the first to the last point; empty bins are left out.

    Raises
    ------
    InputError
        Where times go back, or are not numbers.

    >>> series = Series(torch.tensor([[0.0, 1.0, 9.0]]), torch.tensor([[[1.0], [2.0], [5.0]]]),
    ...                 torch.tensor([[[1.0], [3.0], [4.0]]]), torch.tensor([3]))
    >>> bins = time_bins(series, 2)
    >>> bins.value.flatten(), bins.weight.flatten(), bins.time.flatten()
    (tensor([1.7500, 5.0000]), tensor([4., 4.]), tensor([0.5000, 9.0000]))
    """
    _check(steps)
    return _averaged(series, _numbered((_share(series) * steps).floor().clamp(max=steps - 1)), steps)


def information_bins(series: Series, steps: int) -> Series:
    """Average in bins that are narrow where the series changes: merge the neighbours that differ least.

    Of two neighbours the merging loses Δχ² / 2. In each round those merge that lose less than the pairs on either side
    (Ward 1963, doi:10.1080/01621459.1963.10500845, merges the cheapest pair of all at a time, and any two), until
    `steps` are left. Scargle et al. find the best bins of all, in a time that grows as the square of the points.

    Raises
    ------
    InputError
        Where values or weights are not finite, or enormous, or times go back or are not numbers.

    >>> value = torch.tensor([[[0.0]] * 5 + [[-9.0]] * 2 + [[0.0]] * 5]).reshape(1, 12, 1)
    >>> series = Series(torch.arange(12.0)[None], value, torch.ones(1, 12, 1), torch.tensor([12]))
    >>> bins = information_bins(series, 3)
    >>> bins.value.flatten(), bins.weight.flatten()
    (tensor([ 0., -9.,  0.]), tensor([5., 2., 5.]))
    """
    _check(steps)
    return _averaged(series, _merged(series, steps), steps)


def _check(steps: int) -> None:
    if steps < 1:
        raise InputError(f"{steps} steps", "one at least", "", "ask for as many as the network can read")


def _taken(series: Series, index: Int64[Tensor, "object step"]) -> Series:
    index = index[:, : series.steps].clamp(max=series.steps - 1)
    length = series.length.clamp(max=index.shape[1])
    valid = torch.arange(index.shape[1], device=index.device) < length[:, None]
    at = index[..., None]
    value = series.value.gather(1, at.expand(-1, -1, series.value.shape[2]))
    weight = series.weight.gather(1, at.expand(-1, -1, series.weight.shape[2])) * valid[..., None]
    return Series(series.time.gather(1, index), value, weight, length)


def _share(series: Series) -> Float[Tensor, "object time"]:
    """Return the time since the first point, as a share of that of the last."""
    if not (series.time.diff(dim=1) >= 0)[series.valid[:, 1:]].all():
        raise InputError(
            "times that go back, or are not numbers", "points in the order of time", "", "sort them by time"
        )
    first, last = series.time[:, :1], series.time.gather(1, (series.length[:, None] - 1).clamp(min=0))
    return ((series.time - first).double() / (last - first).clamp(min=torch.finfo(first.dtype).tiny)).clamp(0, 1)


def _numbered(bins: Float[Tensor, "object time"]) -> Int64[Tensor, "object time"]:
    """Number bins that never go down by those that occur, from zero."""
    return torch.cumsum(torch.diff(bins, dim=1, prepend=bins[:, :1]) != 0, 1)


def _averaged(series: Series, group: Int64[Tensor, "object time"], steps: int) -> Series:
    """Average the steps of each group; groups are numbered from zero without holes, in the order of time."""
    steps, valid = min(steps, series.steps), series.valid
    alone = torch.arange(series.steps, device=group.device).expand_as(group)
    group = torch.where(series.length[:, None] > steps, group, alone).clamp(max=steps - 1)
    length = torch.where(valid, group + 1, 0).amax(1)

    def total(x: Float[Tensor, "object time channel"]) -> Float[Tensor, "object step channel"]:
        empty = x.new_zeros(len(x), steps, x.shape[2], dtype=torch.float64)
        return empty.scatter_add_(1, group[..., None].expand_as(x), x.double())

    weight = total(series.weight * valid[..., None])
    value = total(series.value * series.weight * valid[..., None]) / torch.where(weight > 0, weight, 1.0)
    counts = total(valid[..., None].to(series.time))
    time = total((series.time * valid)[..., None]) / counts.clamp(min=1)
    dtype = series.value.dtype
    return Series(time[..., 0].to(series.time.dtype), value.to(dtype), weight.to(dtype), length)


def _merged(series: Series, steps: int) -> Int64[Tensor, "object time"]:
    """Number each point by its bin, of `steps` at most, after rounds that merge the neighbours that differ least."""
    moments, count = _moments(series), series.length.clone()
    group = torch.arange(series.steps, device=count.device).expand(len(series), -1)
    if not moments.abs().sum(2).prod(0).square().isfinite().all():  # they bound what a loss divides
        raise InputError(
            "values or weights that are not finite, or enormous", "finite ones, also squared",
            "gaps filled with NaN", "give them the value 0 and weight 0",
        )  # fmt: skip
    while (excess := (count - steps).clamp(min=0)).any():
        at = torch.arange(moments.shape[2], device=count.device)
        loss = _loss(moments[:, :, :-1], moments[:, :, 1:]).masked_fill(at[1:] >= count[:, None], torch.inf)
        merges = _lowest(loss)
        cheapest = torch.where(merges, loss, torch.inf).sort(1).values.gather(1, (excess[:, None] - 1).clamp(min=0))
        merges = torch.nn.functional.pad(merges & (loss <= cheapest) & (excess[:, None] > 0), (1, 0))
        bins, count = at - merges.cumsum(1), count - merges.sum(1)
        index = bins[None, ..., None].expand_as(moments)
        empty = moments.new_zeros(*moments.shape[:2], int(bins.max()) + 1, moments.shape[3])
        moments, group = empty.scatter_add_(2, index, moments), bins.gather(1, group)
    return group


def _moments(series: Series) -> Float[Tensor, "2 object time channel"]:
    """Return w and w x of each point about the mean of its object; the time is one more channel, its σ the whole span."""
    inside = series.valid[..., None].double()
    time = _share(series)[..., None]
    weight = torch.cat([series.weight.expand_as(series.value) * inside, inside], -1)
    value = torch.cat([series.value.double(), time * inside], -1)
    mean = (weight * value).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(
        min=torch.finfo(torch.float64).tiny
    )
    return torch.stack([weight, weight * (value - mean)])


def _loss(
    left: Float[Tensor, "2 object time channel"], right: Float[Tensor, "2 object time channel"]
) -> Float[Tensor, "object time"]:
    """Return Δχ² of merging two sets of points, from their Σ w and Σ w x."""
    both = left[0] * right[0] * (left[0] + right[0])
    apart = left[1] * right[0] - right[1] * left[0]
    known = both > 0
    each = torch.where(known, apart.square() / torch.where(known, both, 1.0), 0.0)
    return each.sum(-1).clamp(max=torch.finfo(each.dtype).max)  # were all infinite, none would be the lowest


def _lowest(loss: Float[Tensor, "object time"]) -> Bool[Tensor, "object time"]:
    """Say which are lower than both neighbours; of equal ones every other, so that none is beside another."""
    sides = torch.nn.functional.pad(loss, (1, 1), value=torch.inf)
    even = torch.arange(loss.shape[1], device=loss.device) % 2 == 0
    lower = [torch.where(even, loss <= side, loss < side) for side in (sides[:, :-2], sides[:, 2:])]
    return lower[0] & lower[1] & loss.isfinite()
