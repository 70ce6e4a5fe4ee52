"""y = 2x + 8 + N(0, 1) against the number of points: `python benchmarks/linear.py [--quick] [N]...`.

The published table (Gal, Hron and Kendall 2017, with the code of their authors) drops the one input, and both errors
stay wide however much data there is. Here it is again, in the published setting; then ours, without and with that flaw.
Errors are uncalibrated, since calibration would mend part of the flaw with points that the table does not count.
The published setting runs from N = 100 on, under one seed, with 1,000 points to test on and twenty samples, as it was
published.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import torch

from record import record, row
from sine import standard_error, trained
from skysure.application import preset
from skysure.applications import sine
from skysure.applications.sine.points import joined
from skysure.data.sources import TEST
from skysure.methods.dropout import rates
from skysure.methods.sampling import sample
from skysure.settings import build

STEPS, CALIBRATION, SAMPLES = 2_000, 10, 20
PUBLISHED = {
    10: (1.901, 1.257, 1.278, 2000), 25: (1.349, 1.199, 1.081, 1000), 50: (1.238, 1.081, 0.904, 500),
    100: (1.258, 1.317, 0.716, 200), 1000: (1.036, 1.222, 0.644, 20), 10_000: (1.004, 1.125, 0.531, 2),
}  # fmt: skip
"""RMSE, aleatoric and epistemic standard deviation, and epochs, of the authors' PyTorch notebook, for each N."""


def main(quick: bool, asked: list[int]) -> None:
    """Measure and record, each N as it is done."""
    torch.set_num_threads(1)
    for n in asked or ((1000, 10) if quick else sorted(PUBLISHED, reverse=True)):
        ours = of_size("line", n, 1_000 if quick else 10_000)
        ours = replace(ours, epochs=20 if quick else epochs(n, ours.batch))
        rows = [*measured(ours, n, "", 2 if quick else 5)]
        rows += measured(replace(ours, drop_input=True), n, "_input_dropped", 2 if quick else 5)
        if n >= 100:
            theirs = of_size("line-published", n, 1_000)
            theirs = replace(theirs, epochs=5, hidden=64) if quick else replace(theirs, epochs=PUBLISHED[n][3])
            rows += measured(theirs, n, "_published_setting", 1)
        record("linear", rows, quick=quick)


def of_size(name: str, n: int, test: int) -> sine.Settings:
    """Take a preset with n points to train on; as many others, up to 1,000, pick the epoch."""
    settings, validation = build(sine.Settings, preset("sine", name)), min(n, 1000)
    sizes = {"validation": validation, "calibration": CALIBRATION, "test": test}
    return replace(settings, objects=n + sum(sizes.values()), **sizes)


def epochs(n: int, batch: int) -> int:
    """Epochs for at least as many steps as the rates need to get where they will, and at least thirty."""
    return max(30, ceil(STEPS / ceil(n / batch)))


def measured(settings: sine.Settings, n: int, kind: str, seeds: int) -> Iterator[dict[str, Any]]:
    """Train under some seeds in one batched pass, and hold them against the truth."""
    found: dict[str, list[float]] = {}
    for model, source in trained(settings, range(seeds)):
        points = joined(source.chunks(TEST))
        # Each point has masks of its own: a few masks for all would say little of an input that is rarely dropped.
        drawn = sample(model, torch.as_tensor(points.x, dtype=torch.float32), SAMPLES, seed=0).double()
        mean = (drawn[..., 0] * model.y_scale + model.y_mean).numpy()
        std = (torch.exp(0.5 * drawn[..., 1]) * model.y_scale).numpy()
        found.setdefault("rmse", []).append(np.sqrt(np.mean((points.y - mean.mean(0)) ** 2)))
        found.setdefault("aleatoric_std", []).append(np.sqrt(np.mean(std**2)))
        found.setdefault("epistemic_std", []).append(np.sqrt(mean.var(0, ddof=1).mean()))
        for name, rate in rates(model).items():
            found.setdefault(name.replace(".", "_"), []).append(rate)
    published = dict(zip(("rmse", "aleatoric_std", "epistemic_std"), PUBLISHED[n], strict=False))
    for name, values in found.items():
        note = f"published {published[name]}" if name in published else ""
        measure = f"{name}_{n}{kind}"
        yield row(measure, float(np.mean(values)), error=standard_error(values), n=len(values), note=note)


if __name__ == "__main__":
    main("--quick" in sys.argv[1:], [int(word) for word in sys.argv[1:] if not word.startswith("-")])
