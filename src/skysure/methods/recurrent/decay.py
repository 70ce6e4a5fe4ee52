"""Irregular times: a recurrent state that decays with the time between points.

A recurrent layer counts steps, not days. The simplest remedy is the time since the previous point as one more feature,
`log1p(gaps(time))`, which runs in the fused kernels and is used by `supernovae`. The alternative is a state that decays
over a gap Δ,

    s(t + Δ) = exp(-λ Δ) s(t),      λ = 1 / timescale of that unit, learned

as in the GRU-D of Che et al. 2018 (arXiv:1606.01865), whose factor is exp(-max(0, w Δ + b)). Here b = 0, so that a gap
of zero has no effect, and a gap has the same effect as two gaps of the same total. The cell of an LSTM decays as well.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.cells import STEPS, State, unroll


def gaps(time: Float[Tensor, "object time"], backwards: bool = False) -> Float[Tensor, "object time"]:
    """Return the time since the previous point, or (backwards) until the next; zero at the ends or if time decreases.

    >>> gaps(torch.tensor([[10.0, 11.0, 15.0]]))
    tensor([[0., 1., 4.]])
    """
    gap = torch.diff(time, dim=1, append=time[:, -1:]) if backwards else torch.diff(time, dim=1, prepend=time[:, :1])
    return gap.clamp(min=0)  # times at padding may decrease, which must not make a state grow


class StateDecay(nn.Module):
    """A recurrent layer whose state decays over the time between points; it is unrolled step by step.

    Parameters
    ----------
    layer : nn.GRU, nn.LSTM or nn.RNN
        Any number of layers and directions, with `batch_first=True`, dropout=0 and proj_size=0.
    shortest, longest : float
        Initial timescales of the units, in the unit of `time`: from shortest to longest in equal ratios.

    Raises
    ------
    InputError
        For other layers, and timescales that are not positive.

    Examples
    --------
    >>> layer = StateDecay(nn.GRU(3, 8, batch_first=True), shortest=1.0, longest=100.0)
    >>> output, state = layer(torch.zeros(2, 4, 3), torch.tensor([[0.0, 1.0, 1.5, 60.0]] * 2))
    >>> output.shape, state.shape
    (torch.Size([2, 4, 8]), torch.Size([1, 2, 8]))
    """

    def __init__(self, layer: nn.RNNBase, shortest: float, longest: float) -> None:
        super().__init__()
        plain = isinstance(layer, nn.RNNBase) and layer.mode in STEPS and not (layer.dropout or layer.proj_size)
        if not plain or not layer.batch_first or not 0 < shortest <= longest:
            raise InputError(
                f"StateDecay({layer}, {shortest}, {longest})",
                "nn.GRU, nn.LSTM or nn.RNN with batch_first=True, dropout=0, proj_size=0; 0 < shortest <= longest",
                "a layer with the time axis first, or timescales in the wrong order",
                "build the layer with batch_first=True and without dropout",
            )
        self.layer: nn.RNNBase = layer
        self.directions = 2 if layer.bidirectional else 1
        rates = -torch.linspace(math.log(shortest), math.log(longest), layer.hidden_size)
        self.log_rate = nn.Parameter(rates.repeat(layer.num_layers * self.directions, 1))

    def forward(
        self,
        x: Float[Tensor, "object time feature"],
        time: Float[Tensor, "object time"],
        valid: Bool[Tensor, "object time"] | None = None,
    ) -> tuple[Float[Tensor, "object time unit"], Tensor | State]:
        """Run over points in order of time; the state is unchanged where points are not `valid` (padding)."""
        states = []
        for i in range(self.layer.num_layers):
            outputs = []
            for d in range(self.directions):
                k, backwards = self.directions * i + d, d == 1
                decay = torch.exp(-gaps(time, backwards)[..., None] * self.log_rate[k].exp())
                initial = (x.new_zeros(len(x), self.layer.hidden_size),) * (2 if self.layer.mode == "LSTM" else 1)
                step, weights = STEPS[self.layer.mode], self.layer.all_weights[k]
                y, last = unroll(step, x, valid, initial, weights, decay=decay, backwards=backwards)
                outputs.append(y)
                states.append(last)
            x = torch.cat(outputs, -1)
        final = tuple(torch.stack(s) for s in zip(*states, strict=True))
        return x, final if self.layer.mode == "LSTM" else final[0]
