"""Supernova classification: on the SPCC, from our simulator to the SPCC, and on real SNe Ia of DES and SNLS.

    python benchmarks/supernovae.py [--quick] [spcc] [dropout] [transfer] [real]

spcc      trains on 10,660 objects of a random split, with the redshifts of their hosts; of these 750 stop the training
          and 750 calibrate it. The others are looked at once. The run stays in runs/ and resumes.
dropout   the same with one mask for a whole light curve in every layer (`tied`) beside dropout in the head alone: how
          well what the model says it does not know (epistemic) tells its errors, and at what cost.
transfer  the shipped model, trained on our simulator alone, on all objects of the SPCC.
real      the shipped model on real SNe Ia, before and after calibration with 500 labels: half of the real SNe Ia, and
          simulated others. One class has no calibration curve: completeness, set coverage and novelty rate are given.

Published figures stand in tests/truths/supernovae.json with their sources.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np

import skysure
from record import record, row
from skysure.applications.supernovae.batches import targets
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.parts import read_parts
from skysure.data.sources import Memory, Parted
from skysure.methods.calibration import auc, nll, wilson_interval, with_interval

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data"))
SPCC = [str(DATA / "spcc" / name) for name in ("lightcurves.parquet", "objects.parquet")]
PUBLISHED = ROOT / "tests" / "truths" / "supernovae.json"
RUNS = ROOT / "runs"
SHIPPED = "supernovae-griz"
PARTS = ("spcc", "dropout", "transfer", "real")
TRAINED, LABELS = 10_660, 500
MEASURES = {
    "accuracy_10660_z": "accuracy_Ia",
    "auc_10660_z": "auc_Ia",
    "f1_10660_z": "f1_Ia",
    "accuracy_3class_10660_z": "accuracy",
    "ece_10660_z": "ece",
    "set_coverage_90_10660_z": "set_coverage",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="two epochs: the same rows, worse figures")
    asked = parser.parse_args()
    RUNS.mkdir(exist_ok=True)
    for part in asked.parts or PARTS:
        measure = {"spcc": spcc, "dropout": dropout, "transfer": transfer, "real": real}[part]
        record("supernovae", measure(asked.quick), quick=asked.quick)


def spcc(quick: bool) -> list[dict]:
    """Train on a random split, and give the scores of the rest."""
    metrics = json.loads((trained(quick) / "metrics.json").read_text())
    found = {s["name"]: s for s in metrics["scores"]}
    published = json.loads(PUBLISHED.read_text())["moss_2018"]
    rows = [measured(measure, found[name], metrics["objects"]) for measure, name in MEASURES.items()]
    return [r | {"note": f"published: {published[r['measure']][0]}"} if r["measure"] in published else r for r in rows]


def trained(quick: bool, **changes: str) -> Path:
    """Give the run trained on the random split, training it where it is not there yet."""
    objects = sum(len(chunk) for chunk in skysure.read("supernovae", SPCC).chunks())
    out = RUNS / "_".join(["spcc_10660_z", *changes.values(), *(["quick"] if quick else [])])
    if not out.exists():
        sizes = {"validation": 750, "calibration": 750, "test": objects - TRAINED} | ({"epochs": 2} if quick else {})
        resume = out.with_name(f"{out.name}.training").exists()
        skysure.train("supernovae", SPCC, out, preset="spcc", resume=resume, progress=tell, **changes, **sizes)
    return out


def dropout(quick: bool) -> list[dict]:
    """Hold dropout in the head and tied masks everywhere beside each other, on the same test objects."""
    rows = []
    for name, run in {"head": trained(quick), "tied": trained(quick, dropout="tied")}.items():
        split = Parted(skysure.read("supernovae", SPCC), read_parts(run / "split.parquet"))
        curves = skysure.LightCurves.concat(list(split.chunks("test")))[: 1000 if quick else None]
        start = time.process_time()
        found = skysure.predict(run, curves)
        seconds = time.process_time() - start
        truth = targets(curves.objects["label"], found.classes)
        wrong = found.best != truth
        of_errors = with_interval(auc, found.epistemic, wrong, resamples=200)
        total = with_interval(auc, found.aleatoric + found.epistemic, wrong, resamples=200)
        loss = with_interval(nll, found.probability, truth, resamples=200)
        named = {"epistemic_auroc_of_errors": of_errors, "predictive_auroc_of_errors": total, "nll": loss}
        rows += [row(f"{m}_{name}", v.value, error=(v.high - v.low) / 2, n=len(wrong)) for m, v in named.items()]
        rows.append(row(f"accuracy_{name}", 100 * float((~wrong).mean()), "%", n=len(wrong), note="three classes"))
        rows.append(
            row(f"epistemic_share_{name}", float(found.epistemic.sum() / (found.aleatoric + found.epistemic).sum()))
        )
        rows.append(row(f"objects_per_cpu_second_{name}", len(wrong) / seconds, "1/s", note="in memory, 30 samples"))
    return rows


def transfer(quick: bool) -> list[dict]:
    """Hold the shipped model, which has never seen the SPCC, against all of it."""
    metrics = skysure.evaluate(SHIPPED, SPCC, progress=tell).metrics
    found = {s["name"]: s for s in metrics["scores"]}
    names = {"accuracy": "accuracy_Ia", "auc": "auc_Ia", "ece": "ece", "set_coverage_90": "set_coverage"}
    return [measured(f"{m}_simulated_to_spcc", found[name], metrics["objects"]) for m, name in names.items()]


def real(quick: bool) -> list[dict]:
    """Apply the shipped model to real SNe Ia, then adapt it with 500 labels and apply it to the others."""
    reading = {"constants": {"label": "Ia"}, "columns": {"redshift": "REDSHIFT_HELIO"}}
    source = skysure.read("supernovae", [str(DATA / "real_ia" / "snana_text.tar.xz")], reading)
    curves = skysure.LightCurves.concat([chunk.in_bands(tuple("griz")) for chunk in source.chunks()])
    order = np.random.default_rng(0).permutation(len(curves))
    labelled, unseen = curves[order[: len(order) // 2]], curves[order[len(order) // 2 :]]
    others = simulate_lightcurves(4 * LABELS, "des", seed=77, photoz="realistic")
    others = others[others.objects["label"] != "Ia"][: LABELS - len(labelled)]
    out = RUNS / "supernovae-des-snls"
    shutil.rmtree(out, ignore_errors=True)
    run = skysure.load(SHIPPED)
    adapted = skysure.calibrate(run, Memory(run.schema, [labelled, others]), out, test=0.02, progress=tell)
    return [
        *completeness(skysure.predict(run, unseen), "ia_completeness_des_snls", ""),
        *completeness(skysure.predict(adapted, unseen), "ia_completeness_des_snls_calibrated", "_calibrated"),
    ]


def completeness(found: skysure.Classes, measure: str, suffix: str) -> list[dict]:
    """Share of SNe Ia called Ia, held by their sets, and flagged as unlike the training set [%]."""
    ia = found.classes.index("Ia")
    assert found.members is not None
    assert found.unlike is not None
    shares = {
        measure: found.probability[:, ia] > 0.5,
        f"ia_set_coverage_90_des_snls{suffix}": found.members[:, ia],
        f"ia_novelty_rate_des_snls{suffix}": found.unlike,
    }
    return [share(name, hits) for name, hits in shares.items()]


def share(measure: str, hits: np.ndarray) -> dict:
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return row(measure, 100 * float(hits.mean()), "%", error=50 * (high - low), n=len(hits))


def measured(measure: str, score: dict, n: int) -> dict:
    """One row: a score, with half its 68.3 % interval as its error."""
    return row(measure, score["value"], score["unit"], error=(score["high"] - score["low"]) / 2, n=n)


def tell(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main()
