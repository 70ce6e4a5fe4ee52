"""Draw `supernova.png`: a simulated supernova, what was expected of it early on, and its class night by night.

python docs/figures/supernova.py [RUN]      RUN: a run directory or a shipped model (supernovae-griz)

Of sixty simulated objects that no model was trained on, it takes the well measured type Ia of which most was learned in
time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import skysure
from skysure.applications.supernovae.evaluation import best_point_snr
from skysure.applications.supernovae.examples import describe, early_forecast
from skysure.applications.supernovae.plots import probability_in_time
from skysure.applications.supernovae.settings import Query
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.evaluation import Example
from skysure.report.figure import Figure, render

run = skysure.load(sys.argv[1] if len(sys.argv) > 1 else "supernovae-griz")
unseen = simulate_lightcurves(60, "des", seed=2026)
query = Query()
examples = [describe("example", unseen[k : k + 1], run.model, query, early_forecast(query)) for k in range(len(unseen))]
well = best_point_snr(unseen) > 20


def rise_of(example: Example) -> float:
    """How far P(Ia) of a forecast Ia rises, weighted by its nights; -1 for all others."""
    probability = [night[0] for night in example.data["epochs"]["probability"]]
    usable = example.truth == "Ia" and example.data["forecast"] and probability[-1] > 0.9
    return float(np.ptp(probability) * len(probability) ** 0.5) if usable else -1.0


rise = [rise_of(example) if bright else -1.0 for bright, example in zip(well, examples, strict=True)]
figure = probability_in_time(examples[int(np.argmax(rise))])
wide = Figure(figure.name, figure.title, figure.caption, figure.draw, width=7, height=4.4)
Path(__file__).with_suffix(".png").write_bytes(render(wide, "png"))
