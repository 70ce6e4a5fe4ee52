import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from skysure.errors import InputError
from skysure.methods.recurrent import Autoencoder, Patches, Series, pool_steps, step_features

LENGTHS = torch.tensor([400, 151, 16, 3])


def series(lengths=LENGTHS, points=420):
    draw = torch.Generator().manual_seed(2)
    shape = (len(lengths), points, 2)
    time = torch.rand(shape[:2], generator=draw, dtype=torch.float64).sort(1).values * points
    value = torch.randn(shape, generator=draw, dtype=torch.float64)
    weight = torch.rand(shape, generator=draw, dtype=torch.float64) + 0.5
    weight[torch.arange(points) >= lengths[:, None]] = 0.0
    return Series(time, value, weight, lengths)


def patches(**sizes):
    torch.manual_seed(5)
    return Patches(2, 6, **({"size": 8, "pool_size": 3, "chunk": 24} | sizes)).double()


def alone(sequences, k):
    return sequences[k : k + 1].between(0, int(sequences.length[k]))


def test_chunks_give_what_one_convolution_of_everything_gives():
    sequences, model = series(), patches()
    short = model(sequences)
    # 420 points in steps of 12: 35 tokens of 3 patches, the last reaching 4 points beyond
    x = F.pad(step_features(sequences), (0, 0, 0, 4)).mT
    whole = F.gelu(model.embedding(x)).mT
    for k, n in enumerate(-(-LENGTHS // 4)):
        for token in range(-(-int(n) // 3)):
            inside = whole[k, 3 * token : min(3 * token + 3, n)]
            expected = torch.cat([inside.mean(0), inside.amax(0)])
            assert torch.allclose(short.value[k, token], expected, rtol=0, atol=1e-12)
    assert torch.equal(short.length, -(-LENGTHS // 12))


def test_neither_chunk_nor_padding_nor_other_objects_matter():
    sequences, model = series(), patches()
    short = model(sequences)
    for rechunked in (patches(chunk=48), patches(chunk=10_000)):
        output = rechunked(sequences)
        assert torch.allclose(output.value, short.value, rtol=0, atol=1e-12)
        assert torch.allclose(output.time, short.time)
    for k in range(len(sequences)):
        output = model(alone(sequences, k))
        n = int(output.length)
        assert n == short.length[k]
        assert torch.allclose(output.value[0, :n], short.value[k, :n], rtol=0, atol=1e-12)


def test_gradients_are_those_of_one_chunk():
    gradients = []
    for chunk in (24, 10_000):
        model = patches(chunk=chunk)
        model(series()).value.square().sum().backward()
        gradients.append(model.embedding.weight.grad)
    assert torch.allclose(*gradients, rtol=0, atol=1e-10)


def test_pooling_takes_mean_and_maximum():
    draw = torch.Generator().manual_seed(1)
    value, length = torch.randn(3, 12, 2, generator=draw), torch.tensor([12, 7, 0])
    time = torch.arange(12.0).expand(3, -1)
    short = pool_steps(Series(time, value, torch.ones(3, 12, 1), length), 5)
    assert torch.equal(short.length, torch.tensor([3, 2, 0]))
    assert torch.allclose(short.value[1, 1, :2], value[1, 5:7].mean(0))
    assert torch.equal(short.value[1, 1, 2:], value[1, 5:7].amax(0))
    assert torch.equal(short.time[0], torch.tensor([2.0, 7.0, 10.5]))
    assert (short.weight[2] == 0).all()
    assert (short.value[2] == 0).all()


def allocated(step):
    """Most bytes that torch's allocator holds at once of what a step asks for; hooks do not see into checkpoints."""
    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    return max(itertools.accumulate(event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())))


def trained_on(points, chunk):
    """A training step on so many points, of which 40 steps are left."""
    sequences = series(torch.tensor([points, points]), points)
    model = patches(pool_size=points // 160, chunk=chunk)
    return lambda: model(sequences).value.square().mean().backward()


def test_memory_of_training_follows_the_chunk():
    short, long, whole = (allocated(trained_on(*sizes)) for sizes in ((1600, 400), (16_000, 400), (16_000, 16_000)))
    assert long <= 1.5 * short
    assert whole > 5 * long


def autoencoder(size=20):
    torch.manual_seed(3)
    return Autoencoder(2, 12, 4, size, chunk=40).double()


def test_codes_of_a_window_are_those_of_the_window_alone():
    sequences, model = series(), autoencoder()
    codes = model(sequences)
    assert torch.equal(codes.length, torch.tensor([20, 8, 1, 1]))
    for k in range(len(sequences)):
        for window in range(int(codes.length[k])):
            part = alone(sequences, k).between(20 * window, 20 * window + 20)
            with torch.no_grad():
                expected = model.encode(part)[0]
            assert torch.allclose(codes.value[k, window], expected, rtol=0, atol=1e-12)
            assert codes.weight[k, window, 0] == part.steps
        assert (codes.value[k, int(codes.length[k]) :] == 0).all()


def test_likelihood_is_that_of_a_normal_with_the_error_of_each_point():
    """With nothing decoded but a bias, m = 0 and s = 1 for all points."""
    windows, model = series().windows(20), autoencoder()
    torch.nn.init.zeros_(model.rebuilt.weight)
    torch.nn.init.zeros_(model.rebuilt.bias)
    nll = model.nll(windows)
    for k in range(len(windows)):
        inside = windows.weight[k] > 0
        if inside.any():
            scale = (1 / windows.weight[k][inside] + 1).sqrt()
            expected = -torch.distributions.Normal(0.0, scale).log_prob(windows.value[k][inside]).mean()
            assert nll[k].item() == pytest.approx(expected.item())
        else:
            assert nll[k] == 0


def test_gradients_do_not_see_the_padding_of_windows():
    windows, model = series().windows(20), autoencoder()
    value = windows.value.clone().requires_grad_()
    model.nll(Series(windows.time, value, windows.weight, windows.length)).sum().backward()
    assert (value.grad[windows.weight == 0] == 0).all()
    assert (value.grad[windows.weight > 0] != 0).float().mean() > 0.99


def test_it_learns_to_say_a_wave_in_a_few_numbers():
    """Waves that differ in amplitude and phase: rebuilt from codes, less than half of their scatter is left."""
    draw, model = torch.Generator().manual_seed(7), autoencoder().float()
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)

    def waves():
        amplitude, phase = torch.rand(64, 1, generator=draw) + 1, 2 * math.pi * torch.rand(64, 1, generator=draw)
        time = torch.arange(20.0).expand(64, -1)
        value = (amplitude * torch.sin(2 * math.pi * time / 20 + phase))[..., None].expand(-1, -1, 2)
        return Series(time, value, torch.full((64, 20, 2), 100.0), torch.full((64,), 20))

    for _ in range(250):
        adam.zero_grad()
        model.nll(waves()).mean().backward()
        adam.step()
    scatter = waves().value.std().item()
    assert model.nll(waves()).mean().item() < 0.5 + 0.5 * math.log(2 * math.pi) + math.log(scatter / 2)


def test_memory_of_encoding_and_of_training_follows_the_windows(saved_bytes):
    model = autoencoder()
    few, many = (series(torch.tensor([n, n]), n) for n in (800, 16_000))
    windows = [sequences.windows(20)[:64] for sequences in (few, many)]
    steps = [saved_bytes(lambda w=w: model.nll(w).mean().backward()) for w in windows]
    assert steps[1] <= 1.05 * steps[0]
    assert saved_bytes(lambda: model(many)) == 0


@pytest.mark.parametrize("size", [1, 7])
def test_patches_overlap_by_half(size):
    with pytest.raises(InputError, match="an even number"):
        Patches(2, 6, size)
