import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from skysure.methods.dropout import TiedDropout, noise
from skysure.methods.recurrent import bidirectional

LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
LENGTHS = torch.tensor([4, 12, 1, 7])


def directions(kind):
    """A two-way layer of torch, and its two directions as layers of their own."""
    torch.manual_seed(6)
    whole = LAYERS[kind](3, 5, batch_first=True, bidirectional=True).double()
    parts = []
    for suffix in ("", "_reverse"):
        part = LAYERS[kind](3, 5, batch_first=True).double()
        part.load_state_dict({name: getattr(whole, name + suffix) for name in part.state_dict()})
        parts.append(part)
    return whole, *parts


@pytest.mark.parametrize("kind", LAYERS)
def test_results_are_those_of_torchs_packed_sequences(kind):
    whole, forth, back = directions(kind)
    x = torch.randn(4, 12, 3, dtype=torch.float64)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(whole(packed)[0], batch_first=True)
    assert torch.allclose(bidirectional(forth, back, x, LENGTHS), expected, rtol=0, atol=1e-12)


def test_neither_results_nor_gradients_see_the_padding():
    _, forth, back = directions("LSTM")
    x = torch.randn(4, 12, 3, dtype=torch.float64)
    padded = torch.where((torch.arange(12) < LENGTHS[:, None])[..., None], x, 1e3).requires_grad_()
    outputs = bidirectional(forth, back, padded, LENGTHS)
    assert torch.allclose(outputs, bidirectional(forth, back, x, LENGTHS), rtol=0, atol=1e-12)
    outputs.square().sum().backward()
    for gradient, length in zip(padded.grad, LENGTHS, strict=True):
        assert (gradient[:length] != 0).any(1).all()
        assert (gradient[length:] == 0).all()


def test_a_draw_with_tied_masks_is_that_of_each_object_alone():
    layers = nn.ModuleList(TiedDropout(layer, 0.4, drop_input=True) for layer in directions("GRU")[1:]).eval()
    x = torch.randn(4, 12, 3, dtype=torch.float64)
    with torch.no_grad(), noise(layers, 2):
        outputs = bidirectional(*layers, x, LENGTHS)
        for k, length in enumerate(LENGTHS):
            alone = bidirectional(*layers, x[k : k + 1, :length], LENGTHS[k : k + 1])
            assert torch.allclose(outputs[k : k + 1, :length], alone, rtol=0, atol=1e-12)


def test_an_object_without_points_gives_zeros_beside_others():
    _, forth, back = directions("LSTM")
    x, length = torch.randn(3, 12, 3, dtype=torch.float64), torch.tensor([5, 0, 12])
    outputs = bidirectional(forth, back, x, length)
    assert (outputs[1] == 0).all()
    assert torch.allclose(outputs[[0, 2]], bidirectional(forth, back, x[[0, 2]], length[[0, 2]]), rtol=0, atol=1e-12)
