"""Recurrent layers step by step, for masks of the state that differ between the rows of a batch.

Gates lie and biases are called as in torch, and the formulas are those of its documentation; torch's fused kernels
have one set of weights for all rows, and cannot do this.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import linear

State = tuple[Tensor, ...]


def gru_step(inputs: Float[Tensor, "row gate"], recurrent: Float[Tensor, "row gate"], state: State) -> State:
    """Step a gated recurrent unit from W_ih x + b_ih and W_hh h + b_hh."""
    (h,) = state
    reset_x, update_x, new_x = inputs.chunk(3, -1)
    reset_h, update_h, new_h = recurrent.chunk(3, -1)
    new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
    return (new + torch.sigmoid(update_x + update_h) * (h - new),)


def lstm_step(inputs: Float[Tensor, "row gate"], recurrent: Float[Tensor, "row gate"], state: State) -> State:
    """Step a long short-term memory: hidden state and cell."""
    _, cell = state
    enter, forget, new, leave = (inputs + recurrent).chunk(4, -1)
    cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
    return torch.sigmoid(leave) * torch.tanh(cell), cell


def tanh_step(inputs: Float[Tensor, "row unit"], recurrent: Float[Tensor, "row unit"], state: State) -> State:
    """Step a plain recurrent layer with tanh."""
    return (torch.tanh(inputs + recurrent),)


def relu_step(inputs: Float[Tensor, "row unit"], recurrent: Float[Tensor, "row unit"], state: State) -> State:
    """Step a plain recurrent layer with ReLU."""
    return (torch.relu(inputs + recurrent),)


STEPS = {"GRU": gru_step, "LSTM": lstm_step, "RNN_TANH": tanh_step, "RNN_RELU": relu_step}


def stepped(
    step: Callable[[Tensor, Tensor, State], State],
    x: Float[Tensor, "row time feature"],
    valid: Bool[Tensor, "row time"] | None,
    state: State,
    weights: list[Tensor],
    mask: Float[Tensor, "row unit"],
    backwards: bool,
) -> tuple[Float[Tensor, "row time unit"], State]:
    """Run one direction of one layer with a state mask for each row; a state rests where it is not valid."""
    w_ih, w_hh, b_ih, b_hh = weights if len(weights) == 4 else (*weights, None, None)
    inputs = linear(x, w_ih, b_ih)
    times = range(x.shape[1])
    outputs: list[Tensor] = []
    for t in reversed(times) if backwards else times:
        after = step(inputs[:, t], linear(state[0] * mask, w_hh, b_hh), state)
        if valid is not None:
            after = tuple(torch.where(valid[:, t, None], a, b) for a, b in zip(after, state, strict=True))
        state = after
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if backwards else outputs, 1), state
