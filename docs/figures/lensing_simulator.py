"""Draw `lensing_simulator.png`: one lens, and images of a source at four places relative to its caustics.

python docs/figures/lensing_simulator.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from skysure.applications.lensing.simulation import SIE, Lens, PixelGrid, Sersic, Shear, render
from skysure.applications.lensing.simulation.caustics import caustic, critical_curve, cut
from skysure.report import style

PLACES = {
    "outside of the cut": (1.0, 0.65), "inside of the cut": (0.45, 0.3), "on the caustic": (0.1, 0.08),
    "at the centre": (0.0, 0.0),
}  # fmt: skip
SIZE, SCALE = 130, 0.035
Curve = tuple[Tensor, Tensor]


def draw() -> Figure:
    """Draw the source plane above the image for each place of the source."""
    n = len(PLACES)
    mass = SIE(*(torch.full((n,), v) for v in (1.1, 0.2, 0.06, 0.0, 0.0)))
    shear = Shear(torch.full((n,), 0.03), torch.full((n,), 0.03))
    lens = Lens((mass, shear))
    x, y = torch.tensor(list(PLACES.values())).T
    source = Sersic.of_flux(*(torch.full((n,), v) for v in (1.0, 0.09, 1.0, 0.2, -0.2)), x, y)
    grid = PixelGrid(rows=SIZE, columns=SIZE, scale=SCALE, subpixels=4)
    k = torch.arange(-6.0, 7.0)
    psf = torch.exp(-(k**2 + k[:, None] ** 2) / 8)[None]
    psf = psf / psf.sum()
    unlensed, lensed = render(grid, source, psf=psf), render(grid, source, lens, psf=psf)
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    upper, lower = figure.subplots(2, n, sharex=True, sharey=True)
    for i, (place, above, below) in enumerate(zip(PLACES, upper, lower, strict=True)):
        show(above, unlensed[i], [(caustic(mass, shear), "caustic", "-"), (cut(mass, shear), "cut", "--")])
        show(below, lensed[i], [(critical_curve(mass, shear), "critical curve", "-")])
        above.set_title(place)
        below.set_xlabel("x [arcsec]")
    upper[0].set_ylabel("source plane: y [arcsec]")
    lower[0].set_ylabel("image: y [arcsec]")
    for axes in (upper[0], lower[0]):
        axes.legend(loc="lower left", fontsize=8, labelcolor="white", frameon=False)
    return figure


def show(axes: Axes, image: Tensor, curves: list[tuple[Curve, str, str]]) -> None:
    """Draw an image, stretched by its square root, and curves over it."""
    half = SIZE * SCALE / 2
    axes.imshow(image.clamp(min=0).sqrt(), origin="lower", extent=(-half, half, -half, half), cmap="inferno")
    for (x, y), label, line in curves:
        axes.plot(x[0], y[0], line, color=style.SKY, lw=1, label=label)
    axes.grid(False)


if __name__ == "__main__":
    with style.applied():
        draw().savefig(Path(__file__).with_suffix(".png"), dpi=90)
