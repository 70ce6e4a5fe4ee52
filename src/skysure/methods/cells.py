"""Equations of recurrent cells, and a layer that is unrolled over time step by step.

The symbols, the order of the gates and the names of the biases are those of torch's documentation; the arguments are
the products W_i x + b_i and W_h h + b_h. torch's fused kernels compute the same faster, but with one set of weights for
all rows: state masks that differ between the rows of a batch, and states that decay, need single steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import linear

from skysure.errors import InputError

State = tuple[Tensor, ...]


def gru_step(inputs: Float[Tensor, "row gate"], recurrent: Float[Tensor, "row gate"], state: State) -> State:
    """Step a gated recurrent unit: r reset gate, z update gate (the fraction of the state kept), n candidate.

    r = σ(W_ir x + W_hr h),  z = σ(W_iz x + W_hz h),  n = tanh(W_in x + r ∘ W_hn h),  h' = (1 - z) ∘ n + z ∘ h
    """
    (h,) = state
    r_x, z_x, n_x = inputs.chunk(3, -1)
    r_h, z_h, n_h = recurrent.chunk(3, -1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    n = torch.tanh(n_x + r * n_h)
    return (n + z * (h - n),)


def lstm_step(inputs: Float[Tensor, "row gate"], recurrent: Float[Tensor, "row gate"], state: State) -> State:
    """Step a long short-term memory: i input, f forget, o output gate; g candidate; h hidden state, c cell.

    i, f, o = σ(W_i x + W_h h),  g = tanh(W_ig x + W_hg h),  c' = f ∘ c + i ∘ g,  h' = o ∘ tanh(c')
    """
    _, c = state
    i, f, g, o = (inputs + recurrent).chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def tanh_step(inputs: Float[Tensor, "row unit"], recurrent: Float[Tensor, "row unit"], state: State) -> State:
    """Step a plain recurrent layer: h' = tanh(W_i x + W_h h)."""
    return (torch.tanh(inputs + recurrent),)


def relu_step(inputs: Float[Tensor, "row unit"], recurrent: Float[Tensor, "row unit"], state: State) -> State:
    """Step a plain recurrent layer: h' = max(0, W_i x + W_h h)."""
    return (torch.relu(inputs + recurrent),)


STEPS = {"GRU": gru_step, "LSTM": lstm_step, "RNN_TANH": tanh_step, "RNN_RELU": relu_step}


def unroll(
    step: Callable[[Tensor, Tensor, State], State],
    x: Float[Tensor, "row time feature"],
    valid: Bool[Tensor, "row time"] | None,
    state: State,
    weights: Sequence[Tensor],
    *,
    mask: Float[Tensor, "row unit"] | None = None,
    decay: Float[Tensor, "row time unit"] | None = None,
    backwards: bool = False,
) -> tuple[Float[Tensor, "row time unit"], State]:
    """Unroll one direction of one layer over time; the state stays unchanged at steps that are not valid.

    Parameters
    ----------
    step : callable
        One of `STEPS`.
    x : Tensor
    valid : Tensor, optional
        False at padding.
    state : tuple of Tensor, shape (row, unit)
        Initial state.
    weights : sequence of Tensor
        W_ih, W_hh, and b_ih, b_hh if the layer has biases.
    mask : Tensor, optional
        Factors on the state as read by W_hh, one mask for all steps of a row.
    decay : Tensor, optional
        Factors by which the whole state decays before each step.
    backwards : bool
        Whether to start from the last step.

    Raises
    ------
    InputError
        If the sequence has no steps.
    """
    if not x.shape[1]:
        raise InputError(
            f"a sequence of shape {tuple(x.shape)}", "at least one step", "a batch without any observation",
            "add a step of padding, as `recurrent.Series` does",
        )  # fmt: skip
    w_ih, w_hh, b_ih, b_hh = weights if len(weights) == 4 else (*weights, None, None)
    inputs = linear(x, w_ih, b_ih)
    times = range(x.shape[1])
    outputs: list[Tensor] = []
    for t in reversed(times) if backwards else times:
        before = state if decay is None else tuple(s * decay[:, t] for s in state)
        masked = before[0] if mask is None else before[0] * mask
        after = step(inputs[:, t], linear(masked, w_hh, b_hh), before)
        if valid is not None:
            after = tuple(torch.where(valid[:, t, None], a, s) for a, s in zip(after, state, strict=True))
        state = after
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if backwards else outputs, 1), state
