"""Classify light curves that are in memory, with calibrated uncertainties.

python examples/classify.py [RUN]      RUN: a run directory or a shipped model (supernovae-griz)
"""

from __future__ import annotations

import sys
from pathlib import Path

from astropy.table import QTable, unique

import skysure

# Any table with one row per observation will do: a dict of arrays, astropy, pandas, Arrow.
night = QTable.read(Path(__file__).with_name("night.ecsv"))
hosts = unique(night["id", "redshift", "redshift_error"], keys="id")  # one row per object
curves = skysure.LightCurves.from_table(night, {"time": "mjd"}, hosts, zero_point=31.4)  # AB magnitude of 1 nJy

model = sys.argv[1] if len(sys.argv) > 1 else "supernovae-griz"
prediction = skysure.predict(model, curves, kind=skysure.Classes, coverage=0.9)

for k, (name, z) in enumerate(zip(prediction.rows["id"], curves.column("redshift"), strict=True)):
    best = prediction.best[k]
    p, error = prediction.probability[k, best], prediction.probability_error[k, best]
    possible = [c for c, inside in zip(prediction.classes, prediction.prediction_set[k], strict=True) if inside]
    warning = "  out of distribution" if prediction.is_ood[k] else ""
    text = f"{prediction.classes[best]} with {p:.2f} ± {error:.2f}; 90 % set: {', '.join(possible) or 'none'}"
    print(f"{name} (z = {z:.2f}): {text}{warning}")

prediction.to_table().write("classes.fits", overwrite=True)  # with units, descriptions and UCDs
