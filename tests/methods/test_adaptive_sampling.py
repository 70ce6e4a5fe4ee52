import pytest
import torch
from jaxtyping import config
from torch import nn

from skysure.errors import InputError
from skysure.methods.dropout import Dropout
from skysure.methods.ensembles import Ensemble
from skysure.methods.sampling import (
    Moments,
    sample,
    sample_until,
    split_classes,
    split_classes_until,
    split_values,
    split_values_until,
)


def network(outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 32), nn.ReLU(), Dropout(nn.Linear(32, 32), 0.3), nn.ReLU(), Dropout(nn.Linear(32, outputs), 0.3)
    )


X = torch.randn(40, 4, generator=torch.Generator().manual_seed(1)) * torch.linspace(0.05, 8, 40)[:, None]


def halves(outputs):
    mean, log_variance = outputs.chunk(2, -1)
    return mean, log_variance.exp()


def of_each(samples, counts):
    """Split the first samples of each object, as many as were drawn for it."""
    return [(i, samples[: int(n), i : i + 1]) for i, n in enumerate(counts)]


@pytest.mark.parametrize("shared", [False, True])
def test_classes_have_the_numbers_of_sample(shared):
    model, rows = network(), torch.arange(40) * 7
    parts, counts = split_classes_until(model, X, 0.02, 5, least=8, most=90, rows=rows, shared=shared)
    samples = sample(model, X, 90, 5, rows=rows, shared=shared).softmax(-1)
    assert len(counts.unique()) > 3
    for i, object_samples in of_each(samples, counts):
        expected = split_classes(object_samples)
        for name in vars(expected):
            assert torch.allclose(getattr(parts, name)[i], getattr(expected, name)[0], atol=1e-6), name


def test_values_have_the_numbers_of_sample_also_where_they_are_large():
    model = network(4)

    def large(outputs):
        mean, variance = halves(outputs.double())
        return mean + 2_460_000.5, variance

    parts, counts = split_values_until(model, X, large, 0.1, 5, least=8, most=300)
    samples = sample(model, X, 300, 5)
    assert len(counts.unique()) > 3
    for i, object_samples in of_each(samples, counts):
        mean, variance = large(object_samples)
        expected = split_values(mean, variance=variance)
        for name in vars(expected):
            assert torch.allclose(getattr(parts, name)[i], getattr(expected, name)[0], rtol=1e-5, atol=1e-7), name


def test_an_object_stops_at_the_first_look_that_is_good_enough():
    model = network()
    looks, most = [8, 16, 24, 36, 54, 81, 90], 90
    _, counts = split_classes_until(model, X, 0.02, 5, least=8, most=most)
    draws = sample(model, X, most, 5).softmax(-1)

    def good(samples):
        parts = split_classes(samples)
        errors = parts.probability_error.amax(-1) / len(samples) ** 0.5
        return bool((errors <= 0.02) & (parts.monte_carlo_error <= 0.02))

    for i, n in enumerate(counts):
        assert int(n) == next((k for k in looks if good(draws[:k, i : i + 1])), most)
    assert counts.min() == 8
    assert counts.max() == 90


def test_errors_are_about_as_small_as_asked():
    model, tolerance = network(), 0.03
    parts, counts = split_classes_until(model, X, tolerance, 2, least=20, most=2000)
    truth = split_classes(sample(model, X, 4000, 3).softmax(-1))
    off = ((parts.probability - truth.probability).abs() / tolerance).amax(-1)
    assert (counts < 2000).all()
    assert 0.3 < float(off.square().mean().sqrt()) < 1.5
    assert float((parts.epistemic - truth.epistemic).square().mean().sqrt()) < 1.3 * tolerance


def test_chunks_of_objects_and_the_prefix_change_nothing():
    model, x = network(), X.repeat(9, 1)
    passes = []
    model[0].register_forward_hook(lambda _, args, __: passes.append(len(args[0])))
    _, counts = split_classes_until(model, x, 0.02, 5, least=4, most=40)
    assert passes == [256, 104]
    _, few = split_classes_until(model, x[250:270], 0.02, 5, least=4, most=40, rows=torch.arange(250, 270))
    assert (counts[250:270] != few).sum() <= 1  # one whose error is just as small as asked may stop a look later


def test_moments_of_blocks_are_those_of_the_whole():
    x = torch.randn(50, 3, 2, dtype=torch.float64) * 1e-3 + 2e4
    together = Moments.of(x[:7]).merge(Moments.of(x[7:8])).merge(Moments.of(x[8:]))
    assert together.count.tolist() == [50] * 3
    assert torch.allclose(together.mean, x.mean(0), rtol=1e-14)
    for i in range(3):
        assert torch.allclose(together.covariance[i], torch.cov(x[:, i].T), rtol=1e-6)
    assert torch.allclose(together.error, x.std(0) / 50**0.5, rtol=1e-6)


def test_memory_holds_one_block_of_samples_only():
    shapes = []

    def statistic(outputs):
        shapes.append(tuple(outputs.shape))
        return outputs

    moments = sample_until(network(), X, statistic, lambda m: m.count < 0, 0, least=10, most=500)
    assert moments.count.tolist() == [500] * 40
    assert max(shape[0] for shape in shapes) <= 167
    assert moments.scatter.shape == (40, 3, 3)


def test_what_is_not_a_number_does_not_run_on():
    x = X.clone()
    x[3] = torch.nan
    _, counts = split_classes_until(network(), x, 0.02, 0, least=8, most=500)
    assert counts[3] == 8


def test_bad_questions_raise_errors():
    with pytest.raises(InputError, match="tolerance = 0"):
        split_classes_until(network(), X, 0.0, 1)
    with pytest.raises(InputError, match="tolerance = -1"):
        split_values_until(network(4), X, halves, -1.0, 1)
    with pytest.raises(InputError, match="least = 1"):
        split_classes_until(network(), X, 0.1, 1, least=1)
    with pytest.raises(InputError, match="number of members is fixed"):
        split_classes_until(Ensemble([network(), network()]), X, 0.1, 1)
    with pytest.raises(InputError, match="without random layers"):
        split_classes_until(nn.Linear(4, 3), X, 0.1, 1)


def test_a_variance_for_each_value(request):
    config.update("jaxtyping_disable", True)
    request.addfinalizer(lambda: config.update("jaxtyping_disable", False))
    with pytest.raises(InputError, match="one variance for several values"):
        split_values_until(network(4), X, lambda out: (out[..., :2], out[..., 2:3].exp()), 0.1, 1)
