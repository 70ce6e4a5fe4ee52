"""Shorten a long series without learning: truncation, subsampling, time bins, bins by information.

Each function maps a `Series` to one of at most `steps` steps; an object with no more steps is unchanged. A data set can
be shortened in parts, once before training. All raise an `InputError` for less than one step.

    bin                      m = Σ w x / Σ w,  its weight Σ w      (the mean of least error, and its error)
    merging two bins         Δχ² = Σ_channels  w₁ w₂ / (w₁ + w₂) (m₁ - m₂)²

Δχ² / 2 is the gain in log-likelihood of two constants over one (from Scargle et al. 2013, arXiv:1207.5578, eq. 41, for
point measurements): the information, in nat, that is lost by merging.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from skysure.errors import InputError

from .series import Series


def truncate(series: Series, steps: int, keep: str = "last") -> Series:
    """Keep contiguous steps of each object: the "first", the "last", or those around the "brightest" in value / error.

    Raises
    ------
    InputError
        For another value of `keep`.

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
        raise InputError(f'keep="{keep}"', "first, last or brightest", "a spelling mistake", "use one of these names")
    return _take_steps(series, start[:, None] + torch.arange(steps, device=start.device))


def subsample(series: Series, steps: int) -> Series:
    """Keep evenly spaced steps: the middle one of each of `steps` equal parts.

    >>> series = Series(torch.arange(9.0)[None], torch.zeros(1, 9, 1), torch.ones(1, 9, 1), torch.tensor([9]))
    >>> subsample(series, 3).time
    tensor([[1., 4., 7.]])
    """
    _check(steps)
    k = torch.arange(steps, device=series.time.device)
    middle = (2 * k + 1) * series.length[:, None] // (2 * steps)
    return _take_steps(series, torch.where(series.length[:, None] > steps, middle, k))


def time_bins(series: Series, steps: int) -> Series:
    """Average in bins of equal duration from the first to the last point; empty bins are left out.

    Raises
    ------
    InputError
        If times decrease or are NaN.

    >>> series = Series(torch.tensor([[0.0, 1.0, 9.0]]), torch.tensor([[[1.0], [2.0], [5.0]]]),
    ...                 torch.tensor([[[1.0], [3.0], [4.0]]]), torch.tensor([3]))
    >>> bins = time_bins(series, 2)
    >>> bins.value.flatten(), bins.weight.flatten(), bins.time.flatten()
    (tensor([1.7500, 5.0000]), tensor([4., 4.]), tensor([0.5000, 9.0000]))
    """
    _check(steps)
    return _average_groups(series, _renumber((_relative_time(series) * steps).floor().clamp(max=steps - 1)), steps)


def information_bins(series: Series, steps: int) -> Series:
    """Average in bins that are narrow where the series changes: merge the neighbours that differ least.

    Merging two neighbours loses the information Δχ² / 2. Each round merges the pairs that lose less than both adjacent
    pairs, until `steps` bins are left. (Ward 1963, doi:10.1080/01621459.1963.10500845, merges one pair at a time, the
    cheapest of all.) Scargle et al. find the optimal bins, in a time quadratic in the number of points.

    Raises
    ------
    InputError
        If values or weights are not finite, or their squares overflow, or times decrease or are NaN.

    >>> value = torch.tensor([[[0.0]] * 5 + [[-9.0]] * 2 + [[0.0]] * 5]).reshape(1, 12, 1)
    >>> series = Series(torch.arange(12.0)[None], value, torch.ones(1, 12, 1), torch.tensor([12]))
    >>> bins = information_bins(series, 3)
    >>> bins.value.flatten(), bins.weight.flatten()
    (tensor([ 0., -9.,  0.]), tensor([5., 2., 5.]))
    """
    _check(steps)
    return _average_groups(series, _merge_neighbours(series, steps), steps)


def _check(steps: int) -> None:
    if steps < 1:
        raise InputError(
            f"{steps} steps", "at least one", "0 used as a switch", "pass the number of steps for the network"
        )


def _take_steps(series: Series, index: Int64[Tensor, "object step"]) -> Series:
    index = index[:, : series.steps].clamp(max=series.steps - 1)
    length = series.length.clamp(max=index.shape[1])
    valid = torch.arange(index.shape[1], device=index.device) < length[:, None]
    step = index[..., None]
    value = series.value.gather(1, step.expand(-1, -1, series.value.shape[2]))
    weight = series.weight.gather(1, step.expand(-1, -1, series.weight.shape[2])) * valid[..., None]
    return Series(series.time.gather(1, index), value, weight, length)


