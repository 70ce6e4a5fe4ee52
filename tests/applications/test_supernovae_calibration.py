"""Calibration: how far the scaling goes is decided by objects that were held back."""

from __future__ import annotations

import pytest
import torch

from skysure.applications.supernovae.calibration import Rows, best_width, held_back
from skysure.methods.calibration import VectorScaling, predictive_nll

CLASSES, STAGES = 3, 2


def drawn(n: int, seed: int, shift: float = 0.0) -> Rows:
    """Rows of a network that is calibrated but for a shift of its logits."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2.5 * torch.randn(1, n, CLASSES, generator=generator)
    truth = torch.multinomial(logits[0].softmax(-1), 1, generator=generator)[:, 0]
    moved = logits + torch.tensor([shift, 0.0, -shift])
    return Rows(torch.arange(n) % STAGES, truth, moved.expand(20, -1, -1), torch.zeros(n, 1), torch.ones(n))


def test_a_calibrated_network_is_left_nearly_alone_and_one_elsewhere_is_not() -> None:
    for seed in range(4):
        assert best_width(drawn(400, seed), CLASSES) <= 0.1
        assert best_width(drawn(400, seed, shift=2.0), CLASSES) >= 0.3


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_the_width_chosen_serves_new_objects_nearly_as_well_as_the_best(shift: float) -> None:
    losses = dict.fromkeys(("wide", "none", "chosen"), 0.0)
    new = drawn(20_000, 99, shift)
    for seed in range(6):
        rows = drawn(300, seed, shift)
        for name, width in {"wide": 1.0, "none": 0.0, "chosen": best_width(rows, CLASSES)}.items():
            for k in range(STAGES):
                mine, fresh = rows.stage == k, new.stage == k
                scaling = VectorScaling(CLASSES, width).fit(rows.logits[:, mine], rows.truth[mine])
                losses[name] += float(predictive_nll(scaling(new.logits[:1, fresh]), new.truth[fresh])) / 12
    assert losses["chosen"] < min(losses["wide"], losses["none"]) + 0.002
    assert max(losses["wide"], losses["none"]) > losses["chosen"] + 0.002


def test_a_row_is_scaled_by_others_of_its_stage_alone() -> None:
    rows = drawn(60, 1)
    held = held_back(rows, CLASSES, 1.0)
    other = rows.truth.clone()
    other[rows.stage == 1] = (other[rows.stage == 1] + 1) % CLASSES
    again = held_back(Rows(rows.stage, other, rows.logits, rows.summary, rows.snr), CLASSES, 1.0)
    assert torch.equal(held[rows.stage == 0], again[rows.stage == 0])
    assert not torch.allclose(held[rows.stage == 1], again[rows.stage == 1])
