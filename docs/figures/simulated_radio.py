"""Draw radio fields as each instrument records them: `python docs/figures/simulated_radio.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle

from skysure.applications.radio.simulation.instruments import instrument
from skysure.applications.radio.simulator import images_of

INSTRUMENTS = ("first", "claran", "emu", "lotss")
COLUMNS, SIZE = 8, 132


def main() -> None:
    figure, axes = plt.subplots(len(INSTRUMENTS), COLUMNS, figsize=(12, 6.4), layout="constrained")
    for row, name in zip(axes, INSTRUMENTS, strict=True):
        images = images_of(instrument(name), SIZE, ("radio",), 3, torch.arange(COLUMNS))
        for k, axis in enumerate(row):
            ratio = np.arcsinh(images.image[k, 0] / images.noise[k, 0] / 2)
            axis.imshow(ratio, origin="lower", cmap="inferno", extent=(0, SIZE, 0, SIZE), vmin=-1, vmax=5)
            truth = images.truth.of_image(k)
            for box, label in zip(truth.boxes, truth.labels, strict=True):
                axis.add_patch(Rectangle(box[:2], *(box[2:] - box[:2]), fill=False, ec="cyan", lw=0.8))
                axis.text(box[0], box[3], truth.classes[label], color="white", fontsize=5)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, fontsize=9)
    figure.savefig(Path(__file__).with_suffix(".png"), dpi=60)


if __name__ == "__main__":
    main()
