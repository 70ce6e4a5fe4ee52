"""Figures of lenses: single ones with their model and posterior, and those of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from skysure.evaluation import Evaluation, Example
from skysure.extras import import_extra
from skysure.report import Figure, bins, standard_figures, style
from skysure.report.posterior import HOLDING
from skysure.report.quantities import number

from .examples import describe, with_samples
from .images import LensImages
from .networks import LensModel
from .prediction import predict
from .settings import Query
from .wording import describe_lens

WIDTH, HEIGHT = 11.6, 5.3
"""Size of the figure of a lens [inch]."""
SECTION = {"example": "examples", "uncertain": "uncertain", "novel": "novel"}
CORNER = {
    "theta_E": "$\\theta_E$ [″]", "q": "$q$", "position_angle": "PA [°]", "gamma": "$\\gamma$", "x": "$x$ [″]",
    "y": "$y$ [″]", "mu": "$\\mu$",
}  # fmt: skip
"""What a corner plot shows, and its labels."""
LEVELS = (0.683, 0.955)
SOFTENING = 3.0
"""Noise below which brightness is drawn linearly, and above which logarithmically."""
LIMIT = 5.0
"""Largest residual of the colour scale."""
IMAGES, RESIDUALS = "magma", "RdBu_r"


def figures(evaluation: Evaluation) -> Iterator[Figure]:
    """The figures of an evaluation."""
    for curve in evaluation.curve("predicted") or ():
        if curve["of"] == "mu":
            yield magnifications(curve)
    yield from standard_figures(evaluation.metrics)
    for k, (column, rows) in enumerate((evaluation.curve("errors") or {}).items()):
        yield errors(column, rows, k)
    for k, example in enumerate(evaluation.examples):
        yield lens(example, k)


def magnifications(curve: dict[str, Any]) -> Figure:
    """Predicted against true magnifications: figure 1 of Perreault Levasseur, Hezaveh & Wechsler 2017.

    Parameters
    ----------
    curve : dict
        One of those of `report.posterior.predicted`.
    """
    truth, mean, low, high = (np.asarray(curve[key], float) for key in ("truth", "mean", "low", "high"))
    level = np.asarray(curve["level"])

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        ends = 0.9 * min(truth.min(), mean.min()), 1.1 * max(truth.max(), mean.max())
        axes.plot(ends, ends, color=style.GREY, lw=0.8, ls=":")
        for k, (colour, name) in enumerate(HOLDING):
            rows = level == k
            bars = np.clip([(mean - low)[rows], (high - mean)[rows]], 0, None)
            axes.errorbar(truth[rows], mean[rows], bars, fmt=".", ms=4, elinewidth=0.9, color=colour, label=name)
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel="True μ", ylabel="Predicted μ")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        style.legend(axes, loc="upper left", title="held by")

    shares = [100 * float(np.mean(level <= k)) for k in range(3)]
    caption = (
        f"Total magnification of {number(len(truth))} lenses, with 68.3 % intervals; colour: the smallest of the "
        f"intervals of 68.3, 95.5 and 99.7 % that holds the truth, which they do for {shares[0]:.0f}, {shares[1]:.0f} "
        f"and {shares[2]:.1f} %. As figure 1 of Perreault Levasseur et al. 2017."
    )
    return Figure("magnifications", "Magnification", caption, draw, width=4.6, height=4.4)


def errors(column: str, rows: Sequence[dict[str, Any]], position: int = 0) -> Figure:
    """Errors of the Einstein radius in bins of a column, beside those predicted; `rows` as of `errors.errors_by`."""

    def draw(canvas: Canvas) -> None:
        axes = canvas.subplots()
        bins.draw_panel(axes, rows, "error", "Error of $\\theta_E$", "predicted")
        bins.label_series(canvas, axes, ("predicted", "actual"))
        axes.yaxis.set_major_formatter(style.in_percent)
        axes.set_ylim(0, None)
        bins.label_edges(axes, rows)
        bins.label_counts(axes, rows)
        axes.set_xlabel(style.short(column, 48), parse_math=False)

    caption = (
        "Relative error of the Einstein radius (from the median, as a Gaussian standard deviation) with its 68.3 % "
        "interval, and the median of the predicted ones; above, the number of lenses."
    )
    return Figure(f"errors-{position + 1}", f"Errors by {column}", caption, draw, height=2.8)


def draw(model: LensModel, chunk: LensImages, query: Query) -> Iterator[Figure]:
    """One figure per lens: the image, the model, what is left, the source, and the posterior.

    All have the same name: the page numbers them.
    """
    images = chunk.cut(model.settings.size)
    for k in range(len(images)):
        one = images[[k]]
        yield lens(describe("example", one, predict(model, one, with_samples(query))))


def lens(example: Example, position: int = 0) -> Figure:
    """One lens: its image and model on the left, the posterior on the right.

    Parameters
    ----------
    example : Example
        Of `examples.describe`.
    position : int
        Number of the figure in its group, for its name.
    """
    corner = import_extra("corner", "lensing", "a figure of a lens")

    def draw(canvas: Canvas) -> None:
        canvas.set_layout_engine("none")
        draw_panels(canvas, example.data)
        draw_corner(canvas, example.data, corner)

    name, section = f"{example.group}-{position + 1}", SECTION[example.group]
    title = example.title or example.id
    return Figure(name, title, describe_lens(example), draw, WIDTH, HEIGHT, section)


def draw_panels(canvas: Canvas, data: Any) -> None:
    """Image, model, residual; image and model without the light of the lens galaxy; source."""
    above, below = ([_place(canvas, 0.5 + 1.95 * k, y, 1.72, 1.72) for k in range(3)] for y in (3.15, 0.6))
    if "light" not in data:
        for axes in (*above[1:], *below):
            axes.remove()
        _image(above[0], data, _asinh(data["image"], data), "image", cmap=IMAGES)
        return
    light, arcs = data["light"], data["arcs"]
    faint, bright = -2 * data["noise"], max(float(np.nanquantile(arcs, 0.998)), 5 * data["noise"])
    stretch: dict[str, Any] = {"cmap": IMAGES, "vmin": -0.5, "vmax": np.nanquantile(_asinh(data["image"], data), 0.999)}
    faintly: dict[str, Any] = {"cmap": IMAGES, "vmin": faint, "vmax": bright}
    _image(above[0], data, _asinh(data["image"], data), "image", **stretch)
    _image(above[1], data, _asinh(light + arcs, data), "model", **stretch)
    residual_image = _image(above[2], data, data["residual"], "residual [σ]", cmap=RESIDUALS, vmin=-LIMIT, vmax=LIMIT)
    _image(below[0], data, data["image"] - light, "image − lens light", **faintly)
    _image(below[1], data, arcs, "lensed source", **faintly)
    for axes in (above[0], above[1], below[1]):
        axes.plot(*data["critical"], color=style.SKY, lw=0.9)
    canvas.colorbar(residual_image, cax=_place(canvas, 4.55, 2.86, 1.42, 0.06), orientation="horizontal")
    canvas.axes[-1].tick_params(labelsize=7, length=2, pad=1)
    _source(below[2], data)
    below[0].set_xlabel("x [″]", fontsize=8)
    for axes in (above[0], below[0]):
        axes.set_ylabel("y [″]", fontsize=8, labelpad=1)
    for axes in (*above[1:], below[1]):
        axes.tick_params(labelleft=False)


def draw_corner(canvas: Canvas, data: Any, corner: Any) -> None:
    """Posterior samples of pairs of values: contours hold 68.3 and 95.5 %; dashed: the truth, where it is known."""
    names = [name for name in CORNER if name in data["samples"] and np.isfinite(data["samples"][name]).all()]
    if not names:
        return
    side = 4.35 / len(names)
    ranges = {name: _range(np.asarray(data["samples"][name]), data["truth_values"].get(name)) for name in names}
    for i, row in enumerate(names):
        for j, column in enumerate(names[: i + 1]):
            axes = _place(canvas, 7.15 + j * side, 5.05 - (i + 1) * side, side - 0.05, side - 0.05)
            if i == j:
                _histogram(axes, data, row, ranges[row])
            else:
                corner.hist2d(
                    np.asarray(data["samples"][column]), np.asarray(data["samples"][row]), ax=axes, bins=18,
                    range=[ranges[column], ranges[row]], levels=LEVELS, smooth=1.0, color=style.BLUE,
                    plot_datapoints=False, plot_density=False, fill_contours=True, quiet=True,
                )  # fmt: skip
                _mark_truth(axes, data, column, row)
            _label(axes, i == len(names) - 1, j == 0 and i > 0, CORNER[column], CORNER[row])


def _place(canvas: Canvas, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes at a place [inch]: nothing is left to lay out, which is slow for as many."""
    return canvas.add_axes((left / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT))