def _relative_time(series: Series) -> Float[Tensor, "object time"]:
    """Return the time since the first point as a fraction of the total duration."""
    if not (series.time.diff(dim=1) >= 0)[series.valid[:, 1:]].all():
        raise InputError(
            "times that decrease, or are NaN", "points in order of time", "unsorted points", "sort the points by time"
        )
    first, last = series.time[:, :1], series.time.gather(1, (series.length[:, None] - 1).clamp(min=0))
    return ((series.time - first).double() / (last - first).clamp(min=torch.finfo(first.dtype).tiny)).clamp(0, 1)


def _renumber(bins: Float[Tensor, "object time"]) -> Int64[Tensor, "object time"]:
    """Renumber non-decreasing bin indices without gaps, from zero."""
    return torch.cumsum(torch.diff(bins, dim=1, prepend=bins[:, :1]) != 0, 1)


def _average_groups(series: Series, group: Int64[Tensor, "object time"], steps: int) -> Series:
    """Average the steps of each group; groups are numbered from zero without gaps, in order of time."""
    steps, valid = min(steps, series.steps), series.valid
    unchanged = torch.arange(series.steps, device=group.device).expand_as(group)
    group = torch.where(series.length[:, None] > steps, group, unchanged).clamp(max=steps - 1)
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


def _merge_neighbours(series: Series, steps: int) -> Int64[Tensor, "object time"]:
    """Return the bin index of each point, after rounds that merge neighbours until at most `steps` bins are left."""
    moments, count = _moments(series), series.length.clone()
    group = torch.arange(series.steps, device=count.device).expand(len(series), -1)
    if not moments.abs().sum(2).prod(0).square().isfinite().all():  # products of these occur in the loss
        raise InputError(
            "values or weights that are not finite, or very large", "finite values and weights, also when squared",
            "gaps filled with NaN", "use value 0 and weight 0 where nothing was measured",
        )  # fmt: skip
    while (excess := (count - steps).clamp(min=0)).any():
        index = torch.arange(moments.shape[2], device=count.device)
        loss = _loss(moments[:, :, :-1], moments[:, :, 1:]).masked_fill(index[1:] >= count[:, None], torch.inf)
        merges = _local_minima(loss)
        cheapest = torch.where(merges, loss, torch.inf).sort(1).values.gather(1, (excess[:, None] - 1).clamp(min=0))
        merges = torch.nn.functional.pad(merges & (loss <= cheapest) & (excess[:, None] > 0), (1, 0))
        bins, count = index - merges.cumsum(1), count - merges.sum(1)
        empty = moments.new_zeros(*moments.shape[:2], int(bins.max()) + 1, moments.shape[3])
        moments = empty.scatter_add_(2, bins[None, ..., None].expand_as(moments), moments)
        group = bins.gather(1, group)
    return group


def _moments(series: Series) -> Float[Tensor, "2 object time channel"]:
    """Return w and w x of each point, x relative to the mean of its object.

    The time is one more channel, with the whole duration as its σ.
    """
    valid = series.valid[..., None].double()
    time = _relative_time(series)[..., None]
    weight = torch.cat([series.weight.expand_as(series.value) * valid, valid], -1)
    value = torch.cat([series.value.double(), time * valid], -1)
    mean = (weight * value).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(
        min=torch.finfo(torch.float64).tiny
    )
    return torch.stack([weight, weight * (value - mean)])


def _loss(
    left: Float[Tensor, "2 object time channel"], right: Float[Tensor, "2 object time channel"]
) -> Float[Tensor, "object time"]:
    """Return Δχ² of merging two sets of points, from their Σ w and Σ w x."""
    product = left[0] * right[0] * (left[0] + right[0])
    difference = left[1] * right[0] - right[1] * left[0]
    measured = product > 0
    loss = torch.where(measured, difference.square() / torch.where(measured, product, 1.0), 0.0)
    return loss.sum(-1).clamp(max=torch.finfo(loss.dtype).max)  # among infinite losses there is no minimum


def _local_minima(loss: Float[Tensor, "object time"]) -> Bool[Tensor, "object time"]:
    """Whether each loss is lower than both neighbours; of equal ones every other, so that no two are adjacent."""
    sides = torch.nn.functional.pad(loss, (1, 1), value=torch.inf)
    even = torch.arange(loss.shape[1], device=loss.device) % 2 == 0
    lower = [torch.where(even, loss <= side, loss < side) for side in (sides[:, :-2], sides[:, 2:])]
    return lower[0] & lower[1] & loss.isfinite()
