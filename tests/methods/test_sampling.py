import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from skysure.errors import InputError
from skysure.methods.dropout import Dropout, TiedDropout
from skysure.methods.sampling import sample
from skysure.methods.sampling.posterior import split_model


class Counting(nn.Module):
    """Counts the rows that pass."""

    def __init__(self):
        super().__init__()
        self.passes = []

    def forward(self, x):
        self.passes.append(len(x))
        return x


def network():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), Counting())
    return nn.Sequential(
        body, nn.Sequential(Counting(), Dropout(nn.Linear(16, 12), 0.3), Counting()), Dropout(nn.Linear(12, 2))
    )


X = torch.randn(11, 3, generator=torch.Generator().manual_seed(1))


@settings(max_examples=25)
@given(st.integers(1, 80), st.integers(1, 10), st.integers(1, 5), st.booleans())
def test_samples_do_not_depend_on_chunks(batch, cut, first, shared):
    model = network()
    whole = sample(model, X, 6, seed=4, shared=shared)
    assert whole.shape == (6, 11, 2)
    assert torch.allclose(sample(model, X, 6, 4, shared=shared, batch=batch), whole, atol=1e-6)
    objects = [sample(model, X[:cut], 6, 4, shared=shared), sample(model, X[cut:], 6, 4, shared=shared, first_row=cut)]
    assert torch.allclose(torch.cat(objects, 1), whole, atol=1e-6)
    samples = [
        sample(model, X, first, 4, shared=shared), sample(model, X, 6 - first, 4, shared=shared, first_sample=first),
    ]  # fmt: skip
    assert torch.allclose(torch.cat(samples), whole, atol=1e-6)


def test_rows_name_the_objects():
    model, rows = network(), torch.tensor([5, 2**40, 7])
    samples = sample(model, X[:3], 4, 0, rows=rows)
    order = torch.tensor([2, 0, 1])
    assert torch.allclose(sample(model, X[:3][order], 4, 0, rows=rows[order]), samples[:, order], atol=1e-6)
    assert not torch.allclose(sample(model, X[:3], 4, 0), samples)
    assert not torch.allclose(sample(model, X[:3], 4, 1, rows=rows), samples)


def test_a_shared_sample_is_one_function():
    model = network()
    same = X[:1].expand(5, 3)
    shared, own = sample(model, same, 8, 0, shared=True), sample(model, same, 8, 0)
    assert torch.allclose(shared, shared[:, :1].expand_as(shared), atol=1e-6)
    assert (own.std(1) > 1e-3).all()
    assert (shared.std(0) > 1e-3).all()


def test_what_is_not_random_runs_once_and_samples_are_folded():
    model = network()
    sample(model, X, 50, 0)
    before, after = model[0][3].passes, model[1][2].passes
    assert before == [11]
    assert model[1][0].passes == [11]
    assert sum(after) == 50 * 11
    assert after == [10 * 11] * 5  # 128 rows at most, in even parts
    model = network()
    sample(model, X, 3, 0, batch=4)
    assert model[0][3].passes == [4, 4, 3]
    assert model[1][2].passes == [4] * 6 + [3] * 3


def test_modes_come_back_and_batch_norm_rests():
    model = network()
    model[0].eval()
    model[1].train()
    model[0][1].train()
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    sample(model, X, 4, 0)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    with pytest.raises(RuntimeError):
        sample(model, X[:, :2], 4, 0)
    assert [module.training for module in model.modules()] == modes


def test_a_batch_of_one_has_the_samples_it_has_among_others():
    model = network().train()
    single = sample(model, X[6:7], 4, 0, first_row=6)
    assert torch.allclose(single, sample(model, X, 4, 0)[:, 6:7], atol=1e-6)


def test_torch_s_random_state_is_left_alone():
    model = network()
    state = torch.get_rng_state()
    sample(model, X, 4, 0)
    assert torch.equal(state, torch.get_rng_state())


def test_samples_may_enter_a_fit():
    samples = sample(network(), X, 4, 0)
    temperature = torch.ones((), requires_grad=True)
    (samples * temperature).sum().backward()
    assert temperature.grad is not None
    assert not samples.requires_grad


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head, self.calls = nn.Linear(3, 8), Dropout(nn.Linear(8, 2), 0.5), 0

    def prefix(self, inputs):
        self.calls += 1
        return {"hidden": self.body(inputs["x"]), "scale": inputs["more"][0], "none": inputs["more"][1]}

    def suffix(self, features):
        mean = self.head(features["hidden"]) * features["scale"][:, None]
        return mean, {"scale": features["scale"]}

    def forward(self, inputs):
        return self.suffix(self.prefix(inputs))


def test_inputs_and_outputs_may_be_nested_and_a_model_says_where_it_is_random():
    model = TwoInputs()
    inputs = {"x": X, "more": (torch.arange(11.0), None)}
    mean, more = sample(model, inputs, 30, 0)
    assert mean.shape == (30, 11, 2)
    assert torch.equal(more["scale"], torch.arange(11.0).expand(30, 11))
    assert model.calls == 1
    assert (mean[:, 0] == 0).all()
    assert (mean[:, 1:].std(0) > 0).all()


def test_split_halves_make_the_whole():
    model = network().eval()
    prefix, suffix = split_model(model)
    assert torch.equal(suffix(prefix(X)), model(X))
    whole, rest = split_model(nn.ModuleList([model]))
    assert whole(X) is X
    assert isinstance(rest, nn.ModuleList)


def test_bad_inputs_raise_errors():
    with pytest.raises(InputError, match="to_bayesian"):
        sample(nn.Linear(3, 2), X, 4, 0)
    with pytest.raises(InputError, match="samples = 0"):
        sample(network(), X, 0, 0)
    with pytest.raises(InputError, match="shapes"):
        sample(network(), (X, X[:3]), 4, 0)
    with pytest.raises(InputError, match="shapes"):
        sample(network(), X[:0], 4, 0)
    with pytest.raises(InputError, match="together with the lengths"):
        sample(network(), pack_sequence([X, X]), 4, 0)
    for few in (3, len(X) + 1):
        with pytest.raises(InputError, match=f"{few},.* for {len(X)} objects"):
            sample(network(), X, 4, 0, rows=torch.arange(few), shared=True)
    with pytest.raises(InputError, match="time axis first"):
        sample(TiedDropout(nn.GRU(3, 4)), X[:, None], 4, 0)
    with pytest.raises(InputError, match="layers first"):
        sample(TiedDropout(nn.GRU(3, 4, 2, batch_first=True), drop_input=True), X[:, None], 4, 0)
