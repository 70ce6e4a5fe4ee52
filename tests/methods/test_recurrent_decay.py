import pytest
import torch
from torch import nn

from skysure.errors import InputError
from skysure.methods.recurrent import StateDecay, gaps

LAYERS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def build(kind="GRU", layers=1, bidirectional=False, shortest=1.0, longest=30.0):
    torch.manual_seed(5)
    layer = LAYERS[kind](3, 4, layers, batch_first=True, bidirectional=bidirectional)
    return StateDecay(layer, shortest, longest).double()


def points(objects=2, steps=9):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(objects, steps, 3, generator=generator, dtype=torch.float64)
    return x, (10 * torch.rand(objects, steps, generator=generator, dtype=torch.float64)).sort(1).values


def flat(state):
    return torch.stack(state) if isinstance(state, tuple) else state


@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("kind", LAYERS)
def test_at_one_time_it_is_the_layer_itself(kind, layers, bidirectional):
    module, (x, time) = build(kind, layers, bidirectional), points()
    output, state = module(x, torch.zeros_like(time))
    expected, last = module.layer(x)
    assert torch.allclose(output, expected, rtol=0, atol=1e-12)
    assert torch.allclose(flat(state), flat(last), rtol=0, atol=1e-12)
    assert not torch.allclose(module(x, time)[0], expected, atol=1e-3)


def test_a_small_state_is_the_sum_of_what_was_read_each_part_decayed_since():
    module, (x, time) = build("RNN"), points()
    with torch.no_grad():
        module.layer.weight_hh_l0.copy_(torch.eye(4))
        module.layer.bias_ih_l0.zero_()
        module.layer.bias_hh_l0.zero_()
    small = 1e-6 * x  # tanh is linear to 1e-18
    output, _ = module(small, time)
    age = (time[:, :, None] - time[:, None, :]).clamp(min=0)[..., None]
    timescale = torch.logspace(0, torch.log10(torch.tensor(30.0)), 4).double()
    past = torch.ones(9, 9, dtype=torch.float64).tril()[None, :, :, None]
    summed = (past * torch.exp(-age / timescale) * (small @ module.layer.weight_ih_l0.T)[:, None]).sum(2)
    assert torch.allclose(output, summed, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_backwards_is_forwards_in_a_mirror(kind):
    module, (x, time) = build(kind, bidirectional=True), points()
    with torch.no_grad():
        for name, weight in module.layer.named_parameters():
            if not name.endswith("_reverse"):
                weight.copy_(getattr(module.layer, f"{name}_reverse"))
    output, _ = module(x, time)
    mirrored, _ = module(x.flip(1), -time.flip(1))
    assert torch.allclose(output[..., :4], mirrored.flip(1)[..., 4:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", LAYERS)
def test_padded_objects_equal_each_alone(kind):
    module, (x, time) = build(kind, 2, True), points(4)
    lengths = torch.tensor([4, 9, 1, 6])
    valid = torch.arange(9) < lengths[:, None]
    output, state = module(torch.where(valid[..., None], x, 99.0), torch.where(valid, time, 0.0), valid)
    for k, length in enumerate(lengths):
        alone, last = module(x[k : k + 1, :length], time[k : k + 1, :length])
        assert torch.allclose(output[k, :length], alone[0], rtol=0, atol=1e-12)
        assert torch.allclose(flat(state)[..., k, :], flat(last)[..., 0, :], rtol=0, atol=1e-12)


def test_only_time_passed_counts():
    module, (x, time) = build("LSTM", 2, True), points()
    assert torch.allclose(module(x, time)[0], module(x, time + 50000)[0], atol=1e-9)
    assert torch.equal(gaps(time, backwards=True)[:, :-1], gaps(time)[:, 1:])


def test_rates_are_learned():
    module, (x, time) = build("LSTM", 2, True), points()
    module(x, time)[0][:, 4].square().sum().backward()
    assert (module.log_rate.grad != 0).all()


def test_what_cannot_decay_raises_an_error():
    with pytest.raises(InputError, match="batch_first=True"):
        StateDecay(nn.GRU(3, 4), 1.0, 2.0)
    with pytest.raises(InputError, match="0 < shortest <= longest"):
        StateDecay(nn.GRU(3, 4, batch_first=True), 2.0, 1.0)


@pytest.mark.parametrize("padded_with", [0.0, 1e6])
def test_the_times_of_padding_say_nothing(padded_with):
    """Also dates of days, and what comes back to the weights."""
    module, (x, time) = build("LSTM", 2, True), points(3)
    lengths = torch.tensor([4, 9, 0])
    valid = torch.arange(9) < lengths[:, None]
    output, state = module(x, torch.where(valid, time + 60_000, padded_with), valid)
    alone, _ = module(x[:1, :4], time[:1, :4] + 60_000)
    assert torch.allclose(output[0, :4], alone[0], rtol=0, atol=1e-9)
    assert (flat(state)[..., 2, :] == 0).all()
    output[valid].sum().backward()
    assert all(weight.grad.isfinite().all() for weight in module.parameters())


def test_a_sequence_without_steps_raises_an_error():
    module = build()
    with pytest.raises(InputError, match="at least one step"):
        module(torch.zeros(2, 0, 3).double(), torch.zeros(2, 0).double())
