"""Patch embedding of a long series: neighbouring points become one vector, neighbouring vectors one step.

A patch of a few points is mapped to a vector by a learned linear map, a convolution whose stride is half its length
(Dosovitskiy et al. 2021, arXiv:2010.11929, sec. 3.1; for series, Nie et al. 2023, arXiv:2211.14730). Several patches
are pooled to one step by their mean and maximum. The maximum keeps an event in a single patch, which a mean would
dilute.

Chunks are embedded one at a time, and again in the backward pass (gradient checkpointing, Chen et al. 2016,
arXiv:1604.06174), so that training needs the memory of one chunk and of the few output steps, for about one more pass
through the convolution. Unlike with truncated backpropagation, the gradient is exact.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from skysure.errors import InputError

from .series import Series, step_features


def pool_steps(series: Series, by: int) -> Series:
    """Pool groups of `by` steps: mean time, mean and maximum of the values side by side, and the count as weight.

    >>> value = torch.tensor([[[1.0], [4.0], [2.0]]])
    >>> short = pool_steps(Series(torch.tensor([[0.0, 1.0, 2.0]]), value, torch.ones(1, 3, 1), torch.tensor([3])), 2)
    >>> short.value.tolist(), short.weight.flatten()
    ([[[2.5, 4.0], [2.0, 2.0]]], tensor([2., 1.]))
    """
    padded = series.pad(-(-series.steps // by) * by)
    valid = padded.valid.unflatten(1, (-1, by))[..., None]
    count = valid.sum(2)
    value = padded.value.unflatten(1, (-1, by))
    mean = value.masked_fill(~valid, 0.0).sum(2) / count.clamp(min=1)
    maximum = value.masked_fill(~valid, -torch.inf).amax(2).masked_fill(count == 0, 0.0)
    time = (padded.time.unflatten(1, (-1, by)) * valid[..., 0]).sum(2) / count[..., 0].clamp(min=1)
    return Series(time, torch.cat([mean, maximum], -1), count.to(value), -(-series.length // by))


class Patches(nn.Module):
    """A learned embedding of a long series as a short one, for a recurrent network.

    Parameters
    ----------
    channels, units : int
        Number of channels of the series, each with its own weights, and size of the vector of a patch. The output has
        2 `units` channels, with one common weight.
    size : int
        Number of points in a patch, even. A patch begins every `size` / 2 points.
    pool_size : int
        Number of patches per step: n points become n / (`pool_size` `size` / 2) steps.
    chunk : int
        Approximate number of points that are embedded at a time.

    Raises
    ------
    InputError
        For patches of an odd size.

    Examples
    --------
    >>> flux, error = torch.randn(2, 1000, 1), torch.ones(2, 1000, 1)
    >>> series = Series(torch.arange(1000.0).expand(2, -1), flux, error**-2, torch.tensor([1000, 300]))
    >>> short = Patches(channels=1, units=8, size=16, pool_size=5)(series)
    >>> short.value.shape, short.length
    (torch.Size([2, 25, 16]), tensor([25,  8]))
    """

    def __init__(self, channels: int, units: int, size: int = 16, pool_size: int = 1, chunk: int = 512) -> None:
        super().__init__()
        if size < 2 or size % 2:
            raise InputError(f"patches of {size} points", "an even number", "a patch begins every size / 2", "size=16")
        self.size, self.pool_size, self.chunk = size, pool_size, chunk
        self.embedding = nn.Conv1d(3 * channels + 1, units, size, stride=size // 2)

    def forward(self, series: Series) -> Series:
        """Return a series with one step per `pool_size` patches."""
        step = self.pool_size * self.size // 2
        points = max(1, self.chunk // step) * step
        starts = range(0, -(-series.steps // step) * step, points)
        embed = partial(checkpoint, self._embed, series, use_reentrant=False, preserve_rng_state=False)
        parts = [embed(start, start + points) for start in starts]
        time, value, weight = (torch.cat(part, 1) for part in zip(*parts, strict=True))
        return Series(time, value, weight, -(-series.length // step))

    def _embed(self, series: Series, start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
        """Embed the patches that begin in [start, stop); the point before `start` is needed for the first gap."""
        stride, previous = self.size // 2, min(start, 1)
        part = series.between(start - previous, stop + self.size - stride)
        patches = -(-(min(stop, series.steps) - start) // stride)
        x = step_features(part)[:, previous:]
        x = F.pad(x, (0, 0, 0, (patches - 1) * stride + self.size - x.shape[1]))
        value = F.gelu(self.embedding(x.mT)).mT.to(x)
        length = -(-(series.length - start).clamp(0, patches * stride) // stride)
        time = part.time[:, previous::stride][:, :patches]
        count = value.new_ones(*time.shape, 1)
        short = pool_steps(Series(time, value, count, length), self.pool_size)
        return short.time, short.value, short.weight
