import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skysure.errors import InputError
from skysure.methods.recurrent import (
    Autoencoder,
    Patches,
    Series,
    information_bins,
    pool_steps,
    step_features,
    subsample,
    time_bins,
    truncate,
)

ANSWERS = {"truncate": truncate, "subsample": subsample, "time_bins": time_bins, "information_bins": information_bins}
LENGTHS = torch.tensor([200, 61, 16, 5, 1])


def series(channels=2, lengths=LENGTHS, seed=0, padding=0):
    """Irregular times, a third of the channels not measured; padding of other numbers than zero."""
    draw = torch.Generator().manual_seed(seed)
    shape = (len(lengths), int(lengths.max()) + padding, channels)
    time = torch.rand(shape[:2], generator=draw, dtype=torch.float64).sort(1).values * 100
    value = torch.randn(shape, generator=draw, dtype=torch.float64) * 3
    weight = torch.rand(shape, generator=draw, dtype=torch.float64) + 0.1
    weight[torch.rand(shape, generator=draw) < 0.3] = 0.0
    weight[torch.arange(shape[1]) >= lengths[:, None]] = 0.0
    time[torch.arange(shape[1]) >= lengths[:, None]] = 1e4
    return Series(time, value, weight, lengths)


def alone(sequences, k):
    """An object without its padding."""
    n = int(sequences.length[k])
    return sequences[k : k + 1].between(0, n)


def assert_same(result, expected):
    """The valid steps of one object are those of another series of one object."""
    n = int(expected.length)
    assert int(result.length) == n
    assert torch.allclose(result.time[:, :n], expected.time[:, :n], rtol=0, atol=1e-9)
    assert torch.allclose(result.weight[:, :n], expected.weight[:, :n], rtol=0, atol=1e-9)
    measured = expected.weight[:, :n] > 0
    assert torch.allclose(result.value[:, :n][measured], expected.value[:, :n][measured], rtol=0, atol=1e-9)
    assert (result.weight[:, n:] == 0).all()


@pytest.mark.parametrize("name", ANSWERS)
def test_padding_and_other_objects_change_nothing(name):
    sequences = series(padding=9)
    short = ANSWERS[name](sequences, 16)
    for k in range(len(sequences)):
        assert_same(short[k : k + 1], ANSWERS[name](alone(sequences, k), 16))


@pytest.mark.parametrize("name", ANSWERS)
def test_short_objects_stay_as_they_are(name):
    sequences = series()[2:]
    for k in range(3):
        assert_same(ANSWERS[name](sequences, 16)[k : k + 1], alone(sequences, k))


@pytest.mark.parametrize("name", ANSWERS)
def test_never_more_steps_than_asked(name):
    for steps in (1, 2, 7, 16, 300):
        short = ANSWERS[name](series(), steps)
        assert short.steps <= steps
        assert (short.length <= LENGTHS.clamp(max=steps)).all()
        assert (short.length >= 1).all()


def test_truncation_keeps_a_stretch():
    sequences = series()
    for keep, cut in (("first", slice(0, 16)), ("last", slice(-16, None))):
        short = truncate(sequences, 16, keep)
        for k in range(len(sequences)):
            n = int(short.length[k])
            assert torch.equal(short.time[k, :n], alone(sequences, k).time[0, cut])
            assert torch.equal(short.value[k, :n], alone(sequences, k).value[0, cut])
    brightest = truncate(sequences, 16, "brightest")
    ratio = sequences.value * sequences.weight.sqrt()
    peak = sequences.time[torch.arange(5), ratio.amax(2).argmax(1)]
    assert ((brightest.time == peak[:, None]) & brightest.valid).any(1).all()


def test_no_stretch_of_another_name():
    with pytest.raises(InputError, match="keep="):
        truncate(series(), 16, "middle")


def test_no_bins_of_what_is_not_finite():
    sequences = series()
    sequences.value[0, 3] = torch.nan
    with pytest.raises(InputError, match="not finite"):
        information_bins(sequences, 16)


@pytest.mark.parametrize("shorten", [time_bins, information_bins])
@pytest.mark.parametrize("wrong", [-1.0, torch.nan])
def test_no_bins_of_points_in_disorder(shorten, wrong):
    sequences = series()
    sequences.time[1, 60] = wrong
    with pytest.raises(InputError, match="order of time"):
        shorten(sequences, 9)


def test_thinning_keeps_the_middle_of_equal_parts():
    sequences = series(lengths=torch.tensor([160]))
    assert torch.equal(subsample(sequences, 16).time[0], sequences.time[0, 5::10])


