"""Draw `variational.png`: Bayesian linear regression, exactly, by mean field and by dropout.

python docs/figures/variational.py

Left two: two weights whose inputs are correlated. Right two: twenty weights, as data arrive.
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


def measured(objects: int, weights: int, correlation: float, noise: float) -> Regression:
    """Inputs of variance 1 that share a part, and targets from weights of the prior N(0, 1)."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=weights)
    shared = rng.normal(size=(objects, 1))
    x = correlation**0.5 * shared + (1 - correlation) ** 0.5 * rng.normal(size=(objects, weights))
    return Regression(torch.tensor(x), torch.tensor(x @ truth + noise * rng.normal(size=objects)), noise, 1.0)


def dropped(data: Regression, rate: float, width: float = WIDTH) -> Weights:
    """Dropout's q at its best weights."""
    return linear.dropout(linear.dropout_mean(data, rate), rate, width)


def approximations(data: Regression) -> dict[str, Weights]:
    """The three distributions of the weights."""
    return {"exact": linear.exact(data), "mean field": linear.mean_field(data), "dropout": dropped(data, RATE)}


def plane(axes: Axes, data: Regression) -> None:
    """Ellipses of two standard deviations, and the four points of dropout."""
    turn = torch.linspace(0, 2 * torch.pi, 200, dtype=torch.float64)
    circle = torch.stack([turn.cos(), turn.sin()])
    q = approximations(data)
    for name in ("exact", "mean field"):
        ellipse = q[name].mean[:, None] + 2 * torch.linalg.cholesky(q[name].covariance) @ circle
        axes.plot(*ellipse, LINES[name], color=COLOURS[name], label=f"{name}, 2 std")
    kept = q["dropout"].mean / (1 - RATE)
    points = [(a * float(kept[0]), b * float(kept[1])) for a in (0, 1) for b in (0, 1)]
    chance = [RATE**2, RATE * (1 - RATE), RATE * (1 - RATE), (1 - RATE) ** 2]
    label = f"dropout, p = {RATE}"
    axes.scatter(*zip(*points, strict=True), s=[140 * c + 8 for c in chance], color=COLOURS["dropout"], label=label)
    axes.set(title="two weights, 20 objects", xlabel="$w_1$", ylabel="$w_2$")
    axes.legend(loc="lower left")


def directions(axes: Axes, data: Regression) -> None:
    """Epistemic standard deviation for inputs of length 1 in all directions."""
    angle = torch.linspace(0, torch.pi, 181, dtype=torch.float64)
    for name, q in approximations(data).items():
        _, variance = linear.predict(q, torch.stack([angle.cos(), angle.sin()], 1))
        axes.plot(angle.rad2deg(), variance.sqrt(), LINES[name], color=COLOURS[name], label=name)
    axes.set(
        title="by direction of the input", xlabel="angle of (x$_1$, x$_2$)", ylabel="epistemic std", ylim=(0, None)
    )
    axes.set_xticks([0, 45, 90, 135, 180], ["0°", "45°\nalong", "90°", "135°\nacross", "180°"])


def bounds(axes: Axes, data: Regression) -> None:
    """ELBO of dropout by rate, below the evidence and the ELBO of mean field."""
    rates = torch.linspace(0.0, 0.6, 121).tolist()
    axes.axhline(float(linear.log_evidence(data)), color=COLOURS["exact"], label="log evidence = exact")
    field = linear.elbo(data, linear.mean_field(data))
    axes.axhline(float(field), ls=LINES["mean field"], color=COLOURS["mean field"], label="mean field")
    for width, colour in ((WIDE, style.SKY), (WIDTH, COLOURS["dropout"])):
        bound = [float(linear.elbo(data, dropped(data, rate, width))) for rate in rates]
        axes.plot(rates, bound, LINES["dropout"], color=colour, label=f"dropout, width {width}")
        best = int(np.argmax(bound))
        axes.plot(rates[best], bound[best], "o", color=colour)
    axes.set(title=f"ELBO, 20 weights, {len(data.y)} objects", xlabel="p (dot: best)", ylabel="nat")
    axes.legend(loc="center left")


def arrivals(axes: Axes) -> None:
    """Epistemic standard deviation over the training inputs as objects arrive."""
    counts = np.unique(np.logspace(0.5, 4, 22).astype(int))
    rates = torch.logspace(-8, -0.3, 80).tolist()
    found: dict[str, list[float]] = {"exact": [], "mean field": [], "dropout": [], "dropout, learned p": []}
    for n in counts:
        data = measured(int(n), 20, 0.5, 3.0)
        several = approximations(data)
        each = [dropped(data, rate) for rate in rates]
        several["dropout, learned p"] = max(each, key=lambda q: float(linear.elbo(data, q)))
        at = measured(10_000, 20, 0.5, 3.0).x[-200:]
        for name, q in several.items():
            found[name].append(float(linear.predict(q, at)[1].mean().sqrt()))
    for name, std in found.items():
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
    two = measured(20, 2, 0.9, 1.0)
    plane(axes[0, 0], two)
    directions(axes[0, 1], two)
    bounds(axes[1, 0], measured(60, 20, 0.5, 3.0))
    arrivals(axes[1, 1])
    return figure


if __name__ == "__main__":
    with style.applied():
        draw().savefig(Path(__file__).with_suffix(".png"), dpi=90)
