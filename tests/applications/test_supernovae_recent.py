"""The Gaussian process of the last points, against scikit-learn's kernel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.gaussian_process.kernels import Matern

from skysure.applications.supernovae.forecasts.recent import (
    LENGTHS,
    MIN_SCATTER,
    POINTS,
    SCATTER,
    Processes,
    Recent,
    recent,
)


def light_curve(nights: int = 12, bands: int = 3) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    measured = (torch.rand(2, nights, bands, generator=g) < 0.7).float()
    return {
        "time": (0.5 + 5 * torch.rand(2, nights, generator=g)).cumsum(1), "measured": measured,
        "flux": torch.randn(2, nights, bands, generator=g) * measured,
        "flux_error": torch.where(measured > 0, 0.1 + torch.rand(2, nights, bands, generator=g), 1.0),
    }  # fmt: skip


@pytest.mark.parametrize("cut", [1, 4, 11])
def test_the_last_points_until_a_night_are_found(cut: int) -> None:
    batch = light_curve()
    points = recent(batch, torch.arange(2), torch.full((2, 1), cut))
    for k in range(2):
        night, band = np.nonzero(batch["measured"][k, : cut + 1].numpy())
        night, band = night[::-1][:POINTS], band[::-1][:POINTS]
        n = len(night)
        assert points.band[k, 0, :n].tolist() == band.tolist()
        assert torch.equal(points.flux[k, 0, :n], batch["flux"][k, night.copy(), band.copy()])
        assert torch.equal(points.age[k, 0, :n], batch["time"][k, cut] - batch["time"][k, night.copy()])
        assert points.flux_error[k, 0, n:].isinf().all()


def test_forecasts_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    age, flux, error = np.sort(rng.uniform(0, 90, POINTS)), rng.normal(0, 1, POINTS), rng.uniform(0.1, 0.5, POINTS)
    band, asked_band, days = rng.integers(0, 3, POINTS), np.array([0, 1, 2, 1]), np.array([1.0, 5.0, 20.0, 40.0])
    tensors = (torch.tensor(v[None, None], dtype=torch.float32) for v in (age, flux, error))
    age_, flux_, error_ = tensors
    last = Recent(age_, torch.tensor(band[None, None]), flux_, error_)
    process, unit, amplitude, stretch = Processes(3), 2.0, 1.7, 0.6
    shape = torch.log(torch.tensor([stretch, amplitude, 1.5])).expand(1, 1, len(LENGTHS), 3)
    shape = 3 * torch.atanh(shape / 3)  # within bounds it is nearly that itself
    when = torch.tensor(days[None, None], dtype=torch.float32)
    with torch.no_grad():
        mean, std = process(last, when, torch.tensor(asked_band[None, None]), torch.tensor([[unit]]), shape)
    between = (process.factor @ process.factor.mT).detach().double().numpy()
    white = (1.5 * SCATTER) ** 2 + MIN_SCATTER**2
    for k, length in enumerate(LENGTHS):
        kernel = Matern(length * stretch, nu=1.5)
        own, across = kernel(-age[:, None]), kernel(days[:, None], -age[:, None])
        gram = amplitude**2 * own * between[k][np.ix_(band, band)] + np.diag((error / unit) ** 2 + white)
        cross = amplitude**2 * across * between[k][np.ix_(asked_band, band)]
        truth = cross @ np.linalg.solve(gram, flux / unit)
        prior = amplitude**2 * between[k][asked_band, asked_band]
        variance = prior - np.einsum("qi,iq->q", cross, np.linalg.solve(gram, cross.T)) + white
        assert mean[0, 0, :, k].numpy() == pytest.approx(truth, abs=1e-4)
        assert std[0, 0, :, k].numpy() == pytest.approx(np.sqrt(variance), rel=1e-4)


def test_points_that_are_missing_say_nothing() -> None:
    batch = light_curve()
    early = torch.tensor([[1], [1]])
    points, process = recent(batch, torch.arange(2), early), Processes(3)
    shape, days = torch.zeros(2, 1, len(LENGTHS), 3), torch.full((2, 1, 1), 3.0)
    band, unit = torch.zeros(2, 1, 1, dtype=torch.long), torch.ones(2, 1)
    n = int(torch.isfinite(points.flux_error).sum(-1).max())
    few = Recent(*(getattr(points, name)[..., :n] for name in ("age", "band", "flux", "flux_error")))
    with torch.no_grad():
        for a, b in zip(process(points, days, band, unit, shape), process(few, days, band, unit, shape), strict=True):
            assert torch.allclose(a, b, atol=1e-5)
