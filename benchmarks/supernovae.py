"""Supernova classification on the SPCC: the public verbs, on a random split of the objects that are given.

    python benchmarks/supernovae.py [--quick]

Trains on 10,660 objects with the redshifts of their hosts, of which 750 stop the training and 750 calibrate it, and
looks at the others once. The run stays in runs/; an interrupted training goes on where it was. Published figures
stand in tests/truths/supernovae.json with their sources.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import skysure
from record import record, row

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data")) / "spcc"
RUNS = ROOT / "runs"
TRAINED = 10_660
SPLIT = {"validation": 750, "calibration": 750, "groups": False}
MEASURES = {
    "accuracy_10660_z": "accuracy_Ia",
    "auc_10660_z": "auc_Ia",
    "f1_10660_z": "f1_Ia",
    "ece_10660_z": "ece",
    "set_coverage_90_10660_z": "set_coverage",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two epochs: the same rows, worse figures")
    quick = parser.parse_args().quick
    files = [str(DATA / name) for name in ("lightcurves.parquet", "objects.parquet")]
    objects = sum(len(chunk) for chunk in skysure.read("supernovae", files).chunks())
    out = RUNS / ("spcc_10660_z_quick" if quick else "spcc_10660_z")
    RUNS.mkdir(exist_ok=True)
    if not out.exists():
        changes = {"epochs": 2} if quick else {}
        skysure.train(
            "supernovae", files, out, preset="spcc", resume=True, test=objects - TRAINED, progress=tell,
            **SPLIT, **changes,
        )  # fmt: skip
    scores = {s["name"]: s for s in json.loads((out / "metrics.json").read_text())["scores"]}
    record("supernovae", [measured(m, scores[name], objects - TRAINED) for m, name in MEASURES.items()], quick=quick)


def measured(measure: str, score: dict, n: int) -> dict:
    """One row: a score of the test part, with half its 68.3 % interval as its error."""
    return row(measure, score["value"], score["unit"], error=(score["high"] - score["low"]) / 2, n=n)


def tell(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main()
