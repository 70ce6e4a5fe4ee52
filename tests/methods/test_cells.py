"""The steps are torch's cells, and the lecture's cell is the LSTM whose output gate stands open."""

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from skysure.methods.cells import STEPS

FEATURES, UNITS, OBJECTS = 5, 7, 11
CELLS = {
    "GRU": lambda: nn.GRUCell(FEATURES, UNITS),
    "LSTM": lambda: nn.LSTMCell(FEATURES, UNITS),
    "RNN_TANH": lambda: nn.RNNCell(FEATURES, UNITS),
    "RNN_RELU": lambda: nn.RNNCell(FEATURES, UNITS, nonlinearity="relu"),
}
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}


def one_step(mode, cell, x, state):
    return STEPS[mode](linear(x, cell.weight_ih, cell.bias_ih), linear(state[0], cell.weight_hh, cell.bias_hh), state)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["f64", "f32"])
@pytest.mark.parametrize("mode", CELLS)
def test_a_step_is_torchs_cell_in_value_and_gradient(mode, dtype):
    torch.manual_seed(1)
    cell = CELLS[mode]().to(dtype)
    x = torch.randn(OBJECTS, FEATURES, dtype=dtype)
    state = tuple(torch.randn(OBJECTS, UNITS, dtype=dtype) for _ in range(2 if mode == "LSTM" else 1))
    theirs = cell(x, state if mode == "LSTM" else state[0])
    theirs = theirs if mode == "LSTM" else (theirs,)
    ours = one_step(mode, cell, x, state)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=TOLERANCE[dtype])
    of_ours = torch.autograd.grad(sum(s.square().sum() for s in ours), list(cell.parameters()))
    of_theirs = torch.autograd.grad(sum(s.square().sum() for s in theirs), list(cell.parameters()))
    for a, b in zip(of_ours, of_theirs, strict=True):
        assert torch.allclose(a, b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_the_lectures_cell_is_the_lstm_with_its_output_gate_open():
    torch.manual_seed(2)
    cell = nn.LSTMCell(FEATURES, UNITS).double()
    with torch.no_grad():
        for part in cell.parameters():
            part[3 * UNITS :] = 0
        cell.bias_ih[3 * UNITS :] = 50.0
    x, h, s = (torch.randn(OBJECTS, n, dtype=torch.float64) for n in (FEATURES, UNITS, UNITS))
    (w_k, w_f, w_i, _), (u_k, u_f, u_i, _) = cell.weight_ih.chunk(4), cell.weight_hh.chunk(4)
    (b_k, b_f, b_i, _) = (cell.bias_ih + cell.bias_hh).chunk(4)
    f = torch.sigmoid(x @ w_f.T + h @ u_f.T + b_f)
    k = torch.sigmoid(x @ w_k.T + h @ u_k.T + b_k)
    i = torch.tanh(x @ w_i.T + h @ u_i.T + b_i)
    s_t = s * f + k * i
    hidden, state = one_step("LSTM", cell, x, (h, s))
    assert torch.allclose(state, s_t, rtol=0, atol=1e-12)
    assert torch.allclose(hidden, torch.tanh(s_t), rtol=0, atol=1e-12)