def _asinh(image: Any, data: Any) -> np.ndarray:
    return np.arcsinh(np.asarray(image) / (SOFTENING * data["noise"]))


def _image(axes: Axes, data: Any, image: Any, title: str, **look: Any) -> Any:
    rows, columns = np.shape(image)
    x, y = columns * data["pixel_scale"] / 2, rows * data["pixel_scale"] / 2
    artist = axes.imshow(image, origin="lower", extent=(-x, x, -y, y), interpolation="none", **look)
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7, length=2)
    axes.set(xlim=(-x, x), ylim=(-y, y))
    axes.set_facecolor("#d8d8d8")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return artist


def _source(axes: Axes, data: Any) -> None:
    """The source with the caustic and the cut, in a field that holds caustic and source."""
    left, right, bottom, top = data["source_extent"]
    x, y = np.asarray(data["caustic"])
    x_middle, y_middle = (min(left, x.min()) + max(right, x.max())) / 2, (min(bottom, y.min()) + max(top, y.max())) / 2
    half = 0.55 * max(max(right, x.max()) - min(left, x.min()), max(top, y.max()) - min(bottom, y.min()))
    axes.imshow(data["source"], origin="lower", extent=data["source_extent"], interpolation="bilinear", cmap=IMAGES)
    axes.plot(x, y, color=style.SKY, lw=0.9)
    axes.plot(*data["cut"], color=style.SKY, lw=0.9, ls="--")
    axes.set(xlim=(x_middle - half, x_middle + half), ylim=(y_middle - half, y_middle + half))
    axes.set_title("source", fontsize=9)
    axes.yaxis.tick_right()
    axes.tick_params(labelsize=7, length=2)
    axes.set_facecolor("black")
    axes.set_aspect("equal")


