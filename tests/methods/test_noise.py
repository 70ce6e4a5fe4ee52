import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from skysure.errors import InputError
from skysure.methods.dropout import Dropout, TiedDropout, noise, rates
from skysure.methods.dropout.counter_rng import keys, uniform

WORD, LONG = 2**32 - 1, 2**64 - 1
integers = st.integers(-(2**63), 2**63 - 1)


def numbers(seed=1, samples=(0,), rows=(0,), layer=0, features=1):
    return uniform(keys(seed, torch.tensor(samples), torch.tensor(rows)), layer, features)


def splitmix(x):
    """One output of SplitMix64, in Python's integers."""
    x = (x + 0x9E3779B97F4A7C15) & LONG
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & LONG
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & LONG
    return x ^ (x >> 31)


def one_number(seed, sample, row, layer, feature):
    """The same number, in Python's integers."""
    key = seed & LONG
    for number in (sample, row):
        key = splitmix(key ^ splitmix(number & LONG))
    unit = splitmix(layer ^ splitmix(feature))
    x = (key + unit) & WORD
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & WORD
    x = ((x ^ (key >> 32)) + (unit >> 32)) & WORD
    x = ((x ^ (x >> 15)) * 0x846CA68B) & WORD
    return ((x >> 9) + 0.5) / 2**23


def test_splitmix_is_the_published_sequence():
    # First outputs for seed 1234567, as in the reference implementation's test (rosettacode, Vigna's splitmix64.c).
    steps = [splitmix((1234567 + i * 0x9E3779B97F4A7C15) & LONG) for i in range(3)]
    assert steps == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(integers, integers, integers, st.integers(0, 1000), st.integers(0, 40))
def test_numbers_are_those_of_whole_number_arithmetic(seed, sample, row, layer, feature):
    number = numbers(seed, (sample,), (row,), layer, feature + 1)[0, 0, feature]
    assert float(number) == one_number(seed, sample, row, layer, feature)


def test_numbers_lie_strictly_inside_the_unit_interval():
    u = numbers(rows=range(2000), features=2000)
    assert u.dtype == torch.float32
    assert 0 < u.min() < 1e-5
    assert 1 - 1e-5 < u.max() < 1
    assert torch.isfinite(torch.logit(u)).all()


@pytest.mark.parametrize("axis", ["seed", "samples", "rows", "layer", "features"])
def test_numbers_are_uniform_and_independent_along_every_axis(axis):
    n = 100_000
    if axis in ("seed", "layer"):
        u = torch.stack([numbers(**{axis: i}, features=200).flatten() for i in range(500)]).T.flatten()
    elif axis == "features":
        u = numbers(features=n).flatten()
    else:
        u = numbers(**{axis: range(n)}).flatten()
    u = u.numpy().astype(float)
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    for lag in (1, 2, 3, 64):
        # Neighbours fill the square: serial test on a grid of 16 x 16 cells.
        cells = np.histogram2d(u[:-lag:2], u[lag::2][: len(u[:-lag:2])], 16, [[0, 1], [0, 1]])[0]
        assert stats.chisquare(cells.ravel()).pvalue > 1e-4
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 4.5 / np.sqrt(len(u))


def test_bits_are_fair_and_uncorrelated():
    bits = (numbers(rows=range(500), features=200).flatten() * 2**23).long()
    ones = torch.stack([(bits >> i) & 1 for i in range(23)]).double()
    assert ((ones.mean(1) - 0.5).abs() < 4.5 * 0.5 / len(bits) ** 0.5).all()
    correlation = torch.corrcoef(ones) - torch.eye(23)
    assert correlation.abs().max() < 4.5 / len(bits) ** 0.5


def test_streams_of_rows_are_no_shifts_of_each_other():
    u = numbers(rows=range(300), features=300)[0]
    assert len(torch.unique(u)) > u.numel() - 900  # birthdays on 2^23 values: 90,000^2 / 2^24 = 483 expected
    spectrum = torch.fft.rfft(u - 0.5)
    power = torch.fft.irfft(spectrum[:, None] * spectrum[None].conj(), n=300) / (300 / 12)
    power[range(300), range(300), 0] = 0
    assert power.abs().max() < 7 / 300**0.5  # 27 million correlations of 300 terms: 5.6 sigma expected at most


@settings(max_examples=20)
@given(st.integers(1, 30), st.integers(0, 5))
def test_chunks_change_nothing(cut, layer):
    whole = numbers(3, range(4), range(31), layer, 8)
    parts = [numbers(3, range(4), rows, layer, 8) for rows in (range(cut), range(cut, 31))]
    assert torch.equal(whole, torch.cat(parts, 1))
    assert torch.equal(whole[..., :5], numbers(3, range(4), range(31), layer, 5))


def test_training_inside_noise_is_the_same_however_the_batch_is_shared_out():
    torch.manual_seed(0)
    network = nn.Sequential(Dropout(nn.Linear(9, 16), learned=True), nn.ReLU(), Dropout(nn.Linear(16, 2), 0.3))
    x, rows = torch.randn(8, 9), torch.arange(8)
    with noise(network, 5, samples=17, rows=rows):
        whole = network(x)
    with noise(network, 5, samples=17, rows=rows[1::2]):
        half = network(x[1::2])
    with noise(network, 5, samples=18, rows=rows):
        later = network(x)
    assert torch.allclose(whole[1::2], half, atol=1e-6)
    assert not torch.allclose(whole, later)


def test_without_noise_training_follows_torch_and_eval_is_the_mean_network():
    network = Dropout(nn.Linear(6, 2))
    x = torch.randn(5, 6)
    torch.manual_seed(1)
    first = network(x)
    torch.manual_seed(1)
    assert torch.equal(first, network(x))
    assert not torch.equal(first, network(x))
    network.eval()
    assert torch.equal(network(x), network.layer(x))
    with noise(network, 0, rows=torch.arange(5)):
        assert not torch.equal(network(x), network.layer(x))
    assert torch.equal(network(x), network.layer(x))


def test_shared_noise_is_one_network_for_all_rows():
    network = Dropout(nn.Linear(6, 2), 0.5).eval()
    x = torch.randn(1, 6).expand(7, 6)
    with noise(network, 0):
        same = network(x)
    with noise(network, 0, rows=torch.arange(7)):
        own = network(x)
    assert torch.equal(same, same[:1].expand(7, 2))
    assert len(torch.unique(own, dim=0)) > 1


def test_rows_must_be_as_many_as_the_batch():
    network = Dropout(nn.Linear(6, 2))
    for rows in (3, 1):
        with (
            noise(network, 0, rows=torch.arange(rows)),
            pytest.raises(InputError, match="keep objects along the first"),
        ):
            network(torch.zeros(4, 6))
    with noise(network, 0, samples=torch.arange(3)), pytest.raises(InputError, match="input of 4 rows"):
        network(torch.zeros(4, 6))


def test_rates_are_named_after_their_layers():
    network = nn.ModuleDict(
        {"head": Dropout(nn.Linear(6, 2), 0.2, learned=True), "memory": TiedDropout(nn.GRU(2, 6), 0.3)}
    )
    expected = {"rate_head": 0.2, "rate_memory.state_0": 0.3}
    assert rates(network) == pytest.approx(expected)
    assert rates(Dropout(nn.Linear(6, 2), 0.2)) == pytest.approx({"rate": 0.2})
    assert rates(nn.Linear(2, 2)) == {}
