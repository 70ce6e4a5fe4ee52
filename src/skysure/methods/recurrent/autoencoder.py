"""Recurrent autoencoder of a long series: learns without labels to encode windows of points in a few numbers.

An encoder reads the points of a window, and a linear map of its last state is the code. The inputs of the decoder are
the code and, at each step, the index of the point, the time since the previous one and the measured channels; its
output is a Gaussian for each point. The loss is

    NLL = Σ ½ [ (x - m)² / (σ² + s²) + ln 2π (σ² + s²) ] / n

with the error σ of each point and a scatter s predicted by the decoder, so that the code need not describe noise. The
recurrent autoencoder of Naul et al. 2018 (arXiv:1711.10609) encodes whole light curves, with weights 1/σ² and without
s. This one encodes windows, so that memory does not grow with the length of the series. The codes of all windows are a
series again: for classification, the input of a recurrent network; for novelty detection, averaged and passed to
`novelty.FeatureDistance`.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .initialisation import init_forget_bias
from .series import Series, step_features


class Autoencoder(nn.Module):
    """A recurrent encoder and decoder of windows of a series.

    Parameters
    ----------
    channels : int
        Number of channels of the series, each with its own weights.
    units, code : int
        Size of the recurrent layers, and of the code.
    size : int
        Number of points in a window.
    chunk : int
        Number of windows that are encoded at a time without gradient.

    Examples
    --------
    >>> flux, error = torch.randn(2, 1000, 1), torch.ones(2, 1000, 1)
    >>> series = Series(torch.arange(1000.0).expand(2, -1), flux, error**-2, torch.tensor([1000, 300]))
    >>> autoencoder = Autoencoder(channels=1, units=16, code=4, size=20)
    >>> autoencoder.nll(series.windows(20)[:64]).mean().backward()
    >>> codes = autoencoder(series)
    >>> codes.value.shape, codes.length
    (torch.Size([2, 50, 4]), tensor([50, 15]))
    """

    def __init__(self, channels: int, units: int, code: int, size: int, chunk: int = 512) -> None:
        super().__init__()
        self.size, self.chunk = size, chunk
        self.encoder = nn.LSTM(3 * channels + 1, units, batch_first=True)
        self.code = nn.Linear(units, code)
        self.decoder = nn.LSTM(code + channels + 2, units, batch_first=True)
        self.rebuilt = nn.Linear(units, 2 * channels)
        for layer in (self.encoder, self.decoder):
            init_forget_bias(layer, math.log(size))

    def encode(self, windows: Series) -> Float[Tensor, "object code"]:
        """Return the code of each window; that of an empty window is meaningless."""
        states, _ = self.encoder(step_features(windows))
        last = (windows.length - 1).clamp(min=0)
        return self.code(states[torch.arange(len(last), device=last.device), last])

    def nll(self, windows: Series) -> Float[Tensor, " object"]:
        """Return the negative log-likelihood per point, in nat, of each window reconstructed from its code."""
        channels = windows.value.shape[2]
        conditions = step_features(windows)[..., 2 * channels :]  # whether measured, and the gap
        index = torch.arange(windows.steps, device=conditions.device).to(conditions)[:, None] / self.size
        code = self.encode(windows)[:, None].expand(-1, windows.steps, -1).to(conditions)
        states, _ = self.decoder(torch.cat([code, conditions, index.expand(len(windows), -1, -1)], -1))
        mean, log_scatter = self.rebuilt(states).to(conditions).chunk(2, -1)
        measured = windows.weight > 0
        variance = torch.where(measured, windows.weight, 1.0).reciprocal() + log_scatter.clamp(-7, 7).exp().square()
        nll = 0.5 * ((windows.value - mean).square() / variance + variance.log() + math.log(2 * math.pi)) * measured
        return nll.sum((1, 2)) / (measured.expand_as(nll).sum((1, 2)).clamp(min=1))

    @torch.no_grad()
    def forward(self, series: Series) -> Series:
        """Return the codes of all windows as a series, at the time of the first point of each, without gradient."""
        count, windows = -(-series.steps // self.size), max(1, self.chunk // max(1, len(series)))
        codes = []
        for start in range(0, count, windows):
            part = series.between(start * self.size, (start + windows) * self.size).windows(self.size)
            codes.append(self.encode(part).to(series.value).unflatten(0, (len(series), min(windows, count - start))))
        time = series.time[:, :: self.size]
        length = -(-series.length // self.size)
        valid = torch.arange(count, device=length.device) < length[:, None]
        weight = (series.length[:, None] - self.size * torch.arange(count, device=length.device)).clamp(0, self.size)
        return Series(time, torch.cat(codes, 1) * valid[..., None], weight[..., None].to(time), length)
