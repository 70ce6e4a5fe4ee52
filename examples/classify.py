"""Classify light curves that are in memory, with error bars.

python examples/classify.py [RUN]      RUN: a run directory or a shipped model (supernovae-griz)
"""

from __future__ import annotations

import sys
from pathlib import Path

from astropy.table import Table

import skysure

# Any table with one row a point will do: a dict of arrays, astropy, pandas, pyarrow.
night = Table.read(Path(__file__).with_name("night.ecsv"))
curves = skysure.LightCurves.from_table(
    {
        "id": night["id"], "time": night["mjd"], "band": night["band"],
        "flux": night["flux"], "flux_error": night["flux_error"],
    },
    zero_point=31.4,  # AB magnitude of 1 nJy
)  # fmt: skip

classes = skysure.predict(sys.argv[1] if len(sys.argv) > 1 else "supernovae-griz", curves)

for k, name in enumerate(classes.rows["id"]):
    best = classes.best[k]
    p, error = classes.probability[k, best], classes.probability_error[k, best]
    inside = ", ".join(c for c, member in zip(classes.classes, classes.prediction_set[k], strict=True) if member)
    warning = "  out of distribution" if classes.is_ood[k] else ""
    print(f"{name}: {classes.classes[best]} with {p:.2f} ± {error:.2f}; 90 % set: {inside or 'none'}{warning}")

classes.to_table().write("classes.fits", overwrite=True)
