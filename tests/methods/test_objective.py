"""Each KL term and its gradients against the closed form, written out here in float64.

A wrong objective can score better than the right one (see test_objective_recipe.py), so these tests are the judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from skysure.methods.dropout import Dropout, TiedDropout, masks
from skysure.methods.variational import bernoulli_entropy, dropout_kl, kl
from skysure.training import seeded

rate_values = st.floats(0.01, 0.95)
many_objects = st.integers(1, 10**6)
lengths = st.floats(1e-4, 10)


@dataclass
class Term:
    """One mask, with what the closed form needs of it."""

    mask: str
    k: int
    weights: list[Tensor]


def assert_closed_form(model: nn.Module, terms: list[Term], n: int, length: float) -> None:
    """Term: l^2 |W|^2 / (2 N (1 - p)) - K H(p) / N, and its derivatives by each weight and each logit, to 1e-6."""
    model.zero_grad()
    value = kl(model, n)
    value.backward()
    expected, weighed = torch.zeros((), dtype=torch.float64), {}
    for term in terms:
        logit = masks(model)[term.mask].logit
        p = 1 / (1 + (-logit.detach()).exp())
        squares = sum(weight.detach().square().sum() for weight in term.weights)
        entropy = -p * p.log() - (1 - p) * (1 - p).log()
        expected = expected + length**2 * squares / (2 * n * (1 - p)) - term.k / n * entropy
        by_p = length**2 * squares / (2 * n * (1 - p) ** 2) - term.k / n * ((1 - p) / p).log()
        assert float(logit.grad) == pytest.approx(float(p * (1 - p) * by_p), rel=1e-6, abs=1e-12), term.mask
        for weight in term.weights:
            slope = length**2 * weight.detach() / (n * (1 - p))
            assert torch.allclose(weight.grad, slope, rtol=1e-6, atol=1e-15), term.mask
            weighed[weight] = True
    assert value.item() == pytest.approx(float(expected), rel=1e-6, abs=1e-12)
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (parameter in weighed or name.endswith("logit")), name


def set_rates(model: nn.Module, rates: list[float]) -> None:
    for mask, rate in zip(masks(model).values(), rates, strict=False):
        mask.logit.data.fill_(torch.logit(torch.tensor(rate, dtype=torch.float64)))


@given(rate_values, st.floats(0, 1e4), st.integers(1, 2000), many_objects, lengths)
def test_a_term_and_its_gradients(p: float, squares: float, k: int, n: int, length: float) -> None:
    rate = torch.tensor(p, dtype=torch.float64, requires_grad=True)
    squared = torch.tensor(squares, dtype=torch.float64, requires_grad=True)
    value = dropout_kl(squared, rate, k, length, n)
    value.backward()
    q = torch.tensor(p, dtype=torch.float64)
    entropy = -q * q.log() - (1 - q) * (1 - q).log()
    expected = length**2 * squares / (2 * n * (1 - q)) - k / n * entropy
    by_p = length**2 * squares / (2 * n * (1 - q) ** 2) - k / n * ((1 - q) / q).log()
    assert value.item() == pytest.approx(float(expected), rel=1e-6, abs=1e-12)
    assert float(rate.grad) == pytest.approx(float(by_p), rel=1e-6, abs=1e-9)
    assert float(squared.grad) == pytest.approx(float(length**2 / (2 * n * (1 - q))), rel=1e-6)


@st.composite
def feedforward(draw: st.DrawFn) -> tuple[nn.Module, int, torch.Size]:
    """A layer, its K, and an input for it: features of a dense layer, channels of a convolution."""
    reads, writes, size = draw(st.integers(5, 12)), draw(st.integers(1, 6)), draw(st.integers(1, 3))
    kind, bias = draw(st.sampled_from(["dense", "conv1d", "conv2d", "groups"])), draw(st.booleans())
    if kind == "dense":
        return nn.Linear(reads, writes, bias=bias), reads, torch.Size([2, 4, reads])
    if kind == "conv1d":
        return nn.Conv1d(reads, writes, size, bias=bias), reads, torch.Size([2, reads, 9])
    groups = 2 if kind == "groups" else 1
    layer = nn.Conv2d(reads * groups, writes * groups, size, groups=groups, bias=bias)
    return layer, reads * groups, torch.Size([2, reads * groups, 5, 6])


@settings(max_examples=30)
@given(feedforward(), rate_values, many_objects, lengths, st.integers(0, 99))
def test_dense_layers_count_features_and_convolutions_channels(case, rate, n, length, seed) -> None:
    layer, k, shape = case
    with seeded(seed):
        nn.init.normal_(layer.weight)
        model = Dropout(layer, learned=True, length_scale=length).double()
        model(torch.randn(shape, dtype=torch.float64))
    set_rates(model, [rate])
    assert_closed_form(model, [Term("mask", k, [model.layer.weight])], n, length)


@settings(max_examples=30)
@given(
    st.sampled_from([nn.GRU, nn.LSTM, nn.RNN]), st.integers(1, 3), st.booleans(), st.booleans(), st.integers(5, 9),
    st.integers(2, 6), st.lists(rate_values, min_size=6, max_size=6), many_objects, lengths, st.integers(1, 40),
)  # fmt: skip
def test_recurrent_layers_count_what_they_read_and_their_units_never_the_steps(
    cell, layers, bidirectional, bias, reads, units, rates, n, length, steps
) -> None:
    with seeded(steps):
        layer = cell(reads, units, layers, bidirectional=bidirectional, bias=bias, batch_first=True)
        model = TiedDropout(layer, learned=True, length_scale=length).double()
        model(torch.randn(2, steps, reads, dtype=torch.float64))
    set_rates(model, rates)
    weights, ways, terms = dict(layer.named_parameters()), ("", "_reverse")[: 1 + bidirectional], []
    for i in range(layers):
        read = reads if i == 0 else units * len(ways)
        terms.append(Term(f"masks.input_{i}", read, [weights[f"weight_ih_l{i}{way}"] for way in ways]))
        terms.append(Term(f"masks.state_{i}", units * len(ways), [weights[f"weight_hh_l{i}{way}"] for way in ways]))
    assert_closed_form(model, terms, n, length)


@settings(max_examples=10)
@given(st.lists(rate_values, min_size=4, max_size=4), many_objects)
def test_terms_of_a_whole_network_add_up_and_bare_layers_bring_none(rates, n) -> None:
    with seeded(n):
        head = Dropout(nn.Linear(12, 2), learned=True)
        body = TiedDropout(nn.GRU(3, 6, bidirectional=True), learned=True)
        model = nn.Sequential(nn.Linear(1, 6), Dropout(nn.Conv1d(6, 3, 3), learned=True), body, head).double()
    set_rates(model, rates)
    inner = body.layer
    terms = [
        Term("1.mask", 6, [model[1].layer.weight]),
        Term("2.masks.state_0", 12, [inner.weight_hh_l0, inner.weight_hh_l0_reverse]),
        Term("3.mask", 12, [head.layer.weight]),
    ]
    assert_closed_form(model, terms, n, 1e-2)
    assert kl(nn.Linear(3, 3), n).item() == 0


@settings(max_examples=20)
@given(many_objects, rate_values)
def test_the_whole_goes_as_one_over_the_number_of_objects(n, rate) -> None:
    model = nn.Sequential(Dropout(nn.Linear(9, 5), rate), TiedDropout(nn.LSTM(5, 4), rate)).double()
    assert n * kl(model, n).item() == pytest.approx(kl(model, 1).item(), rel=1e-9)


def test_a_wrong_objective_has_another_value() -> None:
    module = Dropout(nn.Linear(64, 8), 0.1, length_scale=1.0).double()
    squares, n, batch = float(module.layer.weight.detach().square().sum()), 500, 64
    right = kl(module, n).item()

    def term(factor_w: float = 1.0, factor_k: float = 1.0, n: int = n) -> float:
        p = 0.1
        h = float(bernoulli_entropy(torch.tensor(p, dtype=torch.float64)))
        return factor_w * squares / (2 * n * (1 - p)) - factor_k * 64 / n * h

    assert right == pytest.approx(term(), rel=1e-6)
    wrong = {
        "doubled": term(2, 2),
        "K missing": term(1, 1 / 64),
        "sum over the batch": term(1 / batch, 1 / batch),
        "N missing": term(n=1),
        "weights times (1 - p)": term((1 - 0.1) ** 2),
        "half the weight term": term(0.5),
    }
    for name, value in wrong.items():
        assert abs(value - right) > 0.01 * abs(right), name


@given(st.floats(1e-6, 1 - 1e-6))
def test_entropy_of_a_rate_is_that_of_a_coin(p: float) -> None:
    rate = torch.tensor(p, dtype=torch.float64)
    coin = torch.distributions.Bernoulli(rate).entropy()
    assert float(bernoulli_entropy(rate)) == pytest.approx(float(coin), rel=1e-6)