def _range(samples: np.ndarray, truth: float | None) -> tuple[float, float]:
    low, high = np.quantile(samples, (0.008, 0.992))
    if truth is not None:
        low, high = min(low, truth), max(high, truth)
    pad = 0.08 * (high - low) or 1e-6
    return low - pad, high + pad


def _histogram(axes: Axes, data: Any, name: str, ends: tuple[float, float]) -> None:
    axes.hist(data["samples"][name], bins=24, range=ends, histtype="stepfilled", color=style.BLUE, alpha=0.35)
    axes.hist(data["samples"][name], bins=24, range=ends, histtype="step", color=style.BLUE, lw=0.9)
    for end in data["summary"][name][1:]:
        axes.axvline(end, color=style.BLUE, lw=0.7, ls=":")
    if name in data["truth_values"]:
        axes.axvline(data["truth_values"][name], color=style.VERMILLION, lw=1.0, ls="--")
    axes.set(xlim=ends, yticks=[])
    axes.set_title(CORNER[name], fontsize=9, loc="center")


def _mark_truth(axes: Axes, data: Any, column: str, row: str) -> None:
    truth = data["truth_values"]
    if column in truth:
        axes.axvline(truth[column], color=style.VERMILLION, lw=0.8, ls="--")
    if row in truth:
        axes.axhline(truth[row], color=style.VERMILLION, lw=0.8, ls="--")


def _label(axes: Axes, at_bottom: bool, at_left: bool, x: str, y: str) -> None:
    """Label a panel where it stands at the edge, with two or three ticks."""
    axes.tick_params(labelsize=6.5, length=2, labelbottom=at_bottom, labelleft=at_left)
    axes.locator_params(nbins=2)
    if at_bottom:
        axes.set_xlabel(x, fontsize=8)
        axes.tick_params(axis="x", labelrotation=45)
        axes.xaxis.set_label_coords(0.5, -0.62)
    if at_left:
        axes.set_ylabel(y, fontsize=8)
        axes.yaxis.set_label_coords(-0.74, 0.5)
