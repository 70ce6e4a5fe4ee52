"""Tied (variational) dropout of recurrent layers: one mask for a whole sequence, so a sample is one function of time.

Gal and Ghahramani 2016 (arXiv:1512.05287): the same units of the inputs and of the recurrent state are dropped at every
step and for all gates. Each layer of a stack has a mask on its input (shared by its two directions) and one on its
state (for each direction): K = features + directions x units, independent of the number of steps.

A state mask that all objects share is a change of weights, W_hh diag(mask), so that torch's fused kernel can run at no
extra cost. This is the case in training (where input masks still differ between objects) and for shared samples. In all
other cases the layer is unrolled step by step.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from skysure.errors import InputError
from skysure.methods.cells import STEPS, State, unroll

from .layers import NARROW
from .masks import Mask

_FUSED = {"GRU": torch.gru, "LSTM": torch.lstm, "RNN_TANH": torch.rnn_tanh, "RNN_RELU": torch.rnn_relu}


class TiedDropout(nn.Module):
    """A recurrent layer with tied dropout, with the same arguments and outputs as the layer.

    Parameters
    ----------
    layer : nn.GRU, nn.LSTM or nn.RNN
        Any number of layers and directions; dropout=0 and proj_size=0.
    rate : float
        Probability to drop a unit; the initial value if `learned`. Each mask has its own rate.
    learned : bool
        Whether the rates are learned, with `kl` added to the mean negative log-likelihood.
    length_scale : float
        l of the prior N(0, 1/l^2) on the weights.
    drop_input : bool, optional
        Whether to drop the input of the first layer; by default if it has more than 4 features.
    drop_state : bool
        Whether to drop the recurrent state. Without, the fused kernel also runs with masks that differ between objects.

    Raises
    ------
    InputError
        For other layers, and layers with dropout or projections.

    Examples
    --------
    >>> import torch
    >>> layer = TiedDropout(nn.GRU(12, 16, batch_first=True, bidirectional=True))
    >>> output, state = layer(torch.zeros(3, 50, 12))
    >>> output.shape, state.shape
    (torch.Size([3, 50, 32]), torch.Size([2, 3, 16]))
    """

    def __init__(
        self,
        layer: nn.Module,
        rate: float = 0.1,
        *,
        learned: bool = False,
        length_scale: float = 1e-2,
        drop_input: bool | None = None,
        drop_state: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(layer, nn.RNNBase) or layer.mode not in STEPS or layer.dropout or layer.proj_size:
            raise InputError(
                f"TiedDropout of {layer}",
                "nn.GRU, nn.LSTM or nn.RNN with dropout=0 and proj_size=0",
                "torch's own dropout draws a new mask at each step",
                "build the layer without dropout and projection",
            )
        self.layer, self.length_scale, self.drop_state = layer, length_scale, drop_state
        self.directions = 2 if layer.bidirectional else 1
        units = self.directions * layer.hidden_size
        inputs = [layer.input_size] + [units] * (layer.num_layers - 1)
        sizes = {f"input_{i}": n for i, n in enumerate(inputs)}
        if not (layer.input_size > NARROW if drop_input is None else drop_input):
            del sizes["input_0"]
        if drop_state:
            sizes |= {f"state_{i}": units for i in range(layer.num_layers)}
        self.masks = nn.ModuleDict({name: Mask(n, rate, learned) for name, n in sizes.items()})

    def forward(
        self, input: Tensor | PackedSequence, state: Tensor | State | None = None
    ) -> tuple[Tensor | PackedSequence, Tensor | State]:
        sizes, order = None, None
        if isinstance(input, PackedSequence):
            x, sizes, order, inverse_order = input
            batch = int(sizes[0])
        elif input.ndim == 3:
            x = input if self.layer.batch_first else input.transpose(0, 1)
            batch = len(x)
        else:
            raise InputError(
                f"an input of shape {tuple(input.shape)}",
                "(object, time, feature)",
                "one object without the batch axis",
                "add the axis: input[None]",
            )
        first = self._initial_state(state, x, batch, order)
        x, last = self._run(range(self.layer.num_layers), x, first, batch, sizes, order)
        final = tuple(torch.cat(states) for states in zip(*last, strict=True))
        if sizes is not None:
            x = PackedSequence(x, sizes, order, inverse_order)
            if inverse_order is not None:
                final = tuple(s.index_select(1, inverse_order) for s in final)
        elif not self.layer.batch_first:
            x = x.transpose(0, 1)
        return x, final if self.layer.mode == "LSTM" else final[0]

    def prefix(self, input: Float[Tensor, "object time feature"]) -> tuple[Tensor, tuple[State, ...]]:
        """Run the layers before the first mask, which `sample` runs once for all samples."""
        if not self.layer.batch_first:
            raise InputError(
                "sampling a recurrent layer with the time axis first",
                "batch_first=True: objects along the first axis",
                "torch's default",
                "build the layer with batch_first=True, or transpose in the forward of an enclosing model",
            )
        first = self._initial_state(None, input, len(input), None)
        x, last = self._run(range(self._count_deterministic()), input, first, len(input), None, None)
        return x, tuple(tuple(s.transpose(0, 1) for s in state) for state in last)

    def suffix(self, features: tuple[Tensor, tuple[State, ...]]) -> tuple[Tensor, Tensor | State]:
        """Run the layers from the first mask on."""
        x, before = features
        first = self._initial_state(None, x, len(x), None)
        x, after = self._run(range(self._count_deterministic(), self.layer.num_layers), x, first, len(x), None, None)
        last = [tuple(s.transpose(0, 1) for s in state) for state in before] + after
        final = tuple(torch.cat(states) for states in zip(*last, strict=True))
        return x, final if self.layer.mode == "LSTM" else final[0]

    def __getattr__(self, name: str) -> Any:
        """Return attributes of the layer (hidden_size, flatten_parameters), which an enclosing model may use."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "layer":
                raise
            return getattr(self.layer, name)

    def squared_weights(self) -> Iterator[tuple[Mask, Float[Tensor, ""]]]:
        """Yield each mask with the sum of squares of the weights that it multiplies."""
        for name, mask in self.masks.items():
            kind, i = name.split("_")
            index = 0 if kind == "input" else 1
            yield mask, sum(weights[index].square().sum() for weights in self._weights(int(i)))

    def _weights(self, i: int) -> list[list[Tensor]]:
        """W_ih, W_hh, and b_ih, b_hh if there are biases, of layer i, for each direction."""
        return self.layer.all_weights[self.directions * i : self.directions * (i + 1)]

    def _initial_state(self, state: Tensor | State | None, x: Tensor, batch: int, order: Tensor | None) -> State:
        if state is None:
            shape = (self.directions * self.layer.num_layers, batch, self.layer.hidden_size)
            return (x.new_zeros(shape),) * (2 if self.layer.mode == "LSTM" else 1)
        state = state if isinstance(state, tuple) else (state,)
        return state if order is None else tuple(s.index_select(1, order) for s in state)

    def _count_deterministic(self) -> int:
        """Count the layers before the first mask."""
        return min((int(name.split("_")[1]) for name in self.masks), default=self.layer.num_layers)

    def _run(
        self, layers: range, x: Tensor, first: State, batch: int, sizes: Tensor | None, order: Tensor | None
    ) -> tuple[Tensor, list[State]]:
        last: list[State] = []
        for i in layers:
            x, weights = self._drop_input(x, i, batch, sizes, order)
            state = tuple(s[self.directions * i : self.directions * (i + 1)] for s in first)
            x, state = self._run_layer(x, state, weights, i, batch, sizes, order)
            last.append(state)
        return x, last

    def _mask(self, name: str, batch: int, order: Tensor | None, shared: bool = False) -> Tensor | None:
        mask = self.masks[name](batch, shared) if name in self.masks else None
        return mask if mask is None or order is None or len(mask) == 1 else mask[order]

    def _drop_input(
        self, x: Tensor, i: int, batch: int, sizes: Tensor | None, order: Tensor | None
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Apply the input mask of layer i: to the weights if all objects share it, else to the inputs."""
        mask, weights = self._mask(f"input_{i}", batch, order), self._weights(i)
        if mask is None:
            return x, weights
        mask = mask.to(x.dtype)
        if len(mask) == 1:
            return x, [[w[0] * mask, *w[1:]] for w in weights]
        if sizes is None:
            # Time first in memory, as the kernels read it: avoids a copy where objects are repeated.
            return (x.transpose(0, 1) * mask).transpose(0, 1), weights
        row = torch.arange(len(x)) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
        return x * mask[row.to(x.device)], weights

    def _run_layer(
        self,
        x: Tensor,
        state: State,
        weights: list[list[Tensor]],
        i: int,
        batch: int,
        sizes: Tensor | None,
        order: Tensor | None,
    ) -> tuple[Tensor, State]:
        mask = self._mask(f"state_{i}", batch, order, shared=self.training)
        if mask is None:
            return self._run_fused(x, state, weights, sizes)
        per_direction = mask.to(x.dtype).chunk(self.directions, 1)
        if len(mask) == 1:
            masked = [[w[0], w[1] * m, *w[2:]] for w, m in zip(weights, per_direction, strict=True)]
            return self._run_fused(x, state, masked, sizes)
        valid = None
        if sizes is not None:
            x, lengths = pad_packed_sequence(PackedSequence(x, sizes), batch_first=True)
            valid = (torch.arange(x.shape[1]) < lengths[:, None]).to(x.device)
        step, outputs, last = STEPS[self.layer.mode], [], []
        for d, (w, m) in enumerate(zip(weights, per_direction, strict=True)):
            y, s = unroll(step, x, valid, tuple(h[d] for h in state), w, mask=m, backwards=d == 1)
            outputs.append(y)
            last.append(s)
        x = torch.cat(outputs, -1)
        if sizes is not None:
            x = pack_padded_sequence(x, lengths, batch_first=True).data
        return x, tuple(torch.stack(states) for states in zip(*last, strict=True))

    def _run_fused(
        self, x: Tensor, state: State, weights: list[list[Tensor]], sizes: Tensor | None
    ) -> tuple[Tensor, State]:
        flat = [w for direction in weights for w in direction]
        hidden = state if self.layer.mode == "LSTM" else state[0]
        options = (self.layer.bias, 1, 0.0, torch.is_grad_enabled(), self.layer.bidirectional)
        run = _FUSED[self.layer.mode]
        # Masked weights are new tensors, not contiguous as cuDNN wants them: it copies them, and warns.
        quiet = warnings.catch_warnings(action="ignore", category=UserWarning) if x.is_cuda else nullcontext()
        with quiet:
            if sizes is None:
                y, *last = run(x, hidden, flat, *options, True)
            else:
                y, *last = run(x, sizes, hidden, flat, *options)
        return y, tuple(last)
