"""Draw `lens_posterior.png`: predicted against true magnifications, figure 1 of Perreault Levasseur et al. 2017.

python docs/figures/lens_posterior.py RUN      RUN: build/lensing/summary, made by benchmarks/lensing.py summary

From the evaluation that was made with the run, on its test images of the prior of 2017.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from skysure.applications.lensing.plots import magnifications
from skysure.report.figure import render

metrics = json.loads((Path(sys.argv[1]) / "metrics.json").read_text())
curves = metrics["curves"]["predicted"]
curve = next(curve for curve in curves if curve["of"] == "mu")
Path(__file__).with_suffix(".png").write_bytes(render(magnifications(curve), "png"))
