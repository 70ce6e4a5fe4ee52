"""Supernova classification: on the SPCC, transferred from our simulator, and on real SNe Ia of DES and SNLS.

    python benchmarks/supernovae.py [--quick] [PART ...]

spcc      three networks on 10,660 objects of a random split, with host redshifts; 750 of these are for validation, 750
          for calibration. One network starts from the shipped model, trained on our simulator only, the others from
          random weights; their predictions are averaged. Three splits. For comparison one network on one split
          without any simulation (`_scratch`). Runs stay in runs/ and resume.
early     the same networks on test light curves cut at the night of the sixth observation with S/N > 4. The files hold
          the number of observations until then; where it is missing (15 %, most have fewer) nothing is cut.
blind     one network without redshifts on the same splits, from the shipped model (`_scratch`: from random weights).
published the network of Charnock and Moss 2017 on such a split, in batches of 50 for 80 epochs (theirs: 10, 200).
few       1,103 objects of a random split (100 for validation, 100 for calibration), three splits, from the shipped
          model.
biased    the 1,009 objects of the spectroscopic list and 4,000 simulated ones, from the shipped model; the test set is
          all others. No test light curve is used in training, with or without its label.
scratch   few and biased without any simulation.
templates 10,660 objects as in spcc, but no two parts share a core-collapse template; three such splits. Ia, which have
          no template, are split at random. Also the share flagged as out of distribution.
dropout   one mask per light curve in every layer (`tied`), compared with dropout in the head only: how well the
          epistemic uncertainty predicts errors, and the cost.
transfer  the shipped model, trained on our simulator only, on all objects of the SPCC.
plasticc  the shipped model for the wide survey of LSST on Ia, II and Ib/c of PLAsTiCC, another simulation of LSST: its
          wide survey and its deep fields, before and after calibration with 500 labels of each.
real      the shipped model on real SNe Ia, before and after calibration with 500 labels: half of the real SNe Ia, and
          simulated other classes. A single class has no reliability diagram: recall, set coverage and the share
          flagged as out of distribution are given.

Published figures are in tests/truths/supernovae.json with their sources.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import skysure
from record import record, row
from skysure.applications.supernovae.batches import targets
from skysure.applications.supernovae.simulator import simulate_lightcurves
from skysure.data.sources import InMemorySource, SplitSource
from skysure.data.split import SEEN, read_parts
from skysure.methods.calibration import auc, best_threshold, figure_of_merit, nll, with_interval
from supernovae_scores import (
    accuracy,
    average_splits,
    binary,
    completeness,
    probability_of_ia,
    rows_of,
    score_row,
    values_of,
    with_published,
)

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data"))
SPCC = [str(DATA / "spcc" / name) for name in ("lightcurves.parquet", "objects.parquet")]
RUNS = ROOT / "runs"
SHIPPED, WIDE = "supernovae-griz", "supernovae-lsst"
TRAINED, FEW, LABELS = 10_660, 1_103, 500
SPLITS = (0, 1, 2)
CHARNOCK_MOSS: dict[str, Any] = {"batch": 50, "learning_rate": 0.002, "epochs": 80, "patience": 80, "groups": False}
SCORES = {"accuracy": "accuracy_Ia", "auc": "auc_Ia", "f1": "f1_Ia"}
MORE = {"accuracy_3class": "accuracy", "ece": "ece", "set_coverage_90": "set_coverage"}
TUNING: dict[str, Any] = {"epochs": 15, "patience": 15, "batch": 64, "learning_rate": 1e-3, "average": 2.0}
SCRATCH: dict[str, Any] = {"epochs": 60, "patience": 60, "batch": 64}
FAST = {"cell": "lstm", "precision": "bfloat16"}
DEGRADED = {"noise": 3.0}  # the spectroscopic list is 1.4 mag brighter than the other objects


def main() -> None:
    measures = {f.__name__: f for f in ALL}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*measures, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="two epochs: the same rows, worse scores")
    arguments = parser.parse_args()
    RUNS.mkdir(exist_ok=True)
    for part in arguments.parts or measures:
        record("supernovae", measures[part](arguments.quick), quick=arguments.quick)


def spcc(quick: bool) -> list[dict]:
    """Train three networks on random splits, one of them from the shipped model, and score the other objects."""
    runs = ensembles(quick)
    by_split = [
        values_of([*rows_of(run, "10660_z", SCORES | MORE), *rows_at_best_threshold(run, "10660_z")]) for run in runs
    ]
    scratch_rows = rows_of(spcc_run("spcc_10660_z", quick), "10660_z_scratch", SCORES | MORE)
    return [*average_splits(by_split, len(challenge()) - TRAINED), *scratch_rows]


def blind(quick: bool) -> list[dict]:
    """Train one network on the same splits without redshifts."""
    by_split = []
    for s in SPLITS:
        run = spcc_run(f"spcc_10660_tuned_{s}", quick, start=SHIPPED, seed=s, redshift="never")
        by_split.append(values_of(rows_of(run, "10660", SCORES)))
    scratch_rows = rows_of(spcc_run("spcc_10660", quick, redshift="never"), "10660_scratch", SCORES)
    return [*average_splits(by_split, len(challenge()) - TRAINED), *scratch_rows]


def published(quick: bool) -> list[dict]:
    """Train the network of Charnock and Moss 2017."""
    run = spcc_run("spcc_charnock_moss", quick, preset="charnock-moss", **CHARNOCK_MOSS)
    return rows_of(run, "charnock_moss_z", SCORES)


def ensembles(quick: bool) -> list[Path]:
    """Runs of three networks each, one per split."""
    return [spcc_run(f"spcc_10660_z_three_{s}", quick, start=SHIPPED, seed=s, members=3) for s in SPLITS]


def spcc_run(
    name: str, quick: bool, *, objects: int = TRAINED, held_out: int = 750, start: str | None = None, **changes: Any
) -> Path:
    """Run trained on a random split of the SPCC; trains it unless it exists."""
    sizes = {"validation": held_out, "calibration": held_out, "test": len(challenge()) - objects}
    return run_on(SPCC, name, quick, start, **sizes | changes)


def run_on(data: Any, name: str, quick: bool, start: str | None, preset: str = "spcc", **changes: Any) -> Path:
    """Run of a name, trained on the data; trains it unless it exists."""
    out = RUNS / (f"{name}_quick" if quick else name)
    changes |= {"epochs": 2} if quick else {}
    if not out.exists():
        resume = out.with_name(f"{out.name}.training").exists()
        skysure.train(
            "supernovae", data, out, preset=preset, start=start, resume=resume, progress=show_progress, **changes
        )
    return out


@cache
def challenge() -> skysure.LightCurves:
    """Read the SPCC."""
    return skysure.LightCurves.concat(list(skysure.read("supernovae", SPCC).chunks()))


def rows_at_best_threshold(run: Path, suffix: str) -> list[dict]:
    """Test scores at the thresholds that are best on the validation and calibration parts."""
    held_out = [
        probability_of_ia(skysure.predict(run, curves), curves) for curves in map(partial(part_of, run), SEEN[1:])
    ]
    p, positive = map(np.concatenate, zip(*held_out, strict=True))
    test = part_of(run, "test")
    test_probability, truth = probability_of_ia(skysure.predict(run, test), test)
    rows = []
    for name, (merit, factor, unit) in {"accuracy": (accuracy, 100, "%"), "f1": (figure_of_merit, 1, "")}.items():
        threshold = best_threshold(score=p, positive=positive, merit=merit)
        interval = with_interval(merit, test_probability > threshold, truth, resamples=200)
        note = f"above {threshold:.3f}, which is best on the {len(p)} objects that stopped the training and calibrated"
        error = factor * (interval.high - interval.low) / 2
        rows.append(
            row(
                f"{name}_{suffix}_chosen",
                factor * interval.value,
                unit,
                error=error,
                n=len(test_probability),
                note=note,
            )
        )
    return rows


def part_of(run: Path, part: str) -> skysure.LightCurves:
    """Light curves of the challenge in one part of a run."""
    split = SplitSource(skysure.read("supernovae", SPCC), read_parts(run / "split.parquet"))
    return skysure.LightCurves.concat(list(split.chunks(part)))


def templates(quick: bool) -> list[dict]:
    """Train where no two parts share a core-collapse template; compare flagged shares with those of a random split.

    The shipped model, which was not trained on any of these templates, is scored on the same test parts.
    """
    name, by_split = "templates_out_z", []
    for s in SPLITS:
        run = spcc_run(f"spcc_{name}_{s}", quick, groups=True, seed=s, **FAST)
        curves = part_of(run, "test")
        shipped = binary(skysure.predict(SHIPPED, curves), curves)
        by_split.append(values_of(rows_of(run, name, SCORES | MORE)) | flagged_shares(run, name))
        by_split[-1] |= {f"{m}_{name}_shipped": shipped[m]["value"] for m in SCORES}
    n = len(challenge()) - TRAINED
    return [
        *average_splits(by_split, n),
        *average_splits([flagged_shares(spcc_run("spcc_10660_z", quick), "10660_z")], n),
    ]


def flagged_shares(run: Path, suffix: str) -> dict[str, float]:
    """Shares of Ia, and of the others, in the test part that are flagged as out of distribution [%]."""
    curves = part_of(run, "test")
    classes, ia = skysure.predict(run, curves), curves.objects["label"] == "Ia"
    assert classes.is_ood is not None
    shares = {"ia": classes.is_ood[ia], "others": classes.is_ood[~ia]}
    return {f"unlike_{name}_{suffix}": 100 * float(share.mean()) for name, share in shares.items()}


def early(quick: bool) -> list[dict]:
    """Score the networks of `spcc` on test light curves that are cut early."""
    by_split = []
    for run in ensembles(quick):
        curves = part_of(run, "test")
        by_split.append(values_of([*binary(skysure.predict(run, cut_early(curves)), curves).values()]))
    rows = average_splits(by_split, len(challenge()) - TRAINED)
    return [with_published(r | {"measure": f"{r['measure']}_early_z"}) for r in rows]


def cut_early(curves: skysure.LightCurves) -> skysure.LightCurves:
    """Cut light curves at the night of the sixth observation with S/N > 4, as given in the files of the challenge."""
    table = pq.read_table(SPCC[1], columns=["object_id", "early_points"]).to_pydict()
    counts = {str(k): n for k, n in zip(table["object_id"], table["early_points"], strict=True) if n is not None}
    keep = np.array([counts.get(k, np.inf) for k in curves.ids])
    return curves.select_points(np.arange(len(curves.time)) - curves.offsets[curves.owner] < keep[curves.owner])


def few(quick: bool) -> list[dict]:
    """Train on few objects, from the shipped model."""
    return train_on_few(quick, "1103_z", SHIPPED, TUNING)


def biased(quick: bool) -> list[dict]:
    """Train on the spectroscopic list and simulated objects, from the shipped model."""
    return train_on_listed(quick, "biased_z", SHIPPED, 4000, TUNING | {"validation": 500, "calibration": 700})


def scratch(quick: bool) -> list[dict]:
    """Train on few objects, and on the spectroscopic list, without any simulation."""
    scratch_rows = SCRATCH | DEGRADED | {"validation": 100, "calibration": 100}
    return [
        *train_on_few(quick, "1103_z_scratch", None, SCRATCH),
        *train_on_listed(quick, "biased_z_scratch", None, 0, scratch_rows),
    ]


def train_on_few(quick: bool, name: str, start: str | None, changes: dict[str, Any]) -> list[dict]:
    """Train on few objects of random splits; mean scores of the others."""
    by_split = []
    for s in SPLITS:
        run = spcc_run(f"spcc_{name}_{s}", quick, objects=FEW, held_out=100, start=start, seed=s, **changes)
        by_split.append(values_of(rows_of(run, name, SCORES)))
    return average_splits(by_split, len(challenge()) - FEW)


def train_on_listed(quick: bool, name: str, start: str | None, simulated: int, changes: dict[str, Any]) -> list[dict]:
    """Train on the spectroscopic list and simulated objects; mean scores of the others."""
    curves = challenge()
    table = pq.read_table(SPCC[1], columns=["object_id", "spectroscopic"]).to_pydict()
    on_list = {str(k) for k, yes in zip(table["object_id"], table["spectroscopic"], strict=True) if yes}
    listed = np.array([k in on_list for k in curves.ids])
    schema, unlisted, by_split = skysure.read("supernovae", SPCC).schema, curves[~listed], []
    for s in SPLITS:
        extra = [simulate_lightcurves(simulated, "des", seed=1000 + s, photoz="good")] if simulated else []
        data = InMemorySource(schema, [curves[listed], *extra])
        run = run_on(data, f"spcc_{name}_{s}", quick, start, test=10, seed=s, **changes)
        scores = binary(skysure.predict(run, unlisted), unlisted)
        by_split.append({f"{m}_{name}": scores[m]["value"] for m in SCORES})
    return average_splits(by_split, len(unlisted))


def dropout(quick: bool) -> list[dict]:
    """Compare dropout in the head with tied masks in every layer, on the same test objects."""
    rows = []
    for name, changes in {"head": {}, "tied": {"dropout": "tied"}}.items():
        run = spcc_run("_".join(["spcc_10660_z", *changes.values()]), quick, **changes)
        curves = part_of(run, "test")[: 1000 if quick else None]
        start = time.process_time()
        classes = skysure.predict(run, curves)
        seconds = time.process_time() - start
        truth = targets(curves.objects["label"], classes.classes)
        wrong, predictive = classes.best != truth, classes.aleatoric + classes.epistemic
        epistemic = with_interval(auc, classes.epistemic, wrong, resamples=200)
        total = with_interval(auc, predictive, wrong, resamples=200)
        loss = with_interval(nll, classes.probability, truth, resamples=200)
        named = {"epistemic_auroc_of_errors": epistemic, "predictive_auroc_of_errors": total, "nll": loss}
        rows += [row(f"{m}_{name}", v.value, error=(v.high - v.low) / 2, n=len(wrong)) for m, v in named.items()]
        rows.append(row(f"accuracy_{name}", 100 * float((~wrong).mean()), "%", n=len(wrong), note="three classes"))
        rows.append(row(f"epistemic_share_{name}", float(classes.epistemic.sum() / predictive.sum())))
        rows.append(row(f"objects_per_cpu_second_{name}", len(wrong) / seconds, "1/s", note="in memory, 30 samples"))
    return rows


def transfer(quick: bool) -> list[dict]:
    """Score the shipped model, which was not trained on the SPCC, on all of it."""
    metrics = skysure.evaluate(SHIPPED, SPCC, progress=show_progress).metrics
    by_name = {s["name"]: s for s in metrics["scores"]}
    names = {"accuracy": "accuracy_Ia", "auc": "auc_Ia", "ece": "ece", "set_coverage_90": "set_coverage"}
    return [score_row(f"{m}_simulated_to_spcc", by_name[name], metrics["objects"]) for m, name in names.items()]


def plasticc(quick: bool) -> list[dict]:
    """Apply the shipped model for the wide survey of LSST to PLAsTiCC, before and after calibration with 500 labels."""
    files = [str(DATA / "plasticc" / f"{name}.parquet") for name in ("lightcurves", "metadata")]
    curves, run, rows = skysure.LightCurves.concat(list(skysure.read("supernovae", files).chunks())), WIDE, []
    table = pq.read_table(files[1], columns=["object_id", "ddf_bool"]).to_pydict()
    deep = {str(name) for name, yes in zip(table["object_id"], table["ddf_bool"], strict=True) if yes}
    has_class = np.isin(curves.objects["label"], ("Ia", "II", "Ibc"))
    for name, in_survey in {"wide": ~np.isin(curves.ids, list(deep)), "deep": np.isin(curves.ids, list(deep))}.items():
        order = np.random.default_rng(0).permutation(np.flatnonzero(has_class & in_survey))
        labelled, unseen = curves[order[:LABELS]], curves[np.sort(order[LABELS:])][: 200 if quick else None]
        out = RUNS / f"supernovae-plasticc-{name}"
        shutil.rmtree(out, ignore_errors=True)
        adapted = skysure.calibrate(
            run, InMemorySource(skysure.load(run).schema, [labelled]), out, test=0.02, progress=show_progress
        )
        for suffix, model in {"": run, "_calibrated": adapted}.items():
            by_name = {s["name"]: s for s in skysure.evaluate(model, [unseen]).metrics["scores"]}
            names = SCORES | MORE | {"forecast_coverage": "forecast_coverage"}
            rows += [score_row(f"{m}_plasticc_{name}{suffix}", by_name[n], len(unseen)) for m, n in names.items()]
    return rows


def real(quick: bool) -> list[dict]:
    """Apply the shipped model to real SNe Ia, before and after calibration with 500 labels."""
    reading = {"constants": {"label": "Ia"}, "columns": {"redshift": "REDSHIFT_HELIO"}}
    source = skysure.read("supernovae", [str(DATA / "real_ia" / "snana_text.tar.xz")], reading)
    curves = skysure.LightCurves.concat([chunk.in_bands(tuple("griz")) for chunk in source.chunks()])
    order = np.random.default_rng(0).permutation(len(curves))
    labelled, unseen = curves[order[: len(order) // 2]], curves[order[len(order) // 2 :]]
    simulated = simulate_lightcurves(4 * LABELS, "des", seed=77, photoz="realistic")
    simulated = simulated[simulated.objects["label"] != "Ia"][: LABELS - len(labelled)]
    out = RUNS / "supernovae-des-snls"
    shutil.rmtree(out, ignore_errors=True)
    run = skysure.load(SHIPPED)
    adapted = skysure.calibrate(
        run, InMemorySource(run.schema, [labelled, simulated]), out, test=0.02, progress=show_progress
    )
    return [
        *completeness(skysure.predict(run, unseen), "ia_completeness_des_snls", ""),
        *completeness(skysure.predict(adapted, unseen), "ia_completeness_des_snls_calibrated", "_calibrated"),
    ]


def show_progress(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


ALL = (spcc, early, blind, published, few, biased, scratch, templates, dropout, transfer, plasticc, real)

if __name__ == "__main__":
    main()
