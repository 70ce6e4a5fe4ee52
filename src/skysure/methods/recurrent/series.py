"""Sequences of measurements of many objects, and what a recurrent network reads of them.

A step has a time and, for each channel (a band, say), a value and its weight 1/σ²; a weight of zero means that the
channel was not measured then. Whatever makes a long series short takes a `Series` and gives a `Series`, so that the
network behind it need not know how.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from .decay import gaps


@dataclass(frozen=True)
class Series:
    """Measurements of objects in the order of their times, padded at the end.

    An object may have no steps at all: it is all padding, and stays so whatever is made of the series. Where all are
    so, one step of padding stands there, as recurrent layers refuse a sequence of none.

    Parameters
    ----------
    time : Tensor
        Any finite numbers at padding.
    value : Tensor
        Any finite numbers where nothing was measured.
    weight : Tensor
        1/σ² of each value, or one number for all channels of a step; zero where nothing was measured, and at padding.
    length : Tensor
        Steps of each object without its padding, from zero on.

    Examples
    --------
    >>> flux, error = torch.randn(2, 50, 1), torch.ones(2, 50, 1)
    >>> series = Series(torch.arange(50.0).expand(2, -1), flux, error**-2, torch.tensor([50, 50]))
    >>> len(series), series.steps
    (2, 50)
    """

    time: Float[Tensor, "object time"]
    value: Float[Tensor, "object time channel"]
    weight: Float[Tensor, "object time #channel"]
    length: Int64[Tensor, " object"]

    def __post_init__(self) -> None:
        if not self.steps:
            vars(self).update(vars(self.pad(1)))

    def __len__(self) -> int:
        return len(self.length)

    @property
    def steps(self) -> int:
        """Steps of the longest object, padding of all included."""
        return self.time.shape[1]

    @property
    def valid(self) -> Bool[Tensor, "object time"]:
        """Which steps are no padding."""
        return torch.arange(self.steps, device=self.time.device) < self.length[:, None]

    def __getitem__(self, which: slice | Tensor) -> Series:
        """Take some of the objects: a slice, a mask, or indices."""
        return Series(self.time[which], self.value[which], self.weight[which], self.length[which])

    def between(self, start: int, stop: int) -> Series:
        """Take the steps from `start` to before `stop`, of all objects, without a copy."""
        part = slice(start, min(stop, self.steps))
        length = (self.length - start).clamp(0, max(part.stop - start, 0))
        return Series(self.time[:, part], self.value[:, part], self.weight[:, part], length)

    def pad(self, steps: int) -> Series:
        """Add padding until there are this many steps; none where there are more already."""
        more = (0, 0, 0, max(0, steps - self.steps))
        value, weight = torch.nn.functional.pad(self.value, more), torch.nn.functional.pad(self.weight, more)
        return Series(torch.nn.functional.pad(self.time, more[2:]), value, weight, self.length)

    def windows(self, size: int) -> Series:
        """Cut each object into windows of `size` steps, which become objects of their own."""
        whole = self.pad(-(-self.steps // size) * size)
        starts = torch.arange(0, whole.steps, size, device=self.time.device)
        length = (self.length[:, None] - starts).clamp(0, size)
        time, value, weight = (
            x.unflatten(1, (-1, size)).flatten(0, 1) for x in (whole.time, whole.value, whole.weight)
        )
        return Series(time, value, weight, length.flatten())


def step_features(series: Series) -> Float[Tensor, "object time feature"]:
    """Return what a network reads of each step: of each channel value, ln σ and whether measured; ln(1 + gap).

    All are zero at padding, and those of a channel where it was not measured. The gap is the time since the step
    before, in whatever unit `time` has: choose it so that usual gaps are of order one.

    >>> series = Series(torch.tensor([[0.0, 3.0]]), torch.tensor([[[5.0], [7.0]]]), torch.ones(1, 2, 1),
    ...                 torch.tensor([2]))
    >>> step_features(series)
    tensor([[[5.0000, -0.0000, 1.0000, 0.0000],
             [7.0000, -0.0000, 1.0000, 1.3863]]])
    """
    measured = series.weight > 0
    log_error = -0.5 * torch.where(measured, series.weight, 1.0).log()
    gap = (gaps(series.time).log1p() * series.valid)[..., None]
    return torch.cat([series.value * measured, log_error, measured.to(gap), gap], -1)
