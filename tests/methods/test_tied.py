import itertools

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from skysure.errors import InputError
from skysure.methods.dropout import Dropout, TiedDropout, noise
from skysure.methods.sampling import sample

CELLS = {
    "GRU": (nn.GRU, nn.GRUCell, {}),
    "LSTM": (nn.LSTM, nn.LSTMCell, {}),
    "RNN": (nn.RNN, nn.RNNCell, {"nonlinearity": "relu"}),
}
FEATURES, UNITS, STEPS = 6, 5, 9


def one_object(module, masks, sequence):
    """Reference: one object, torch's own cells, one step after another, the masks written out."""
    layer, (_, cell_type, options) = module.layer, CELLS[module.layer.mode.split("_")[0]]
    lstm = cell_type is nn.LSTMCell
    directions, last = ("", "_reverse") if layer.bidirectional else ("",), []
    for i in range(layer.num_layers):
        if f"input_{i}" in masks:
            sequence = sequence * masks[f"input_{i}"]
        outputs = []
        for d, name in enumerate(directions):
            cell = cell_type(sequence.shape[1], UNITS, bias=layer.bias, dtype=sequence.dtype, **options)
            for part in ("weight_ih", "weight_hh") + (("bias_ih", "bias_hh") if layer.bias else ()):
                setattr(cell, part, nn.Parameter(getattr(layer, f"{part}_l{i}{name}").detach()))
            mask = masks[f"state_{i}"][d * UNITS : (d + 1) * UNITS] if f"state_{i}" in masks else 1.0
            h = c = torch.zeros(UNITS, dtype=sequence.dtype)
            steps = [None] * len(sequence)
            for t in range(len(sequence))[:: -1 if name else 1]:
                if lstm:
                    h, c = cell(sequence[t], (h * mask, c))
                else:
                    # The gates of a GRU blend with the state itself: only what enters the weights is dropped.
                    new = cell(sequence[t], h * mask)
                    h = (
                        new
                        if cell_type is nn.RNNCell
                        else new + update_gate(cell, sequence[t], h * mask) * (h - h * mask)
                    )
                steps[t] = h
            outputs.append(torch.stack(steps))
            last.append(h)
        sequence = torch.cat(outputs, 1)
    return sequence, torch.stack(last)


def update_gate(cell, x, h):
    gates = x @ cell.weight_ih.T + h @ cell.weight_hh.T
    gates = gates + cell.bias_ih + cell.bias_hh if cell.bias else gates
    return torch.sigmoid(gates[UNITS : 2 * UNITS])


def build(kind, layers=1, bidirectional=False, dtype=torch.float64, batch_first=True, bias=True, **options):
    torch.manual_seed(0)
    rnn, _, nonlinearity = CELLS[kind]
    layer = rnn(
        FEATURES, UNITS, layers, bidirectional=bidirectional, batch_first=batch_first, bias=bias, **nonlinearity
    )
    return TiedDropout(layer, 0.4, **options).to(dtype).eval()


def drawn_masks(module, batch, shared):
    """Masks by name and object, as the current draw has them."""
    masks = {name: mask(batch, shared) for name, mask in module.masks.items()}
    return [{name: mask[b % len(mask)] for name, mask in masks.items()} for b in range(batch)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["f32", "f64"])
