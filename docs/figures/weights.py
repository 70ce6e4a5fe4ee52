"""Draw `weights.png`: larger weights at the same dropout rate give a larger epistemic uncertainty.

python docs/figures/weights.py

A linear layer with dropout over twenty fixed Gaussian bumps is fitted to a sine, then its weights are scaled: samples
and the band of the formula p / (1 - p) sum w^2 x^2.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from skysure.methods.dropout import Dropout
from skysure.methods.sampling import sample
from skysure.methods.variational import linear
from skysure.report import style

RATE = 0.2
FACTORS = (0.0, 0.5, 1.0, 2.0)
T = torch.linspace(-3, 3, 121, dtype=torch.float64)


def gaussian_bumps(t: Tensor) -> Tensor:
    """Inputs of the layer: twenty Gaussian bumps."""
    return torch.exp(-0.5 * ((t[:, None] - torch.linspace(-3.5, 3.5, 20, dtype=t.dtype)) / 0.5) ** 2)


def draw_functions(weight: Tensor, samples: int) -> Tensor:
    """Functions sampled from the layer, shape (sample, t)."""
    layer = Dropout(nn.Linear(len(weight), 1, bias=False), RATE).double()
    layer.layer.weight.data = weight[None].clone()
    return sample(layer, gaussian_bumps(T), samples, seed=1, shared=True)[..., 0]


def draw() -> Figure:
    """Draw functions for increasing weights, and the standard deviation against their factor."""
    data = linear.Regression(gaussian_bumps(T), torch.sin(T), std=0.1, length_scale=1.0)
    weight = linear.dropout_mean(data, RATE)
    figure = Figure(figsize=(10.5, 3.1), layout="constrained")
    *panels, last = figure.subplots(1, 5)
    for axes, factor in zip(panels, FACTORS, strict=True):
        mean, variance = linear.predict(linear.dropout(factor * weight, RATE, width=1e-9), gaussian_bumps(T))
        std = variance.sqrt()
        axes.fill_between(T, mean - 2 * std, mean + 2 * std, color=style.SKY, alpha=0.4, lw=0, label="±2 std, formula")
        axes.plot(T, draw_functions(factor * weight, 12).T, color=style.BLUE, lw=0.6, alpha=0.7)
        axes.plot(T, mean, color=style.BLACK)
        axes.set(title=f"weights × {factor:g}", xlabel="x", ylim=(-3.6, 3.6), xlim=(-3, 3))
        if axes is not panels[0]:
            axes.set_yticklabels([])
    centre = len(T) // 4
    formula = linear.predict(linear.dropout(weight, RATE, width=1e-9), gaussian_bumps(T))[1][centre].sqrt()
    last.plot([0, 2], [0, 2 * formula], color=style.SKY, label="formula")
    steps = np.linspace(0, 2, 9)
    measured = [draw_functions(step * weight, 10_000)[:, centre].std() for step in steps]
    last.plot(steps, measured, "o", color=style.BLUE, label="10,000 draws")
    last.set(title=f"at x = {float(T[centre]):g}".replace("-", "−"), xlabel="weights ×", ylabel="epistemic std")
    last.legend()
    panels[0].set_ylabel(f"f(x), dropped at p = {RATE}")
    return figure


if __name__ == "__main__":
    with style.applied():
        draw().savefig(Path(__file__).with_suffix(".png"), dpi=110)
