"""Draw `priors.png`: functions of untrained networks, for increasing widths and in the limit.

python docs/figures/priors.py

Two hidden ReLU layers. Rows: torch's initialisation; N(0, s_w^2 / fan-in); N(0, 1/l^2), the prior of weight decay; one
network of the second row under dropout. The last column is the limit, a Gaussian process.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from skysure.methods.dropout import Dropout
from skysure.methods.gaussian_process import relu_kernel
from skysure.methods.gaussian_process.kernels import relu_moment
from skysure.methods.sampling import sample
from skysure.methods.variational import prior_weights, sample_prior
from skysure.report import style

WIDTHS = (3, 30, 300, 3000)
DRAWS, RATE = 8, 0.5
SCALED = {"weight_variance": 2.0, "bias_variance": 1.0}
T = torch.linspace(-3, 3, 121)[:, None]
X = T.double()


def network(width: int, rate: float = 0.0) -> nn.Module:
    """Two hidden layers, with dropout before the output."""
    last = Dropout(nn.Linear(width, 1), rate, narrow=True)
    return nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), last)


def initialised(width: int) -> Tensor:
    """Functions of networks with torch's initial weights, each with its own seed."""
    outputs = []
    with torch.random.fork_rng():
        for seed in range(DRAWS):
            torch.manual_seed(seed)
            outputs.append(network(width).eval()(T).detach())
    return torch.stack(outputs)


def scaled(width: int) -> Tensor:
    """Functions of networks whose weight variances scale as one over the fan-in."""
    return sample_prior(network(width), T, DRAWS, seed=1, **SCALED)


def decayed(width: int) -> Tensor:
    """Functions of networks with one variance for all weights."""
    return sample_prior(network(width), T, DRAWS, seed=1, length_scale=1.0, bias_variance=1.0)


def dropped(width: int) -> Tensor:
    """Functions of one random network under eight sets of masks, minus its mean."""
    model = network(width, RATE)
    model.load_state_dict(prior_weights(model, 2, **SCALED), strict=False)
    return sample(model, T, DRAWS, seed=1, shared=True) - model.eval()(T).detach()


def limits() -> dict[str, Tensor]:
    """Covariances of infinitely wide networks."""
    prior = relu_kernel(X, X, 2, **SCALED)
    # torch draws weights and biases from uniform distributions of variance 1 / (3 fan-in). In the limit only the biases
    # of the first layer matter, whose fan-in of 1 makes its units non-Gaussian: their moments are a mean over w and b.
    w, b = torch.meshgrid(*[(torch.arange(200, dtype=X.dtype) + 0.5) / 100 - 1] * 2, indexing="ij")
    units = torch.relu(w.reshape(-1) * X + b.reshape(-1))
    moment = units @ units.T / (3 * units.shape[1])
    variance = moment.diagonal()
    last = RATE / (1 - RATE) * (prior - SCALED["bias_variance"])
    return {"initialised": relu_moment(moment, variance[:, None], variance) / 3, "scaled": prior, "dropped": last}


def functions_of(covariance: Tensor) -> Tensor:
    """Draw functions from a Gaussian process."""
    values, vectors = torch.linalg.eigh(covariance)
    noise = torch.randn(len(covariance), DRAWS, generator=torch.Generator().manual_seed(3), dtype=covariance.dtype)
    return (vectors * values.clamp(min=0).sqrt() @ noise).T


def panel(axes: Axes, functions: Tensor, covariance: Tensor | None) -> None:
    """Plot eight functions, and two standard deviations of the limit."""
    if covariance is not None:
        std = covariance.diagonal().sqrt()
        axes.fill_between(T[:, 0], -2 * std, 2 * std, color=style.SKY, alpha=0.35, lw=0)
        axes.set_ylim(-3.6 * float(std.max()), 3.6 * float(std.max()))
    else:
        # Without a limit each width has its own scale.
        bound = 1.1 * float(functions.abs().max())
        axes.set_ylim(-bound, bound)
    axes.plot(T[:, 0], functions.T, color=style.BLUE, lw=0.8, alpha=0.8)
    axes.set(xlim=(-3, 3), xticks=[-2, 0, 2])


def draw() -> Figure:
    """Draw one row per prior and one column per width."""
    figure = Figure(figsize=(11, 7.4), layout="constrained")
    grid = figure.subplots(4, 5, sharex=True)
    limit = limits()
    rows = {
        "torch's initialisation": initialised,
        "N(0, 2 / fan-in)": scaled,
        "N(0, 1): weight decay": decayed,
        f"dropout, p = {RATE}": dropped,
    }
    for axes_row, (name, functions) in zip(grid, rows.items(), strict=True):
        covariance = limit.get(functions.__name__)
        for axes, width in zip(axes_row, WIDTHS, strict=False):
            panel(axes, functions(width)[..., 0], covariance)
        if covariance is None:
            axes_row[-1].axis("off")
            axes_row[-1].text(0.5, 0.5, "no limit", ha="center", va="center", transform=axes_row[-1].transAxes)
        else:
            panel(axes_row[-1], functions_of(covariance), covariance)
            for axes in axes_row[1:]:
                axes.set_yticklabels([])
        axes_row[0].set_ylabel(name)
    for axes, title in zip(grid[0], [*(f"width {width}" for width in WIDTHS), "limit"], strict=True):
        axes.set_title(title)
    figure.supxlabel("x; shaded: two standard deviations of the limit", fontsize=10)
    return figure


if __name__ == "__main__":
    with style.applied():
        draw().savefig(Path(__file__).with_suffix(".png"), dpi=72)
