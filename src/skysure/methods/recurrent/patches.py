"""Embed a long series: neighbouring points become one vector, neighbouring vectors one step.

A patch of a few points is mapped to a vector by one learned linear map, a convolution whose stride is half its length
(Dosovitskiy et al. 2021, arXiv:2010.11929, sec. 3.1; on series, Nie et al. 2023, arXiv:2211.14730). Mean and maximum of
several patches make one step. The maximum keeps what happens in only one of them, which an average would dilute.

Chunks are embedded one at a time and again when their gradient is needed (checkpoints, Chen et al. 2016,
arXiv:1604.06174), so that the memory of a training is that of one chunk and of the few steps that come out, for about
one more pass through the convolution. Unlike truncated backpropagation, this leaves the gradient as it is.
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
    """Make one step of each `by` steps: their mean time, their mean and maximum side by side, and how many they are.

    >>> value = torch.tensor([[[1.0], [4.0], [2.0]]])
    >>> short = pool_steps(Series(torch.tensor([[0.0, 1.0, 2.0]]), value, torch.ones(1, 3, 1), torch.tensor([3])), 2)
    >>> short.value.tolist(), short.weight.flatten()
    ([[[2.5, 4.0], [2.0, 2.0]]], tensor([2., 1.]))
    """
    whole = series.pad(-(-series.steps // by) * by)
    inside = whole.valid.unflatten(1, (-1, by))[..., None]
    count = inside.sum(2)
    value = whole.value.unflatten(1, (-1, by))
    mean = value.masked_fill(~inside, 0.0).sum(2) / count.clamp(min=1)
    most = value.masked_fill(~inside, -torch.inf).amax(2).masked_fill(count == 0, 0.0)
    time = (whole.time.unflatten(1, (-1, by)) * inside[..., 0]).sum(2) / count[..., 0].clamp(min=1)
    return Series(time, torch.cat([mean, most], -1), count.to(value), -(-series.length // by))


class Patches(nn.Module):
    """A learned embedding of a long series, of a length that a recurrent network can read.

    Parameters
    ----------
    channels, units : int
        Channels of the series, each with weights of its own; numbers that a patch becomes. What comes out has twice
        as many channels, and one weight for all.
    size : int
        Points of a patch, even. A patch begins every `size` / 2 points.
    pool_size : int
        Patches that make one step: n points become n / (`pool_size` `size` / 2) steps.
    chunk : int
        Points that are embedded at a time, about.

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
        """Return one step of each `pool_size` patches."""
        step = self.pool_size * self.size // 2
        many = max(1, self.chunk // step) * step
        starts = range(0, -(-series.steps // step) * step, many)
        embedded = partial(checkpoint, self._embedded, series, use_reentrant=False, preserve_rng_state=False)
        parts = [embedded(start, start + many) for start in starts]
        time, value, weight = (torch.cat(part, 1) for part in zip(*parts, strict=True))
        return Series(time, value, weight, -(-series.length // step))

    def _embedded(self, series: Series, start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
        """Embed the patches that begin from `start` to before `stop`; the point before is read for the first gap."""
        stride, ahead = self.size // 2, min(start, 1)
        part = series.between(start - ahead, stop + self.size - stride)
        patches = -(-(min(stop, series.steps) - start) // stride)
        x = step_features(part)[:, ahead:]
        x = F.pad(x, (0, 0, 0, (patches - 1) * stride + self.size - x.shape[1]))
        value = F.gelu(self.embedding(x.mT)).mT.to(x)
        length = -(-(series.length - start).clamp(0, patches * stride) // stride)
        time = part.time[:, ahead::stride][:, :patches]
        count = value.new_ones(*time.shape, 1)
        short = pool_steps(Series(time, value, count, length), self.pool_size)
        return short.time, short.value, short.weight
