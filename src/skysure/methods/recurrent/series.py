"""Time series of many objects, and the features of each step for a recurrent network.

A step has a time and, for each channel (for example a band), a value and its weight 1/σ²; a weight of zero means that
the channel was not measured. All methods that shorten a series map a `Series` to a `Series`, so that the network that
reads it does not depend on the method.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from .decay import gaps


@dataclass(frozen=True)
class Series:
    """Measurements of objects in order of time, padded at the end.

    An object may have no steps, and is then all padding. If no object has a step, there is one step of padding, as
    recurrent layers do not accept empty sequences.

    Parameters
    ----------
    time : Tensor
        Any finite numbers at padding.
    value : Tensor
        Any finite numbers where nothing was measured.
    weight : Tensor
        1/σ² of each value, or one number for all channels of a step; zero where nothing was measured, and at padding.
    length : Tensor
        Number of steps of each object without padding, which may be zero.

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
        """Number of steps, including padding."""
        return self.time.shape[1]

    @property
    def valid(self) -> Bool[Tensor, "object time"]:
        """Whether each step is not padding."""
        return torch.arange(self.steps, device=self.time.device) < self.length[:, None]

    def __getitem__(self, objects: slice | Tensor) -> Series:
        """Select objects by a slice, a mask, or indices."""
        return Series(self.time[objects], self.value[objects], self.weight[objects], self.length[objects])

    def between(self, start: int, stop: int) -> Series:
        """Select the steps in [start, stop) of all objects, without a copy."""
        part = slice(start, min(stop, self.steps))
        length = (self.length - start).clamp(0, max(part.stop - start, 0))
        return Series(self.time[:, part], self.value[:, part], self.weight[:, part], length)

    def pad(self, steps: int) -> Series:
        """Add padding up to this number of steps; unchanged if there are more."""
        more = (0, 0, 0, max(0, steps - self.steps))
        value, weight = torch.nn.functional.pad(self.value, more), torch.nn.functional.pad(self.weight, more)
        return Series(torch.nn.functional.pad(self.time, more[2:]), value, weight, self.length)

    def windows(self, size: int) -> Series:
        """Divide each object into windows of `size` steps, each of which becomes an object."""
        padded = self.pad(-(-self.steps // size) * size)
        starts = torch.arange(0, padded.steps, size, device=self.time.device)
        length = (self.length[:, None] - starts).clamp(0, size)
        time, value, weight = (
            x.unflatten(1, (-1, size)).flatten(0, 1) for x in (padded.time, padded.value, padded.weight)
        )
        return Series(time, value, weight, length.flatten())


def step_features(series: Series) -> Float[Tensor, "object time feature"]:
    """Return the features of each step: value, ln σ and whether measured of each channel, and ln(1 + gap).

    All are zero at padding, and those of a channel where it was not measured. The gap is the time since the previous
    step, in the unit of `time`, which should be such that typical gaps are of order one.

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
