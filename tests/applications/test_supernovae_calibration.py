"""Calibration: how far the scaling goes is decided by objects that were held back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from skysure.applications.supernovae import Query, Schema, Settings, calibrate, network, train
from skysure.applications.supernovae.batches import group_by_night
from skysure.applications.supernovae.calibration import (
    Rows,
    best_width,
    brier,
    one_night_per_stage,
    out_of_fold,
    sum_by_object,
)
from skysure.applications.supernovae.inference import every, outputs_by_batch
from skysure.applications.supernovae.networks import LEVELS, STAGES
from skysure.applications.supernovae.prediction import level_of
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.sources import InMemorySource
from skysure.errors import InputError
from skysure.methods.calibration import VectorScaling, predictive_nll

CLASSES, PHASES = 3, 2


def draw_rows(n: int, seed: int, shift: float = 0.0) -> Rows:
    """Rows of a network that is calibrated but for a shift of its logits."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2.5 * torch.randn(1, n, CLASSES, generator=generator)
    truth = torch.multinomial(logits[0].softmax(-1), 1, generator=generator)[:, 0]
    moved = logits + torch.tensor([shift, 0.0, -shift])
    return Rows(
        torch.arange(n) % PHASES,
        truth,
        moved.expand(20, -1, -1),
        torch.zeros(n, 1),
        torch.zeros(n),
        torch.ones(n, 2),
        torch.arange(n),
    )


def test_a_calibrated_network_is_left_nearly_alone_and_one_elsewhere_is_not() -> None:
    for seed in range(2):
        assert best_width(draw_rows(400, seed), CLASSES) <= 0.1
        assert best_width(draw_rows(400, seed, shift=2.0), CLASSES) >= 0.3


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_the_width_chosen_serves_new_objects_nearly_as_well_as_the_best(shift: float) -> None:
    losses = dict.fromkeys(("wide", "none", "chosen"), 0.0)
    new = draw_rows(20_000, 99, shift)
    for seed in range(3):
        rows = draw_rows(300, seed, shift)
        for name, width in {"wide": 1.0, "none": 0.0, "chosen": best_width(rows, CLASSES)}.items():
            for k in range(PHASES):
                in_stage, fresh = rows.stage == k, new.stage == k
                scaling = VectorScaling(CLASSES, width).fit(rows.logits[:, in_stage], rows.truth[in_stage])
                losses[name] += float(predictive_nll(scaling(new.logits[:1, fresh]), new.truth[fresh])) / 6
    assert losses["chosen"] < min(losses["wide"], losses["none"]) + 0.002
    assert max(losses["wide"], losses["none"]) > losses["chosen"] + 0.002


def test_a_calibrated_network_is_mostly_left_alone_and_on_average_made_no_worse() -> None:
    """With 150 objects chance passes the rule now and then; the mean Brier score of new objects stays as it is."""
    new = draw_rows(20_000, 98)
    widths = [best_width(draw_rows(150, seed), CLASSES) for seed in range(5)]
    assert widths.count(0.0) >= 4
    losses = []
    for seed, width in enumerate(widths):
        rows = draw_rows(150, seed)
        for k in range(PHASES):
            in_stage, fresh = rows.stage == k, new.stage == k
            scaling = VectorScaling(CLASSES, width).fit(rows.logits[:, in_stage], rows.truth[in_stage])
            logits, label = new.logits[:1, fresh], new.truth[fresh]
            before, after = (x.double().softmax(-1).mean(0) for x in (logits, scaling(logits)))
            losses.append(brier(after, label) - brier(before, label))
    assert np.mean(losses) < 0.003


def test_a_gain_that_one_object_makes_is_chance() -> None:
    values = torch.tensor([1.0, 2.0, 5.0, -1.0])
    assert sum_by_object(values, torch.tensor([7, 3, 7, 3])).tolist() == [1.0, 6.0]


