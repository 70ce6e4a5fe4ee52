"""Draw `supernova.png`: the class probabilities of a simulated supernova, night by night.

python docs/figures/supernova.py [RUN]      RUN: a run directory or a shipped model (supernovae-griz)

Of sixty simulated objects that no model was trained on, it takes the type Ia of which most was learned in time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import skysure
from skysure.applications.supernovae.examples import record
from skysure.applications.supernovae.settings import Query
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.report.examples import probability_in_time
from skysure.report.figure import Figure, render

run = skysure.load(sys.argv[1] if len(sys.argv) > 1 else "supernovae-griz")
unseen = simulate_lightcurves(60, "des", seed=2026)
found = [record("example", unseen[k : k + 1], run.model, Query()) for k in range(len(unseen))]
rise = [
    np.ptp([night[0] for night in example["epochs"]["probability"]]) * len(example["epochs"]["time"]) ** 0.5
    if example["truth"] == "Ia" and example["epochs"]["probability"][-1][0] > 0.9
    else -1.0
    for example in found
]
figure = probability_in_time(found[int(np.argmax(rise))])
wide = Figure(figure.name, figure.title, figure.caption, figure.draw, width=7, height=4.4)
Path(__file__).with_suffix(".png").write_bytes(render(wide, "png"))