@pytest.mark.parametrize("shared", [True, False], ids=["fused", "stepped"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("kind", CELLS)
def test_results_equal_the_reference_step_of_each_object(kind, layers, bidirectional, shared, dtype):
    module = build(kind, layers, bidirectional, dtype)
    x = torch.randn(4, STEPS, FEATURES, dtype=dtype)
    with torch.no_grad(), noise(module, 3, rows=None if shared else torch.arange(4)):
        output, state = module(x)
        masks = drawn_masks(module, 4, shared)
        expected = [one_object(module, m, sequence) for m, sequence in zip(masks, x, strict=True)]
    state = state[0] if kind == "LSTM" else state
    tolerance = 1e-5 if dtype == torch.float32 else 1e-9
    assert torch.allclose(output, torch.stack([e[0] for e in expected]), atol=tolerance, rtol=0)
    assert torch.allclose(state, torch.stack([e[1] for e in expected], 1), atol=tolerance, rtol=0)
    assert any((m == 0).any() for m in masks[0].values())
    assert (len({tuple(m["state_0"].tolist()) for m in masks}) == 1) == shared


@pytest.mark.parametrize("shared", [True, False], ids=["fused", "stepped"])
@pytest.mark.parametrize(("kind", "bidirectional"), list(itertools.product(CELLS, [False, True])))
def test_packed_sequences_equal_each_object_alone(kind, bidirectional, shared):
    module = build(kind, 2, bidirectional)
    lengths = torch.tensor([4, 9, 1, 6])
    x, rows = torch.randn(4, STEPS, FEATURES, dtype=torch.float64), torch.arange(4)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    with torch.no_grad(), noise(module, 3, rows=None if shared else rows):
        output, state = module(packed)
    assert isinstance(output, nn.utils.rnn.PackedSequence)
    padded, back = pad_packed_sequence(output, batch_first=True)
    assert torch.equal(back, lengths)
    for i, length in enumerate(lengths):
        with torch.no_grad(), noise(module, 3, rows=None if shared else rows[i : i + 1]):
            alone, last = module(x[i : i + 1, :length])
        assert torch.allclose(padded[i, :length], alone[0], atol=1e-9)
        for s, single in zip(state if kind == "LSTM" else [state], last if kind == "LSTM" else [last], strict=True):
            assert torch.allclose(s[:, i], single[:, 0], atol=1e-9)


@pytest.mark.parametrize("kind", CELLS)
def test_without_noise_it_is_the_layer_itself(kind):
    module = build(kind, 2, True, batch_first=False)
    x = torch.randn(STEPS, 3, FEATURES, dtype=torch.float64)
    first = torch.randn(4, 3, UNITS, dtype=torch.float64)
    first = (first, first.flip(0)) if kind == "LSTM" else first
    lengths = torch.tensor([2, 9, 5])
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    for ours, theirs in (
        (module(x), module.layer(x)),
        (module(x, first), module.layer(x, first)),
        (module(packed, first), module.layer(packed, first)),
    ):
        for a, b in zip(flat(ours), flat(theirs), strict=True):
            assert torch.allclose(a, b, atol=1e-12)


def flat(tree):
    return [tree] if isinstance(tree, torch.Tensor) else [t for x in tree if x is not None for t in flat(x)]


def test_time_first_and_layers_without_biases_work_alike():
    for shared in (True, False):
        first, second = build("GRU", bias=False), build("GRU", bias=False, batch_first=False)
        x, rows = torch.randn(3, STEPS, FEATURES, dtype=torch.float64), None if shared else torch.arange(3)
        with noise(first, 1, rows=rows):
            a = first(x)
        with noise(second, 1, rows=rows):
            b = second(x.transpose(0, 1))
        assert torch.allclose(a[0], b[0].transpose(0, 1))
        assert torch.allclose(a[1], b[1])


def test_masks_count_features_and_units_whatever_the_steps():
    module = build("GRU", 2, True)
    assert {n: m.features for n, m in module.masks.items()} == {
        "input_0": FEATURES, "input_1": 2 * UNITS, "state_0": 2 * UNITS, "state_1": 2 * UNITS,
    }  # fmt: skip
    assert "input_0" not in TiedDropout(nn.GRU(2, 8)).masks
    assert TiedDropout(nn.GRU(2, 8), drop_input=True).masks["input_0"].features == 2
    assert list(TiedDropout(nn.GRU(20, 8, 2), drop_state=False).masks) == ["input_0", "input_1"]


def test_training_shares_state_masks_and_gives_each_object_its_inputs():
    module = build("GRU", learned=True).train()
    x = torch.randn(1, STEPS, FEATURES, dtype=torch.float64).expand(4, -1, -1)
    with noise(module, 1, rows=torch.arange(4)):
        output, _ = module(x)
        assert module.masks["state_0"](4, shared=True).shape == (1, UNITS)
    assert not torch.allclose(output[0], output[1])
    output.square().sum().backward()
    for parameter in module.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
    assert module.masks["state_0"].logit.grad != 0


def test_gradients_through_the_fused_kernel_are_those_of_the_steps():
    gradients = []
    for rows in (None, torch.arange(1)):
        module = build("LSTM", 2, True)
        x = torch.randn(1, STEPS, FEATURES, generator=torch.Generator().manual_seed(1)).double()
        if rows is None:
            with noise(module, 1):
                output, _ = module(x)
        else:
            # Two samples in one batch go step by step; the first is the one above.
            with noise(module, 1, samples=torch.tensor([0, 1])):
                output, _ = module(torch.cat([x, x]))
        output[0].square().sum().backward()
        gradients.append([p.grad for p in module.layer.parameters()])
    for fused, unrolled in zip(*gradients, strict=True):
        assert torch.allclose(fused, unrolled, atol=1e-10)


@pytest.mark.parametrize("drop_state", [True, False])
def test_samples_are_the_same_fused_or_stepped(drop_state):
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.memory = TiedDropout(nn.GRU(FEATURES, 12, 2, batch_first=True), 0.3, drop_state=drop_state)
            self.head = Dropout(nn.Linear(12, 3), 0.3)

        def forward(self, x):
            return self.head(self.memory(x)[0][:, -1])

    torch.manual_seed(0)
    model, x = Classifier(), torch.randn(7, STEPS, FEATURES)
    together = sample(model, x, 5, 3, shared=True)
    alone = torch.cat([sample(model, x[i : i + 1], 5, 3, shared=True, first_row=i) for i in range(7)], 1)
    assert torch.allclose(together, alone, atol=1e-6)
    own = sample(model, x, 5, 3)
    parts = torch.cat([sample(model, x[:4], 5, 3, batch=3), sample(model, x[4:], 5, 3, first_row=4)], 1)
    assert torch.allclose(own, parts, atol=1e-6)
    assert not torch.allclose(own, together, atol=1e-3)


def test_what_cannot_be_tied_raises_an_error():
    for layer in (nn.Linear(3, 3), nn.GRU(8, 8, 2, dropout=0.1), nn.LSTM(8, 8, proj_size=3)):
        with pytest.raises(InputError, match="dropout=0 and proj_size=0"):
            TiedDropout(layer)
    with pytest.raises(InputError, match="without the batch axis"):
        TiedDropout(nn.GRU(8, 8))(torch.zeros(5, 8))


@pytest.mark.parametrize(("kind", "bidirectional"), list(itertools.product(CELLS, [False, True])))
def test_layers_before_the_first_mask_run_once_for_all_samples(kind, bidirectional):
    module = build(kind, 3, bidirectional, drop_input=False, drop_state=False)
    del module.masks["input_1"]  # two layers before the first mask
    x, rows = torch.randn(4, STEPS, FEATURES, dtype=torch.float64), torch.arange(4)
    with torch.no_grad():
        features = module.prefix(x)
        with noise(module, 3, rows=rows):
            output, state = module.suffix(features)
            expected, last = module(x)
    assert torch.allclose(output, expected, atol=1e-12)
    pairs = zip(state, last, strict=True) if kind == "LSTM" else [(state, last)]
    assert all(torch.allclose(s, e, atol=1e-12) for s, e in pairs)
    assert not torch.allclose(expected, module(x)[0])
    outputs = nn.Sequential(module, Outputs())
    with torch.no_grad(), noise(outputs, 3, samples=7, rows=rows):
        whole = outputs(x)
    assert torch.allclose(sample(outputs, x, 9, 3)[7], whole, atol=1e-12)


class Outputs(nn.Module):
    def forward(self, inputs):
        return inputs[0]


def test_it_has_the_attributes_of_its_layer():
    module = build("GRU", 2)
    module.flatten_parameters()
    assert (module.hidden_size, module.num_layers) == (UNITS, 2)
    with pytest.raises(AttributeError, match="nothing"):
        _ = module.nothing
