"""Draw `lens.png`: a simulated lens, its model, the source, and the posterior of its parameters.

python docs/figures/lens.py [RUN]      RUN: a run directory or a shipped model (lens-hst)

Of 128 simulated images that no model was trained on, it takes among the ten brightest rings the best fitted one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import skysure
from skysure.applications import lensing
from skysure.applications.lensing.examples import describe
from skysure.applications.lensing.parameters import NAMES
from skysure.applications.lensing.plots import lens
from skysure.report.figure import render

run = skysure.load(sys.argv[1] if len(sys.argv) > 1 else "lens-hst")
images = next(lensing.simulate(run.settings, 128, 2027).chunks())
magnified = images.truth[:, NAMES.index("mu")] > 6
bright = np.argsort(np.where(magnified, images.objects["signal_to_noise"], 0))[-10:]
query = lensing.Query(samples=2000)
examples = [describe("example", images[[k]], lensing.predict(run.model, images[[k]], query)) for k in bright]
figure = lens(min(examples, key=lambda example: example.data["chi2"]))
Path(__file__).with_suffix(".png").write_bytes(render(figure, "png"))