def test_bins_are_those_of_numpy():
    sequences = series(lengths=torch.tensor([200]))
    time, value, weight = (x[0].numpy() for x in (sequences.time, sequences.value, sequences.weight))
    edges = np.linspace(time[0], time[-1], 17)
    owner = np.clip(np.searchsorted(edges, time, side="right") - 1, 0, 15)
    short = time_bins(sequences, 16)
    for step, bin in enumerate(np.unique(owner)):
        inside = owner == bin
        assert short.time[0, step] == pytest.approx(time[inside].mean())
        for channel in range(2):
            w = weight[inside, channel]
            assert short.weight[0, step, channel] == pytest.approx(w.sum())
            if w.sum() > 0:
                mean = np.average(value[inside, channel], weights=w)
                assert short.value[0, step, channel] == pytest.approx(mean)


def test_bins_have_the_error_that_they_say():
    """The scatter of bin means of pure noise, over the error that their weight stands for, is one."""
    draw, error = torch.Generator().manual_seed(3), torch.tensor([0.5, 2.0]).repeat(500)
    value = error * torch.randn(50, 1000, generator=draw)
    weight = (error**-2).expand(50, -1)[..., None]
    short = time_bins(
        Series(torch.arange(1000.0).expand(50, -1), value[..., None], weight, torch.full((50,), 1000)), 20
    )
    assert (short.value * short.weight.sqrt()).std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * 1000))


def fit(value, weight, groups):
    """χ² of a constant for each group."""
    total = 0.0
    for group in np.unique(groups):
        v, w = value[groups == group], weight[groups == group]
        total += (w * (v - np.average(v, weights=w)) ** 2).sum()
    return total


def test_two_steps_of_equal_weight_merge_where_the_least_is_lost():
    """One round too many leaves one merge to make: the one that brute force finds."""
    for seed in range(20):
        draw = np.random.default_rng(seed)
        value, weight = draw.normal(size=30), draw.lognormal(0.0, 2.0, 30)
        tensors = (torch.from_numpy(x)[None, :, None] for x in (value, weight))
        # all points at one time, so that the channel of time costs nothing
        sequences = Series(torch.zeros(1, 30, dtype=torch.float64), *tensors, torch.tensor([30]))
        groups = [np.arange(30) - (np.arange(30) > k) for k in range(29)]
        cheapest = min(fit(value, weight, g) for g in groups)
        short = information_bins(sequences, 29)
        unmerged = torch.isclose(sequences.value[0], short.value[0, :, 0]).any(1).numpy()
        merged = np.flatnonzero(~unmerged)
        assert fit(value, weight, np.arange(30) - (np.arange(30) > merged[0])) == pytest.approx(cheapest)


def test_where_nothing_differs_bins_are_equal():
    sequences = Series(torch.zeros(1, 64), torch.ones(1, 64, 1), torch.ones(1, 64, 1), torch.tensor([64]))
    assert torch.equal(information_bins(sequences, 8).weight.flatten(), torch.full((8,), 8.0))


def test_information_finds_what_even_bins_dilute():
    """A dip of four points in a thousand, at 10 σ, keeps its depth among 32 steps."""
    draw = torch.Generator().manual_seed(1)
    value = torch.randn(40, 1000, generator=draw)
    value[:, 500:504] -= 10
    sequences = Series(
        torch.arange(1000.0).expand(40, -1), value[..., None], torch.ones(40, 1000, 1), torch.full((40,), 1000)
    )
    deepest = {f.__name__: f(sequences, 32).value.amin((1, 2)) for f in (time_bins, information_bins)}
    assert deepest["information_bins"].median() < -9
    assert deepest["time_bins"].median() > -3


def test_channels_measured_at_different_times_are_kept_apart():
    time = torch.tensor([[0.0, 0.01, 5.0, 5.01, 9.0, 9.01]])
    value = torch.zeros(1, 6, 2)
    value[0, ::2, 0] = torch.tensor([1.0, 2.0, 9.0])
    value[0, 1::2, 1] = torch.tensor([5.0, 7.0, 3.0])
    weight = (value != 0).float()
    nights = information_bins(Series(time, value, weight, torch.tensor([6])), 3)
    assert torch.allclose(nights.value[0], torch.tensor([[1.0, 5.0], [2.0, 7.0], [9.0, 3.0]]))
    assert torch.allclose(nights.time[0], torch.tensor([0.005, 5.005, 9.005]))


