"""Scores of objects that the scaling has not seen."""

import numpy as np
import pytest
import torch

from skysure.methods.calibration import ConformalSets, VectorScaling, cross_fit

CLASSES = 3


def draw(n: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    truth = rng.integers(CLASSES, size=n)
    logits = 3 * (rng.normal(size=(n, CLASSES)) + 1.2 * np.eye(CLASSES)[truth])
    return torch.from_numpy(logits)[None], torch.from_numpy(truth)


def test_sets_from_few_objects_keep_their_promise_only_with_held_out_scores() -> None:
    rng, coverages = np.random.default_rng(0), {"held out": [], "same": []}
    for _ in range(50):
        logits, truth = draw(40, rng)
        fresh, label = draw(2000, rng)
        scaling = VectorScaling(CLASSES).fit(logits, truth)
        scores = {
            "held out": cross_fit(lambda: VectorScaling(CLASSES), logits, truth),
            "same": scaling(logits).double().softmax(-1).mean(0),
        }
        new = scaling(fresh).double().softmax(-1).mean(0)
        for name, p in scores.items():
            members = ConformalSets(CLASSES).fit(p, truth).contains(new, 0.8)
            coverages[name].append(float(members[torch.arange(len(label)), label].double().mean()))
    error = np.std(coverages["held out"], ddof=1) / np.sqrt(50)
    assert np.mean(coverages["held out"]) > 0.8 - 3 * error
    assert np.mean(coverages["held out"]) > np.mean(coverages["same"]) + 0.005


@pytest.mark.parametrize("n", [1, 3, 12])
def test_no_object_scales_itself(n: int) -> None:
    logits, truth = draw(n, np.random.default_rng(1))
    whole = cross_fit(lambda: VectorScaling(CLASSES), logits, truth)
    assert torch.allclose(whole.sum(1), torch.ones(n, dtype=torch.float64))
    for k in range(n):
        changed = truth.clone()
        changed[k] = (truth[k] + 1) % CLASSES
        torch.testing.assert_close(cross_fit(lambda: VectorScaling(CLASSES), logits, changed)[k], whole[k])
