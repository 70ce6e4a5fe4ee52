"""NumPy arrays and DataLoaders give what tensors give."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, default_collate

from skysure.errors import InputError
from skysure.methods.arrays import as_tensor
from skysure.methods.calibration import (
    BinnedConformal,
    ConformalIntervals,
    ConformalSets,
    NestedBinnedConformal,
    QuantileScaling,
    TemperatureScaling,
    VarianceScaling,
    VectorScaling,
    cross_fit,
    mixture_quantile,
)
from skysure.methods.dropout import Dropout
from skysure.methods.gaussian_process import NNGP
from skysure.methods.novelty import EmpiricalPValue, FeatureDistance
from skysure.methods.sampling import sample, split_classes_until
from skysure.methods.variational import sample_prior

RNG = np.random.default_rng(0)
X = RNG.standard_normal((23, 3)).astype(np.float32)
ROWS = torch.arange(100, 123)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 16), nn.ReLU(), Dropout(nn.Linear(16, 2), 0.3))


def loader(x=X, batch=10, **options):
    return DataLoader(TensorDataset(torch.from_numpy(x)), batch_size=batch, **options)


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = network()

    def forward(self, inputs):
        x, scale = inputs
        return self.network(x) * scale[:, None]


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("kind", ["f4", "f8", "i4"])
def test_arrays_of_any_byte_order_stride_and_permission_are_converted(byte_order, kind):
    array = np.arange(12).reshape(3, 4).astype(byte_order + kind)
    array.flags.writeable = False
    for view in (array, array[::-1], array[:, ::2], array.T):
        tensor = as_tensor(view)
        assert tensor.dtype == {"f4": torch.float32, "f8": torch.float64, "i4": torch.int32}[kind]
        assert tensor.tolist() == view.tolist()
    assert as_tensor(tensor) is tensor


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8"])
def test_samples_of_an_array_are_those_of_a_tensor(kind):
    samples = sample(network(), torch.from_numpy(X), 4, 1)
    assert torch.equal(sample(network(), X.astype(kind), 4, 1), samples)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("batch", [1, 10, 23, 64])
def test_samples_of_a_loader_are_those_of_a_tensor(batch, shared):
    samples = sample(network(), torch.from_numpy(X), 4, 1, first_row=5, first_sample=2, shared=shared)
    by_batch = sample(network(), loader(batch=batch), 4, 1, first_row=5, first_sample=2, shared=shared)
    torch.testing.assert_close(by_batch, samples, rtol=0, atol=1e-6)
    named = sample(network(), loader(batch=batch), 4, 1, rows=ROWS, shared=shared)
    torch.testing.assert_close(named, sample(network(), torch.from_numpy(X), 4, 1, rows=ROWS, shared=shared))


def test_a_loader_of_arrays_and_of_dicts():
    samples = sample(network(), torch.from_numpy(X), 4, 1)
    arrays = DataLoader(X, batch_size=7, collate_fn=np.stack)
    torch.testing.assert_close(sample(network(), arrays, 4, 1), samples)
    named = DataLoader([{"x": x} for x in torch.from_numpy(X)], batch_size=7)
    model = network()

    class OfDict(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = model

        def forward(self, inputs):
            return self.network(inputs["x"])

    torch.testing.assert_close(sample(OfDict(), named, 4, 1), samples)


def test_several_inputs_need_a_tuple():
    x, scale = torch.from_numpy(X), torch.arange(23.0)
    samples = sample(TwoInputs(), (x, scale), 4, 1)
    assert torch.equal(sample(TwoInputs(), (X, scale.numpy()), 4, 1), samples)
    pairs = TensorDataset(x, scale)
    as_tuples = DataLoader(pairs, batch_size=8, collate_fn=lambda batch: tuple(default_collate(batch)))
    torch.testing.assert_close(sample(TwoInputs(), as_tuples, 4, 1), samples)
    with pytest.raises(InputError, match="inputs together with labels"):
        sample(TwoInputs(), DataLoader(pairs, batch_size=8), 4, 1)


def test_loaders_that_would_mix_up_objects_raise_errors():
    with pytest.raises(InputError, match="shuffle=False"):
        sample(network(), loader(shuffle=True), 4, 1)
    with pytest.raises(InputError, match="one identifier for each object"):
        sample(network(), loader(), 4, 1, rows=ROWS[:-1])
    with pytest.raises(InputError, match="one identifier for each object"):
        sample(network(), loader(), 4, 1, rows=torch.arange(24))
    with pytest.raises(InputError, match="without batches"):
        sample(network(), loader(X[:0]), 4, 1)


def test_integers_keep_their_type():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(5, 8), Dropout(nn.Linear(8, 2), 0.3))
    classes = np.array([0, 4, 2])
    assert torch.equal(sample(model, classes, 4, 1), sample(model, torch.from_numpy(classes), 4, 1))


def test_adaptive_and_prior_samples_of_an_array():
    x = torch.from_numpy(X)
    ours, expected = (split_classes_until(network(), inputs, 0.02, 1) for inputs in (X, x))
    assert torch.equal(ours[0].probability, expected[0].probability)
    assert torch.equal(ours[1], expected[1])
    dense = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
    ours, expected = (sample_prior(dense, inputs, 3, 1, weight_variance=2.0) for inputs in (X, x))
    assert torch.equal(ours, expected)


N = 300
LOGITS = RNG.standard_normal((4, N, 3))
PROBABILITY = np.exp(LOGITS[0]) / np.exp(LOGITS[0]).sum(1, keepdims=True)
LABELS = RNG.integers(3, size=N)
MEAN, STD, TRUTH = RNG.standard_normal((4, N, 2)), np.full((4, N, 2), 0.5), RNG.standard_normal((N, 2))
COLUMNS, FEATURES = RNG.uniform(size=(N, 2)), RNG.standard_normal((N, 4))
CALIBRATORS = {
    "temperature": lambda a: TemperatureScaling().fit(a(LOGITS), a(LABELS))(a(LOGITS)),
    "vector": lambda a: VectorScaling(3).fit(a(LOGITS), a(LABELS))(a(LOGITS)),
    "cross fit": lambda a: cross_fit(TemperatureScaling, a(LOGITS), a(LABELS)),
    "variance": lambda a: VarianceScaling(2).fit(a(MEAN), a(STD), a(TRUTH))(a(MEAN), a(STD)),
    "quantiles": lambda a: QuantileScaling(2).fit(a(MEAN), a(STD), a(TRUTH))(a(MEAN), a(STD), 0.9),
    "transform": lambda a: QuantileScaling(2).fit(a(MEAN), a(STD), a(TRUTH)).transform(a(MEAN), a(STD), a(TRUTH)),
    "mixture quantile": lambda a: mixture_quantile(a(MEAN), a(STD), a(np.zeros(2))),
    "sets": lambda a: ConformalSets(3).fit(a(PROBABILITY), a(LABELS)).contains(a(PROBABILITY), 0.8),
    "unfitted sets": lambda a: ConformalSets(3).contains(a(PROBABILITY), 0.8),
    "intervals": lambda a: ConformalIntervals(2).fit(a(MEAN[0]), a(STD[0]), a(TRUTH))(a(MEAN[0]), a(STD[0]), 0.8),
    "binned": lambda a: BinnedConformal(3, 2).fit(a(COLUMNS[:, 0]), a(abs(TRUTH))).contains(
        a(COLUMNS[:, 0]), a(abs(TRUTH)), 0.8
    ),
    "nested": lambda a: NestedBinnedConformal(2, 2, 2).fit(a(COLUMNS), a(abs(TRUTH))).contains(
        a(COLUMNS), a(abs(TRUTH)), 0.8
    ),
    "distance": lambda a: FeatureDistance(4, 3).fit(a(FEATURES), a(LABELS)).calibrate(a(FEATURES))(a(FEATURES)),
    "is ood": lambda a: FeatureDistance(4, 1).fit(a(FEATURES)).calibrate(a(FEATURES)).is_ood(a(TRUTH[:, 0]), 0.9),
    "p-value": lambda a: EmpiricalPValue().fit(a(TRUTH[:, 0]))(a(TRUTH[:, 1])),
    "exceeds": lambda a: EmpiricalPValue().fit(a(TRUTH[:, 0])).exceeds(a(TRUTH[:, 1]), 0.9),
    "nngp": lambda a: NNGP().fit(a(FEATURES[:40]), a(TRUTH[:40]), depths=(1,))(a(FEATURES[40:60])),
}  # fmt: skip


@pytest.mark.parametrize("name", CALIBRATORS)
def test_calibrators_take_arrays_and_return_tensors(name):
    expected, ours = (CALIBRATORS[name](convert) for convert in (torch.from_numpy, lambda array: array))
    pairs = zip(ours, expected, strict=True) if isinstance(expected, tuple) else [(ours, expected)]
    for one, other in pairs:
        assert isinstance(one, torch.Tensor)
        assert torch.equal(one, other)
