"""Draw `variational.png`: Bayesian linear regression, exact, with mean field and with dropout.

python docs/figures/variational.py

Above: two weights with correlated inputs. Below: twenty weights, and the dependence on the number of objects.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skysure.methods.variational import linear
from skysure.methods.variational.linear import Regression, Weights
from skysure.report import style

RATE, WIDTH, WIDE = 0.1, 1e-3, 0.3
COLOURS = {"exact": style.BLACK, "mean field": style.VERMILLION, "dropout": style.BLUE}
LINES = {"exact": "-", "mean field": "--", "dropout": "-."}


def simulate_regression(objects: int, weights: int, correlation: float, noise: float) -> Regression:
    """Simulate correlated inputs of variance 1, and targets with weights drawn from the prior N(0, 1)."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=weights)
    shared = rng.normal(size=(objects, 1))
    x = correlation**0.5 * shared + (1 - correlation) ** 0.5 * rng.normal(size=(objects, weights))
    return Regression(torch.tensor(x), torch.tensor(x @ truth + noise * rng.normal(size=objects)), noise, 1.0)


def dropout_posterior(data: Regression, rate: float, width: float = WIDTH) -> Weights:
    """Approximate posterior of dropout at its best weights."""
    return linear.dropout(linear.dropout_mean(data, rate), rate, width)


def approximations(data: Regression) -> dict[str, Weights]:
    """The three posteriors of the weights."""
    return {
        "exact": linear.exact(data),
        "mean field": linear.mean_field(data),
        "dropout": dropout_posterior(data, RATE),
    }


def draw_weights(axes: Axes, data: Regression) -> None:
    """Draw ellipses of two standard deviations, and the four points of dropout."""
    turn = torch.linspace(0, 2 * torch.pi, 200, dtype=torch.float64)
    circle = torch.stack([turn.cos(), turn.sin()])
    q = approximations(data)
    for name in ("exact", "mean field"):
        ellipse = q[name].mean[:, None] + 2 * torch.linalg.cholesky(q[name].covariance) @ circle
        axes.plot(*ellipse, LINES[name], color=COLOURS[name], label=f"{name}, 2 std")
    weights = q["dropout"].mean / (1 - RATE)
    points = [(a * float(weights[0]), b * float(weights[1])) for a in (0, 1) for b in (0, 1)]
    chance = [RATE**2, RATE * (1 - RATE), RATE * (1 - RATE), (1 - RATE) ** 2]
    label = f"dropout, p = {RATE}"
    axes.scatter(*zip(*points, strict=True), s=[140 * c + 8 for c in chance], color=COLOURS["dropout"], label=label)
    axes.set(title="two weights, 20 objects", xlabel="$w_1$", ylabel="$w_2$")
    axes.legend(loc="lower left")


def draw_directions(axes: Axes, data: Regression) -> None:
    """Draw the epistemic standard deviation for inputs of length 1 in all directions."""
    angle = torch.linspace(0, torch.pi, 181, dtype=torch.float64)
    for name, q in approximations(data).items():
        _, variance = linear.predict(q, torch.stack([angle.cos(), angle.sin()], 1))
        axes.plot(angle.rad2deg(), variance.sqrt(), LINES[name], color=COLOURS[name], label=name)
    axes.set(
        title="by direction of the input", xlabel="angle of (x$_1$, x$_2$)", ylabel="epistemic std", ylim=(0, None)
    )
    axes.set_xticks([0, 45, 90, 135, 180], ["0°", "45°\nalong", "90°", "135°\nacross", "180°"])


def draw_bounds(axes: Axes, data: Regression) -> None:
    """Draw the ELBO of dropout against the rate, with the evidence and the ELBO of mean field."""
    rates = torch.linspace(0.0, 0.6, 121).tolist()
    axes.axhline(float(linear.log_evidence(data)), color=COLOURS["exact"], label="log evidence = exact")
    field = linear.elbo(data, linear.mean_field(data))
    axes.axhline(float(field), ls=LINES["mean field"], color=COLOURS["mean field"], label="mean field")
    for width, colour in ((WIDE, style.SKY), (WIDTH, COLOURS["dropout"])):
        bound = [float(linear.elbo(data, dropout_posterior(data, rate, width))) for rate in rates]
        axes.plot(rates, bound, LINES["dropout"], color=colour, label=f"dropout, width {width}")
        best = int(np.argmax(bound))
        axes.plot(rates[best], bound[best], "o", color=colour)
    axes.set(title=f"ELBO, 20 weights, {len(data.y)} objects", xlabel="p (dot: best)", ylabel="nat")
    axes.legend(loc="center left")


def draw_data_size(axes: Axes) -> None:
    """Draw the epistemic standard deviation at the training inputs against the number of objects."""
    counts = np.unique(np.logspace(0.5, 4, 22).astype(int))
    rates = torch.logspace(-8, -0.3, 80).tolist()
    deviations: dict[str, list[float]] = {"exact": [], "mean field": [], "dropout": [], "dropout, learned p": []}
    for n in counts:
        data = simulate_regression(int(n), 20, 0.5, 3.0)
        posteriors = approximations(data)
        by_rate = [dropout_posterior(data, rate) for rate in rates]
        posteriors["dropout, learned p"] = max(by_rate, key=lambda q: float(linear.elbo(data, q)))
        at = simulate_regression(10_000, 20, 0.5, 3.0).x[-200:]
        for name, q in posteriors.items():
            deviations[name].append(float(linear.predict(q, at)[1].mean().sqrt()))
    for name, std in deviations.items():
        kind = name.split(",")[0]
        label = f"dropout, p = {RATE}" if name == "dropout" else name
        axes.plot(counts, std, ":" if "learned" in name else LINES[kind], color=COLOURS[kind], label=label)
    axes.set(title="20 weights, as data arrive", xlabel="objects N", ylabel="epistemic std")
    axes.set(xscale="log", yscale="log", ylim=(1e-2, None))
    axes.legend(loc="lower left")


def draw() -> Figure:
    """Draw the four panels."""
    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplots(2, 2)
    two = simulate_regression(20, 2, 0.9, 1.0)
    draw_weights(axes[0, 0], two)
    draw_directions(axes[0, 1], two)
    draw_bounds(axes[1, 0], simulate_regression(60, 20, 0.5, 3.0))
    draw_data_size(axes[1, 1])
    return figure


if __name__ == "__main__":
    with style.applied():
        draw().savefig(Path(__file__).with_suffix(".png"), dpi=90)
