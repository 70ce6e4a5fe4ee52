"""y = 2x + 8 + N(0, 1) against the number of points: `python benchmarks/linear.py [--quick]`.

The published table (Gal, Hron and Kendall 2017, with the code of their authors) drops the one input, and both errors
stay wide however much data there is. Here it is again, in the published setting; then ours, without and with that flaw.
Errors are uncalibrated, since calibration would mend part of the flaw with points that the table does not count.
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
from skysure.applications import preset, sine
from skysure.methods.uncertainty import rates
from skysure.settings import build

TEST, CALIBRATION, STEPS = 10_000, 100, 2_000
PUBLISHED = {
    10: (1.901, 1.257, 1.278, 2000), 25: (1.349, 1.199, 1.081, 1000), 50: (1.238, 1.081, 0.904, 500),
    100: (1.258, 1.317, 0.716, 200), 1000: (1.036, 1.222, 0.644, 20), 10_000: (1.004, 1.125, 0.531, 2),
}  # fmt: skip
"""RMSE, aleatoric and epistemic standard deviation, and epochs, of the authors' PyTorch notebook, for each N."""


def main(quick: bool) -> None:
    """Measure and record."""
    torch.set_num_threads(1)
    rows = []
    for n in (10, 1000) if quick else PUBLISHED:
        ours = of_size(build(sine.Settings, preset("sine", "line")), n)
        ours = replace(ours, epochs=20 if quick else epochs(n, ours.batch))
        theirs = of_size(build(sine.Settings, preset("sine", "line-published")), n)
        theirs = replace(theirs, epochs=PUBLISHED[n][3], **({"hidden": 64, "epochs": 5} if quick else {}))
        rows += measured(ours, n, "", 2 if quick else 5)
        rows += measured(replace(ours, drop_input=True), n, "_input_dropped", 2 if quick else 5)
        rows += measured(theirs, n, "_published_setting", 1)
    record("linear", rows, quick=quick)


def of_size(settings: sine.Settings, n: int) -> sine.Settings:
    """Train on n points; as many others, up to 1,000, pick the epoch."""
    validation = min(n, 1000)
    objects = n + validation + CALIBRATION + TEST
    return replace(settings, objects=objects, validation=validation, calibration=CALIBRATION, test=TEST)


def epochs(n: int, batch: int) -> int:
    """Epochs for at least as many steps as the rates need to get where they will, and at least thirty."""
    return max(30, ceil(STEPS / ceil(n / batch)))


def measured(settings: sine.Settings, n: int, kind: str, seeds: int) -> Iterator[dict[str, Any]]:
    """Train under some seeds in one batched pass, and hold them against the truth."""
    found: dict[str, list[float]] = {}
    for model, source in trained(settings, range(seeds)):
        scores = {score["name"]: score for score in sine.evaluate(model, source, sine.Query()).metrics["scores"]}
        found.setdefault("rmse", []).append(scores["rmse"]["value"])
        for name in ("aleatoric_std", "epistemic_std"):
            found.setdefault(name, []).append(scores[name]["before"])
        for name, rate in rates(model).items():
            found.setdefault(name.replace(".", "_"), []).append(rate)
    published = dict(zip(("rmse", "aleatoric_std", "epistemic_std"), PUBLISHED[n], strict=False))
    for name, values in found.items():
        note = f"published {published[name]}" if name in published else ""
        measure = f"{name}_{n}{kind}"
        yield row(measure, float(np.mean(values)), error=standard_error(values), n=len(values), note=note)


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
