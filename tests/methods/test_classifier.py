"""A classifier with dropout and its calibration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from skysure.methods.classifier import CalibratedClassifier
from skysure.methods.dropout import Dropout

N, CLASSES = 2000, ("a", "b", "c")


@pytest.fixture(scope="module")
def data() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits as inputs, and truths drawn from a third of them: the network is overconfident."""
    generator = torch.Generator().manual_seed(0)
    logits = 6 * torch.randn(N, 3, generator=generator)
    return logits, torch.multinomial((logits / 3).softmax(1), 1, generator=generator)[:, 0]


@pytest.fixture
def model() -> CalibratedClassifier:
    """The identity with dropout."""
    model = untrained()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.eye(3)) if name.endswith("weight") else parameter.zero_()
    return model


def untrained() -> CalibratedClassifier:
    layer = Dropout(nn.Linear(3, 3), rate=0.05, learned=False, narrow=True)
    return CalibratedClassifier(nn.Sequential(layer), CLASSES)


def test_calibration_finds_the_scale_and_the_coverage(model: CalibratedClassifier, data: tuple) -> None:
    inputs, truth = data
    before = model.predict(inputs, 20, 0, 0.9)[0]
    model.calibrate(inputs[: N // 2].numpy(), truth[: N // 2].numpy(), 20, 0)
    rest, classes = slice(N // 2, N), truth[N // 2 :].numpy()
    probability, _, _, _, sets = model.predict(inputs[rest], 20, 0, 0.9)
    rows = np.arange(N // 2)
    assert np.log(probability[rows, classes]).mean() > np.log(before[rest][rows, classes]).mean() + 0.1
    true = (inputs[rest] / 3).softmax(1).numpy()
    assert np.abs(probability - true).mean() < 0.03
    assert sets[rows, classes].mean() == pytest.approx(0.9, abs=0.04)  # 1000 + 1000 objects: a binomial error of 0.013


def test_an_object_does_not_depend_on_the_others(model: CalibratedClassifier, data: tuple) -> None:
    inputs, _ = data
    whole = model.predict(inputs[:50], 20, 0, 0.9)
    alone = model.predict(inputs[17:18], 20, 0, 0.9)
    for one, of_all in zip(alone, whole, strict=True):
        np.testing.assert_allclose(one[0], of_all[17], rtol=1e-6, atol=1e-9)


def test_the_parts_of_the_entropy_add_up(model: CalibratedClassifier, data: tuple) -> None:
    p, error, aleatoric, epistemic, _ = model.predict(data[0], 20, 0, 0.9)
    entropy = -(p * np.log(p)).sum(1)
    np.testing.assert_allclose(aleatoric + epistemic, entropy, atol=1e-9)
    assert (error > 0).any()


def test_calibration_is_kept_with_the_weights(model: CalibratedClassifier, data: tuple) -> None:
    model.calibrate(*data, 5, 0)
    restored = untrained()
    restored.load_state_dict(model.state_dict())
    for one, other in zip(restored.predict(data[0], 5, 1, 0.8), model.predict(data[0], 5, 1, 0.8), strict=True):
        assert np.array_equal(one, other)