@pytest.mark.parametrize("message", ["9 labelled", "all 60 labelled"])
def test_too_few_labels_fail_at_once(message: str) -> None:
    curves = simulate_lightcurves(200, seed=5)
    schema = Schema(bands=curves.bands, classes=("Ia", "II", "Ibc"))
    one_class = np.flatnonzero(curves.objects["label"] == "II")[:60]
    few = curves[:9] if message.startswith("9") else curves[one_class]
    source, settings = InMemorySource(schema, [few]), Settings(hidden=8, head=8)
    for fail in (lambda: calibrate(network(settings, schema).eval(), source), lambda: next(train(source, settings))):
        with pytest.raises(InputError, match=message):
            fail()


def test_a_row_is_scaled_by_others_of_its_stage_alone() -> None:
    rows = draw_rows(60, 1)
    logits = out_of_fold(rows, CLASSES, 1.0)
    changed = rows.truth.clone()
    changed[rows.stage == 1] = (changed[rows.stage == 1] + 1) % CLASSES
    changed_logits = out_of_fold(replace(rows, truth=changed), CLASSES, 1.0)
    assert torch.equal(logits[rows.stage == 0], changed_logits[rows.stage == 0])
    assert not torch.allclose(logits[rows.stage == 1], changed_logits[rows.stage == 1])


def test_the_random_nights_of_an_object_do_not_depend_on_the_others() -> None:
    """Batches run on several threads in any order, and the same light curves may come in another order."""
    rng = np.random.default_rng(3)
    time = torch.from_numpy(np.sort(rng.uniform(-5, 60, (30, 25)), 1).astype(np.float32))
    mask = torch.arange(25) < torch.from_numpy(rng.integers(2, 26, 30))[:, None]
    choose = partial(one_night_per_stage, trigger=57000 + 300 * rng.random(30), seed=1)
    rows, nights = choose(time, mask, np.arange(30))
    everyone = set(zip(rows.tolist(), nights.tolist(), strict=True))
    subset = rng.permutation(30)[:12]
    rows, nights = choose(time[subset], mask[subset], subset)
    assert set(zip(subset[rows].tolist(), nights.tolist(), strict=True)) == {p for p in everyone if p[0] in subset}
    reseeded = one_night_per_stage(time, mask, np.arange(30), trigger=choose.keywords["trigger"], seed=2)
    assert set(zip(*map(torch.Tensor.tolist, reseeded), strict=True)) != everyone


@pytest.mark.parametrize("variables", [False, True])
def test_sets_go_by_the_largest_signal_to_noise_until_their_night_and_by_redshift(variables: bool) -> None:
    """A redshift of zero counts as one where it says that a star is in our Galaxy."""
    curves = simulate_lightcurves(60, seed=5)
    curves.objects["redshift"][::3] = 0.0
    curves.objects["redshift"][1::9] = np.nan
    schema = Schema(bands=curves.bands, classes=("Ia", "II", "Ibc"))
    model = network(Settings(hidden=8, head=8, variables=variables), schema).eval()
    calibrate(model, InMemorySource(schema, [curves]))
    nights = group_by_night(curves, model.bands, model.settings)
    bright = np.where(nights.measured, nights.flux / nights.flux_error, -np.inf).max(1)
    for outputs in outputs_by_batch(model, nights, Query(samples=2), every):
        level, inner = level_of(model, outputs), LEVELS[1] + 1
        for k, (owner, days) in enumerate(zip(outputs.owner, outputs.days, strict=True)):
            until_night = (nights.owner == owner) & (nights.time <= days + 1e-3)
            snr, z = bright[until_night].max(), np.float32(curves.objects["redshift"][owner])
            z = z if z or variables else np.nan
            np.testing.assert_allclose(outputs.columns[k], [snr, z], rtol=1e-5)
            stage = int(np.searchsorted(STAGES, days, side="right"))
            sets = model.stages[stage].sets
            first = int(np.searchsorted(sets.first.edges.numpy(), snr))
            second = int(np.searchsorted(sets.second[first].edges.numpy(), z)) if np.isfinite(z) else inner - 1
            assert level[k] == stage * len(sets.counts) + first * inner + second
