from functools import partial

import pytest
import torch
from torch import nn

from skysure.methods.dropout import TiedDropout, noise
from skysure.methods.recurrent import truncated_bptt

LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def build(kind, dtype=torch.float64):
    torch.manual_seed(4)
    return LAYERS[kind](6, 8, batch_first=True).to(dtype)


@pytest.mark.parametrize("window", [1, 7, 40])
@pytest.mark.parametrize("kind", LAYERS)
def test_outputs_are_those_of_the_whole_sequence(kind, window):
    layer, x = build(kind), torch.randn(3, 40, 6, dtype=torch.float64)
    parts = torch.cat(list(truncated_bptt(layer, x.split(window, 1))), 1)
    assert torch.allclose(parts, layer(x)[0], atol=1e-12)


def test_a_sequence_goes_on_from_a_given_state():
    layer, x = build("LSTM"), torch.randn(3, 40, 6, dtype=torch.float64)
    _, state = layer(x[:, :25])
    rest = torch.cat(list(truncated_bptt(layer, x[:, 25:].split(5, 1), state)), 1)
    assert torch.allclose(rest, layer(x)[0][:, 25:], atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_reach_back_to_the_beginning_of_the_window(kind):
    layer, x = build(kind), torch.randn(3, 40, 6, dtype=torch.float64, requires_grad=True)
    *_, last = truncated_bptt(layer, x.split(10, 1))
    (gradient,) = torch.autograd.grad(last[:, -1].sum(), x)
    assert (gradient[:, :30] == 0).all()
    (whole,) = torch.autograd.grad(layer(x)[0][:, -1].sum(), x)
    assert torch.allclose(gradient[:, 30:], whole[:, 30:], atol=1e-12)
    assert (whole[:, :30] != 0).any()


def test_inside_noise_all_windows_are_one_draw():
    layer = TiedDropout(build("GRU"), 0.4).eval()
    x = torch.randn(3, 40, 6, dtype=torch.float64)
    with torch.no_grad(), noise(layer, 5, rows=torch.arange(3)):
        parts = torch.cat(list(truncated_bptt(layer, x.split(8, 1))), 1)
        assert torch.allclose(parts, layer(x)[0], atol=1e-12)


def test_memory_follows_the_window_not_the_sequence(saved_bytes):
    layer = build("LSTM", torch.float32)

    def train(steps, window):
        x = torch.zeros(2, 1, 6).expand(2, steps, 6)
        for output in truncated_bptt(layer, x.split(window, 1)):
            output.square().mean().backward()

    short, long, wide = (saved_bytes(partial(train, *sizes)) for sizes in ((100, 50), (2000, 50), (2000, 200)))
    assert long <= 1.05 * short
    assert wide > 3 * long
