"""y = 2x + 8 + N(0, 1) against the number of points N: `python benchmarks/linear.py [--quick] [N]...`.

The published network (Gal, Hron and Kendall 2017) drops its only input, and both uncertainties stay wide for any amount
of data. This repeats the published setting from N = 100 on (one seed, 1,000 test points, twenty samples), and measures
ours without and with input dropout. Uncertainties are not calibrated: calibration would correct a part of the flaw with
points that the table does not count.
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
from sine import standard_error, train_seeds
from skysure.application import preset
from skysure.applications import sine
from skysure.applications.sine.points import Points
from skysure.data.sources import TEST
from skysure.methods.dropout import rates
from skysure.methods.sampling import sample
from skysure.settings import build

STEPS, CALIBRATION, SAMPLES = 2_000, 10, 20
PUBLISHED = {
    10: (1.901, 1.257, 1.278, 2000), 25: (1.349, 1.199, 1.081, 1000), 50: (1.238, 1.081, 0.904, 500),
    100: (1.258, 1.317, 0.716, 200), 1000: (1.036, 1.222, 0.644, 20), 10_000: (1.004, 1.125, 0.531, 2),
}  # fmt: skip
"""RMSE, aleatoric and epistemic standard deviation, and epochs of the authors' PyTorch notebook, for each N."""


def main(quick: bool, sizes: list[int]) -> None:
    """Measure and record each N in turn."""
    torch.set_num_threads(1)
    for n in sizes or ((1000, 10) if quick else sorted(PUBLISHED, reverse=True)):
        ours = settings_for("line", n, 1_000 if quick else 10_000)
        ours = replace(ours, epochs=20 if quick else epochs(n, ours.batch))
        rows = [*score_seeds(ours, n, "", 2 if quick else 5)]
        rows += score_seeds(replace(ours, drop_input=True), n, "_input_dropped", 2 if quick else 5)
        if n >= 100:
            published_setting = settings_for("line-published", n, 1_000)
            published_setting = (
                replace(published_setting, epochs=5, hidden=64)
                if quick
                else replace(published_setting, epochs=PUBLISHED[n][3])
            )
            rows += score_seeds(published_setting, n, "_published_setting", 1)
        record("linear", rows, quick=quick)


def settings_for(name: str, n: int, test: int) -> sine.Settings:
    """Settings of a preset with n training points; as many validation points, at most 1,000, select the epoch."""
    settings, validation = build(sine.Settings, preset("sine", name)), min(n, 1000)
    parts = {"validation": validation, "calibration": CALIBRATION, "test": test}
    return replace(settings, objects=n + sum(parts.values()), **parts)


def epochs(n: int, batch: int) -> int:
    """Epochs for at least STEPS steps, which the learned rates need to converge; at least thirty."""
    return max(30, ceil(STEPS / ceil(n / batch)))


def score_seeds(settings: sine.Settings, n: int, kind: str, seeds: int) -> Iterator[dict[str, Any]]:
    """Train several seeds in one batched pass and compare their predictions with the truth."""
    by_name: dict[str, list[float]] = {}
    for model, source in train_seeds(settings, range(seeds)):
        points = Points.concat(source.chunks(TEST))
        # Each point has its own masks: a few shared masks would rarely drop an input with a small rate.
        outputs = sample(model, torch.as_tensor(points.x, dtype=torch.float32), SAMPLES, seed=0).double()
        mean = (outputs[..., 0] * model.y_scale + model.y_mean).numpy()
        std = (torch.exp(0.5 * outputs[..., 1]) * model.y_scale).numpy()
        by_name.setdefault("rmse", []).append(np.sqrt(np.mean((points.y - mean.mean(0)) ** 2)))
        by_name.setdefault("aleatoric_std", []).append(np.sqrt(np.mean(std**2)))
        by_name.setdefault("epistemic_std", []).append(np.sqrt(mean.var(0, ddof=1).mean()))
        for name, rate in rates(model).items():
            by_name.setdefault(name.replace(".", "_"), []).append(rate)
    published = dict(zip(("rmse", "aleatoric_std", "epistemic_std"), PUBLISHED[n], strict=False))
    for name, values in by_name.items():
        note = f"published {published[name]}" if name in published else ""
        measure = f"{name}_{n}{kind}"
        yield row(measure, float(np.mean(values)), error=standard_error(values), n=len(values), note=note)


if __name__ == "__main__":
    main("--quick" in sys.argv[1:], [int(word) for word in sys.argv[1:] if not word.startswith("-")])
