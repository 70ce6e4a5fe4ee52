"""Draw lenses as each preset simulates them: `python docs/figures/simulated_lenses.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skysure.application import settings_of
from skysure.applications.lensing.simulator import simulate

PRESETS = ("hst", "euclid", "lsst", "hezaveh-like")
COLUMNS = 8


def main() -> None:
    figure, axes = plt.subplots(len(PRESETS), COLUMNS, figsize=(12, 6.4), layout="constrained")
    for row, preset in zip(axes, PRESETS, strict=True):
        images = next(iter(simulate(settings_of("lensing", preset), COLUMNS, 12).chunks()))
        for axis, image, noise, mask, truth in zip(
            row, images.image, images.noise, images.mask, images.truth, strict=True
        ):
            ratio = np.arcsinh(image / np.median(noise[~mask]) / 3)
            limits = {"vmin": -1, "vmax": min(np.arcsinh(100), max(1.5, np.percentile(ratio, 99.8)))}
            axis.imshow(np.ma.array(ratio, mask=mask), origin="lower", cmap="inferno", **limits)
            axis.set_title(f"{truth[0]:.2f}″", fontsize=8, pad=2)
            axis.set(facecolor="0.6", xticks=[], yticks=[])
        row[0].set_ylabel(preset, fontsize=9)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=60)


if __name__ == "__main__":
    main()