@settings(max_examples=30)
@given(n=st.integers(1, 300), steps=st.integers(1, 40), repeats=st.integers(1, 300), seed=st.integers(0, 9))
def test_no_measurement_is_lost_in_bins(n, steps, repeats, seed):
    """The weighted sum over bins is that over points, also where many points are equal."""
    sequences = series(lengths=torch.tensor([n]), seed=seed)
    sequences = Series(sequences.time, sequences.value.round(decimals=repeats % 3), sequences.weight, sequences.length)
    for average in (time_bins, information_bins):
        short = average(sequences, steps)
        assert torch.allclose(short.weight.sum(1), sequences.weight.sum(1))
        assert torch.allclose((short.weight * short.value).sum(1), (sequences.weight * sequences.value).sum(1))
        assert (torch.diff(short.time[0, : int(short.length)]) >= 0).all()


def test_what_is_read_of_a_step():
    sequences = series(padding=3)
    x = step_features(sequences)
    assert x.shape == (5, 203, 7)
    assert (x[~sequences.valid] == 0).all()
    measured = sequences.weight > 0
    assert torch.equal(x[..., :2][measured], sequences.value[measured])
    assert torch.allclose(x[..., 2:4][measured].exp(), sequences.weight[measured] ** -0.5)
    assert torch.allclose(x[0, 1:200, 6].expm1(), torch.diff(sequences.time[0, :200]))


def test_windows_hold_every_point_once():
    sequences = series()
    windows = sequences.windows(16)
    assert len(windows) == 5 * 13
    assert torch.equal(windows.value[windows.valid], sequences.value[sequences.valid])
    assert (windows.weight[~windows.valid] == 0).all()


NOTHING = {
    "padding alone": series(lengths=torch.tensor([0, 0, 0]), padding=9),
    "no step": Series(torch.zeros(3, 0), torch.zeros(3, 0, 2), torch.zeros(3, 0, 2), torch.zeros(3, dtype=torch.int64)),
    "no object": series(padding=9)[:0],
    "neither": series()[:0].between(0, 0),
}
"""Series without a single point."""
READERS = {
    "brightest": lambda sequences: truncate(sequences, 16, "brightest"),
    **{name: lambda sequences, short=short: short(sequences, 16) for name, short in ANSWERS.items()},
    "patches": lambda sequences: Patches(2, 6, 8, 3).to(sequences.value)(sequences),
    "autoencoder": lambda sequences: Autoencoder(2, 8, 4, 10).to(sequences.value)(sequences),
    "pooled": lambda sequences: pool_steps(sequences, 3),
    "between": lambda sequences: sequences.between(3, 3),
    "padded": lambda sequences: sequences.pad(sequences.steps + 4),
}


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("name", READERS)
def test_of_nothing_comes_nothing_that_a_network_can_still_read(name, nothing):
    sequences = NOTHING[nothing]
    short = READERS[name](sequences)
    assert torch.equal(short.length, torch.zeros(len(sequences), dtype=torch.int64))
    assert short.steps >= 1
    assert (short.weight == 0).all()
    layer = torch.nn.LSTM(step_features(short).shape[-1], 5, batch_first=True).to(sequences.value)
    assert layer(step_features(short))[0].isfinite().all()


@pytest.mark.parametrize("name", READERS)
def test_an_object_without_steps_is_padding_beside_others(name):
    torch.manual_seed(0)
    sequences = series(lengths=torch.tensor([61, 0, 16]), padding=9)
    short = READERS[name](sequences)
    assert short.length[1] == 0
    assert (short.weight[1] == 0).all()
    torch.manual_seed(0)
    without = READERS[name](sequences[torch.tensor([0, 2])])
    for values, expected in zip((short.time, short.value), (without.time, without.value), strict=True):
        assert torch.allclose(values[[0, 2]], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ANSWERS)
def test_less_than_one_step_raises_an_error(name):
    for steps in (0, -1):
        with pytest.raises(InputError, match="at least one"):
            ANSWERS[name](series(), steps)


def test_enormous_numbers_are_refused_and_large_ones_are_not():
    """Where every loss is infinite no two neighbours would ever merge."""
    sequences = series()
    short = information_bins(sequences, 16)

    def scaled(value: float, weight: float) -> Series:
        return Series(sequences.time, sequences.value * value, sequences.weight * weight, sequences.length)

    large = information_bins(scaled(1e30, 1e-60), 16)
    assert torch.allclose(large.value, short.value * 1e30, rtol=1e-9)
    assert information_bins(scaled(1, 1e-120), 16).steps == 16
    far = scaled(1e210, 1e-100)  # χ² beyond float64
    assert information_bins(far, 16).steps == 16
    with pytest.raises(InputError, match="very large"):
        information_bins(scaled(1, 1e160), 16)


def test_padding_is_never_taken_away():
    sequences = series()
    assert sequences.pad(3).steps == sequences.steps
    assert sequences.pad(300).steps == 300
