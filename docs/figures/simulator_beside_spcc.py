"""Draw statistics of simulated supernovae and of the supernova challenge (SPCC).

SKYSURE_DATA names the folder with spcc/objects.parquet and spcc/lightcurves.parquet. Only objects of odd id are shown:
the simulator was fitted to the others.
"""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from skysure.applications.supernovae.simulation.statistics import summary
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.lightcurves import LightCurves

COLOURS = {"Ia": "#0072B2", "II": "#D55E00", "Ibc": "#009E73"}
PANELS = (
    ("redshift", "host redshift", (0.0, 1.3)),
    ("points", "points", (0, 200)),
    ("snr_r", "highest S/N, r", (0, 60)),
    ("snr_z", "highest S/N, z", (0, 60)),
    ("peak_g", "peak magnitude, g", (18, 26)),
    ("peak_r", "peak magnitude, r", (18, 26)),
    ("peak_i", "peak magnitude, i", (18, 26)),
    ("peak_z", "peak magnitude, z", (18, 26)),
    ("colour_g_r", "g − r at maximum", (-1, 2.5)),
    ("colour_r_i", "r − i at maximum", (-1, 1.5)),
    ("rise", "days to maximum from half", (0, 60)),
    ("decline", "days from maximum to half", (0, 100)),
)


def read_challenge(folder: Path) -> LightCurves:
    """Read the challenge's light curves of odd id, with the labels Ia, II, Ibc."""
    objects = pq.read_table(folder / "objects.parquet")
    odd = objects["object_id"].to_numpy() % 2 == 1
    types = np.array([str(kind) for kind in objects["type"].to_pylist()])
    label = np.where(types == "Ia", "Ia", np.where(np.char.startswith(types, "II"), "II", "Ibc"))
    columns = {"id": objects["object_id"].to_numpy(), "redshift": objects["host_photoz"].to_numpy()}
    points = pq.read_table(folder / "lightcurves.parquet")
    valid = (points["object_id"].to_numpy() % 2 == 1) & (points["flux_error"].to_numpy() > 0)
    return LightCurves.from_table(
        points.filter(valid), {"id": "object_id", "time": "mjd"},
        {name: values[odd] for name, values in (columns | {"label": label}).items()},
        zero_point=27.5,
    ).in_bands(("g", "r", "i", "z"))  # fmt: skip


def draw(simulated: LightCurves, challenge: LightCurves) -> Figure:
    """Draw one histogram per quantity: filled for ours, outlines for the challenge, one colour per type."""
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    our_statistics, challenge_statistics = summary(simulated), summary(challenge)
    for axes, (name, title, limits) in zip(figure.subplots(3, 4).flat, PANELS, strict=True):
        bins = np.linspace(*limits, 31)
        for label, colour in COLOURS.items():
            for curves, numbers, style in (
                (simulated, our_statistics, {"histtype": "stepfilled", "alpha": 0.3}),
                (challenge, challenge_statistics, {"histtype": "step", "linewidth": 1.3}),
            ):
                values = numbers[name][curves.objects["label"] == label]
                weight = np.full(len(values), 1 / len(curves))
                axes.hist(values, bins, weights=weight, color=colour, **style)
        axes.set(xlabel=title, yticks=[], xlim=limits)
    share = {label: [(c.objects["label"] == label).mean() for c in (simulated, challenge)] for label in COLOURS}
    handles = [matplotlib.patches.Patch(color=colour) for colour in COLOURS.values()]
    names = [f"{label}: {100 * a:.0f} % of ours, {100 * b:.0f} % of theirs" for label, (a, b) in share.items()]
    figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)
    note = "filled: simulated by skysure; outlines: SPCC, objects that no parameter was fitted to"
    figure.supxlabel(note, fontsize=10)
    return figure


if __name__ == "__main__":
    data = Path(os.environ.get("SKYSURE_DATA", "data")) / "spcc"
    draw(simulate_lightcurves(20_000, "des", seed=1), read_challenge(data)).savefig(
        Path(__file__).with_suffix(".png"), dpi=90
    )
