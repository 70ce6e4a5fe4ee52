"""Measure a strong lens: simulate images as HST takes them, predict, and compare with the truth."""

from __future__ import annotations

import sys

import skysure
from skysure.applications import lensing

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 20

# Images of your own: lenses = skysure.LensImages(image, noise=noise, psf=psf, pixel_scale=0.05)
lenses = next(lensing.simulate(lensing.Settings(), COUNT, 42).chunks())
prediction = skysure.predict("lens-hst", lenses, kind=skysure.Values)

theta_e = prediction.names.index("theta_E")
inside = 0
for k, name in enumerate(lenses.ids):
    mean, low, high = (values[k, theta_e] for values in (prediction.mean, prediction.low, prediction.high))
    true = lenses.truth[k, theta_e]
    inside += low < true < high
    flag = "  unlike the training images" if prediction.is_ood[k] else ""
    print(f"{name}: theta_E = {mean:.3f} ({low:.3f} to {high:.3f}) arcsec, true {true:.3f}{flag}")
print(f"{inside} of {COUNT} true values inside the 68.3 % intervals")
