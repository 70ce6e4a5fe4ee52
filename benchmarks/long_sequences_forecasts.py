"""Forecasts of long_sequences.py: the next observations of simulated stars, by the LSTM, the ResNet and persistence."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from long_sequences_data import FULL, Labelled, Scale, draw_windows, simulate, split
from long_sequences_networks import Recurrent, ResNet, autocast_bfloat16, evaluate, fit
from record import row
from skysure.methods.calibration.scores import crps
from skysure.methods.recurrent import Series
from skysure.training import seeded

CONTEXT, AHEAD = 257, 16


class Forecaster(nn.Module):
    """Mean and scatter of the next observations at their times, from the summary of a network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.reader = network
        self.head = nn.Sequential(nn.Linear(2 * network.units + 2, 48), nn.GELU(), nn.Linear(48, 2))

    def forward(self, data: Series) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the observations after the context, measurement noise included."""
        observed = data.between(0, CONTEXT)
        with autocast_bfloat16():
            summary = self.reader(observed)
        last, ahead = observed.value[:, -1:, 0], (data.time[:, CONTEXT:] - observed.time[:, -1:]) / 16
        context = torch.stack([ahead, ahead.clamp(min=0).log1p()], -1)
        output = self.head(torch.cat([summary[:, None].expand(-1, AHEAD, -1), context], -1))
        variance = output[..., 1].clamp(-5, 3).exp().square() + 1 / data.weight[:, CONTEXT:, 0]
        return last + output[..., 0], variance.sqrt()

    def losses(self, data: Labelled) -> Iterator[Tensor]:
        yield self.scores(data).mean()

    def scores(self, data: Labelled) -> Tensor:
        mean, std = self(data.series)
        return -torch.distributions.Normal(mean, std).log_prob(data.series.value[:, CONTEXT:, 0]).mean(1)


def forecast(scale: Scale, only: str = "") -> Iterator[dict[str, Any]]:
    """Rows of forecasts of 16 observations after 257, by the LSTM, the ResNet and persistence."""
    stars, size = split(simulate(sum(scale.parts), 1000, 6), scale.parts), CONTEXT + AHEAD
    counts = (6000, 1000, 4000) if scale is FULL else (200, 64, 64)
    generator = torch.Generator().manual_seed(7)
    parts = [Labelled(s := draw_windows(part.series, size, generator, n), s.length)
             for part, n in zip(stars, counts, strict=True)]  # fmt: skip
    truth = parts[2].series.value[:, CONTEXT:, 0].numpy()
    networks = {"lstm": Recurrent, "resnet": ResNet}
    for name in (name for name in networks if only in ("", name)):
        runs = [train_forecaster(networks[name], parts, truth, scale, seed) for seed in range(2)]
        for key in runs[0]:
            note = ", ".join(f"{run[key]:.4f}" for run in runs)
            yield row(f"forecast_{name}_{key}", statistics.mean(run[key] for run in runs), n=counts[2], note=note)
    if only in ("", "persistence"):
        last = parts[2].series.value[:, CONTEXT - 1, :].expand(-1, AHEAD).reshape(1, -1).numpy()
        spread = parts[0].series.value[:, CONTEXT:, 0] - parts[0].series.value[:, CONTEXT - 1]
        scatter = np.broadcast_to(spread.square().mean(0).sqrt().numpy(), truth.shape).reshape(1, -1)
        note = "the last point, with the scatter that training objects have"
        yield row("forecast_persistence_crps", float(crps(last, scatter, truth.ravel())), n=counts[2], note=note)


def train_forecaster(
    network: type[Recurrent | ResNet], parts: list[Labelled], truth: np.ndarray, scale: Scale, seed: int
) -> dict[str, float]:
    """Train and test one forecaster; returns its measurements."""
    with seeded(seed, 8):
        model = Forecaster(network(4, second="last"))
    model, _, seconds = fit(model, parts[0], parts[1], min(scale.epochs, 8), 3e-3, seed)
    mean, std = (evaluate(model, parts[2], lambda g, k=k: model(g.series)[k]).reshape(1, -1).numpy() for k in (0, 1))
    size = sum(p.numel() for p in model.parameters())
    results = {"crps": float(crps(mean, std, truth.ravel())), "nll": float(evaluate(model, parts[2]).mean())}
    return results | {"epoch_seconds": seconds, "parameters": size}
