import pytest
import torch
from torch import nn

from skysure.errors import InputError
from skysure.methods.recurrent import gradient_by_lag, init_forget_bias


@pytest.mark.parametrize("bias", [1.0, 3.0])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_gate_passes_back_the_share_it_keeps(kind, bias):
    torch.manual_seed(8)
    layer = kind(3, 6, 2, batch_first=True, bidirectional=True).double()
    init_forget_bias(layer, bias)
    keep = torch.sigmoid(torch.tensor(bias, dtype=torch.float64))
    with torch.no_grad():
        for _, w_hh, b_ih, b_hh in layer.all_weights:
            w_hh.zero_()
            b_ih[12:].zero_()
            b_hh[12:].zero_()
    single = kind(3, 6, batch_first=True).double()
    single.load_state_dict({name: getattr(layer, name) for name in single.state_dict()})
    by_lag = gradient_by_lag(single, torch.zeros(1, 30, 3, dtype=torch.float64))[0]
    assert torch.allclose(by_lag[1:] / by_lag[:-1], keep.expand(29), rtol=1e-9)
    for name, b in layer.named_parameters():
        if name.startswith("bias_ih"):
            assert (b[6:12] == bias).all()
            assert not (b[:6] == bias).any()


def test_a_plain_layer_at_rest_keeps_lengths():
    torch.manual_seed(9)
    layer = nn.RNN(3, 6, batch_first=True, bias=False).double()
    before = gradient_by_lag(layer, torch.zeros(1, 60, 3, dtype=torch.float64))[0]
    init_forget_bias(layer)
    after = gradient_by_lag(layer, torch.zeros(1, 60, 3, dtype=torch.float64))[0]
    assert torch.allclose(after, after[:1].expand(60), rtol=1e-9)
    assert before[-1] < 1e-6 * before[0]


def test_a_gate_without_bias_raises_an_error():
    with pytest.raises(InputError, match="without biases"):
        init_forget_bias(nn.GRU(3, 6, bias=False))
