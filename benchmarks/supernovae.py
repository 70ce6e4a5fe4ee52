"""Supernova classification: on the SPCC, from our simulator to the SPCC, and on real SNe Ia of DES and SNLS.

    python benchmarks/supernovae.py [--quick] [PART ...]

spcc      trains three networks on 10,660 objects of a random split, with the redshifts of their hosts; of these 750
          stop the training and 750 calibrate it. One begins with the model that ships, which knows our simulator only,
          the others afresh; they answer together. Three splits. Beside them one network on one split without any
          simulation (`_scratch`). Runs stay in runs/ and resume.
early     the same on the light curves of the test parts up to the night of the sixth point with S/N > 4. The files say
          after how many points that is; where they do not (15 %, most have fewer such points) nothing is cut.
blind     one network without redshifts on the same splits, from the model that ships (`_scratch`: from nothing).
published the network of Charnock and Moss 2017 on such a split, in batches of 50 for 80 epochs (theirs: 10, 200).
few       trains on 1,103 objects of a random split (100 of them stop the training, 100 calibrate), for three splits,
          from the model that ships, which knows our simulator only.
biased    trains on the 1,009 objects that spectroscopy chose beside 4,000 simulated ones, from the model that ships,
          and looks at all others. No test curve is used, with label or without.
scratch   few and biased without any simulation.
templates 10,660 objects as in spcc, with core-collapse templates apart: those of the test part are in no other, nor are
          those that stop the training or calibrate; three such divisions. Ia, which have no template, are divided as
          ever. Beside the scores, how many are flagged as out of distribution.
dropout   one mask for a whole light curve in every layer (`tied`) beside dropout in the head alone: how
          well what the model says it does not know (epistemic) tells its errors, and at what cost.
transfer  the shipped model, trained on our simulator alone, on all objects of the SPCC.
plasticc  the model that ships for the wide survey of LSST on Ia, II and Ib/c of PLAsTiCC, another simulation of LSST:
          of its wide survey and of its deep fields, before and after calibration with 500 labels of each.
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
from skysure.methods.calibration import auc, best_threshold, figure_of_merit, nll, wilson_interval, with_interval
from skysure.methods.calibration.scores import mean_of

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SKYSURE_DATA", ROOT.parent / "shared" / "data"))
SPCC = [str(DATA / "spcc" / name) for name in ("lightcurves.parquet", "objects.parquet")]
PUBLISHED = ROOT / "tests" / "truths" / "supernovae.json"
RUNS = ROOT / "runs"
SHIPPED, WIDE = "supernovae-griz", "supernovae-lsst"
TRAINED, FEW, LABELS = 10_660, 1_103, 500
SPLITS = (0, 1, 2)
THEIRS: dict[str, Any] = {"batch": 50, "learning_rate": 0.002, "epochs": 80, "patience": 80, "groups": False}
SCORES = {"accuracy": "accuracy_Ia", "auc": "auc_Ia", "f1": "f1_Ia"}
MORE = {"accuracy_3class": "accuracy", "ece": "ece", "set_coverage_90": "set_coverage"}
TUNING: dict[str, Any] = {"epochs": 15, "patience": 15, "batch": 64, "learning_rate": 1e-3, "average": 2.0}
SCRATCH: dict[str, Any] = {"epochs": 60, "patience": 60, "batch": 64}
FAST = {"cell": "lstm", "precision": "bfloat16"}
DEGRADED = {"noise": 3.0}  # objects that spectroscopy chose are 1.4 mag brighter than the others


def main() -> None:
    measures = {f.__name__: f for f in ALL}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*measures, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="two epochs: the same rows, worse figures")
    asked = parser.parse_args()
    RUNS.mkdir(exist_ok=True)
    for part in asked.parts or measures:
        record("supernovae", measures[part](asked.quick), quick=asked.quick)


def spcc(quick: bool) -> list[dict]:
    """Train three networks on random splits, one of them from the model that ships, and give the scores of the rest."""
    runs = ensembles(quick)
    each = [values_of([*rows_of(run, "10660_z", SCORES | MORE), *chosen(run, "10660_z")]) for run in runs]
    alone = rows_of(trained("spcc_10660_z", quick), "10660_z_scratch", SCORES | MORE)
    return [*over_splits(each, len(challenge()) - TRAINED), *alone]


def blind(quick: bool) -> list[dict]:
    """Train one network on the same splits without redshifts."""
    each = []
    for s in SPLITS:
        run = trained(f"spcc_10660_tuned_{s}", quick, start=SHIPPED, seed=s, redshift="never")
        each.append(values_of(rows_of(run, "10660", SCORES)))
    alone = rows_of(trained("spcc_10660", quick, redshift="never"), "10660_scratch", SCORES)
    return [*over_splits(each, len(challenge()) - TRAINED), *alone]


def published(quick: bool) -> list[dict]:
    """Train the network of 2017."""
    run = trained("spcc_charnock_moss", quick, preset="charnock-moss", **THEIRS)
    return rows_of(run, "charnock_moss_z", SCORES)


def ensembles(quick: bool) -> list[Path]:
    """Give the runs of three networks on each split."""
    return [trained(f"spcc_10660_z_three_{s}", quick, start=SHIPPED, seed=s, members=3) for s in SPLITS]


def values_of(rows: list[dict]) -> dict[str, float]:
    """Give the value of each measure."""
    return {r["measure"]: r["value"] for r in rows}


def trained(
    name: str, quick: bool, *, objects: int = TRAINED, held: int = 750, start: str | None = None, **changes: Any
) -> Path:
    """Give the run trained on a random split of the SPCC, training it where it is not there yet."""
    sizes = {"validation": held, "calibration": held, "test": len(challenge()) - objects}
    return trained_on(SPCC, name, quick, start, **sizes | changes)


def trained_on(data: Any, name: str, quick: bool, start: str | None, preset: str = "spcc", **changes: Any) -> Path:
    """Give the run of a name, training it on these data where it is not there yet."""
    out = RUNS / (f"{name}_quick" if quick else name)
    changes |= {"epochs": 2} if quick else {}
    if not out.exists():
        resume = out.with_name(f"{out.name}.training").exists()
        skysure.train("supernovae", data, out, preset=preset, start=start, resume=resume, progress=tell, **changes)
    return out


@cache
def challenge() -> skysure.LightCurves:
    """Read the SPCC."""
    return skysure.LightCurves.concat(list(skysure.read("supernovae", SPCC).chunks()))


def rows_of(run: Path, suffix: str, scores: dict[str, str]) -> list[dict]:
    """Give what a run scored on its test part."""
    metrics = json.loads((run / "metrics.json").read_text())
    found = {s["name"]: s for s in metrics["scores"]}
    return [with_published(measured(f"{m}_{suffix}", found[name], metrics["objects"])) for m, name in scores.items()]


def with_published(given: dict, note: str = "") -> dict:
    """Add the published figure to the note of a row."""
    sources = json.loads(PUBLISHED.read_text())
    found = [f"published: {s[given['measure']][0]}" for s in sources.values() if given["measure"] in s]
    return given | {"note": "; ".join(filter(None, [note, *found[-1:]]))}


def chosen(run: Path, suffix: str) -> list[dict]:
    """Scores of the test part at the thresholds that are best on the parts that stopped the training and calibrated."""
    held = [of_ia(skysure.predict(run, curves), curves) for curves in map(partial(part_of, run), SEEN[1:])]
    p, positive = map(np.concatenate, zip(*held, strict=True))
    test = part_of(run, "test")
    proof, truth = of_ia(skysure.predict(run, test), test)
    rows = []
    for name, (merit, factor, unit) in {"accuracy": (share_right, 100, "%"), "f1": (figure_of_merit, 1, "")}.items():
        threshold = best_threshold(score=p, positive=positive, merit=merit)
        found = with_interval(merit, proof > threshold, truth, resamples=200)
        note = f"above {threshold:.3f}, which is best on the {len(p)} objects that stopped the training and calibrated"
        error = factor * (found.high - found.low) / 2
        rows.append(row(f"{name}_{suffix}_chosen", factor * found.value, unit, error=error, n=len(proof), note=note))
    return rows


def share_right(selected: np.ndarray, positive: np.ndarray, weight: np.ndarray | None = None) -> float | np.ndarray:
    """Share of the objects that are rightly selected or not."""
    return mean_of((selected == positive).astype(float), weight)


def part_of(run: Path, part: str) -> skysure.LightCurves:
    """Give the light curves of the challenge that are in a part of a run."""
    split = SplitSource(skysure.read("supernovae", SPCC), read_parts(run / "split.parquet"))
    return skysure.LightCurves.concat(list(split.chunks(part)))


def of_ia(found: skysure.Classes, curves: skysure.LightCurves) -> tuple[np.ndarray, np.ndarray]:
    """Give the probability of Ia of each object, and whether it is one."""
    return found.probability[:, found.classes.index("Ia")], curves.objects["label"] == "Ia"


def templates(quick: bool) -> list[dict]:
    """Train where no part shares a core-collapse template with another; flags beside those of a random split.

    Beside it the model that ships, which knows none of these templates, on the same test parts.
    """
    name, each = "templates_out_z", []
    for s in SPLITS:
        run = trained(f"spcc_{name}_{s}", quick, groups=True, seed=s, **FAST)
        curves = part_of(run, "test")
        shipped = binary(skysure.predict(SHIPPED, curves), curves)
        each.append(values_of(rows_of(run, name, SCORES | MORE)) | flagged(run, name))
        each[-1] |= {f"{m}_{name}_shipped": shipped[m]["value"] for m in SCORES}
    n = len(challenge()) - TRAINED
    return [*over_splits(each, n), *over_splits([flagged(trained("spcc_10660_z", quick), "10660_z")], n)]


def flagged(run: Path, suffix: str) -> dict[str, float]:
    """Share of Ia, and of the others, of the test part that are flagged as out of distribution [%]."""
    curves = part_of(run, "test")
    found, ia = skysure.predict(run, curves), curves.objects["label"] == "Ia"
    assert found.is_ood is not None
    shares = {"ia": found.is_ood[ia], "others": found.is_ood[~ia]}
    return {f"unlike_{name}_{suffix}": 100 * float(share.mean()) for name, share in shares.items()}


def early(quick: bool) -> list[dict]:
    """Hold the networks of whole light curves against the beginnings of those of their test parts."""
    each = []
    for run in ensembles(quick):
        curves = part_of(run, "test")
        each.append(values_of([*binary(skysure.predict(run, beginnings(curves)), curves).values()]))
    rows = over_splits(each, len(challenge()) - TRAINED)
    return [with_published(r | {"measure": f"{r['measure']}_early_z"}) for r in rows]


def beginnings(curves: skysure.LightCurves) -> skysure.LightCurves:
    """Cut light curves at the night of the sixth point with S/N > 4, as the files of the challenge say."""
    table = pq.read_table(SPCC[1], columns=["object_id", "early_points"]).to_pydict()
    known = {str(k): n for k, n in zip(table["object_id"], table["early_points"], strict=True) if n is not None}
    keep = np.array([known.get(k, np.inf) for k in curves.ids])
    return curves.select_points(np.arange(len(curves.time)) - curves.offsets[curves.owner] < keep[curves.owner])


def few(quick: bool) -> list[dict]:
    """Train on few objects, from the model that ships."""
    return on_few(quick, "1103_z", SHIPPED, TUNING)


def biased(quick: bool) -> list[dict]:
    """Train on the objects that spectroscopy chose beside simulated ones, from the model that ships."""
    return on_listed(quick, "biased_z", SHIPPED, 4000, TUNING | {"validation": 500, "calibration": 700})


def scratch(quick: bool) -> list[dict]:
    """Train on as few objects, and on those that spectroscopy chose, without any simulation."""
    alone = SCRATCH | DEGRADED | {"validation": 100, "calibration": 100}
    return [
        *on_few(quick, "1103_z_scratch", None, SCRATCH),
        *on_listed(quick, "biased_z_scratch", None, 0, alone),
    ]


def on_few(quick: bool, name: str, start: str | None, changes: dict[str, Any]) -> list[dict]:
    """Train on few objects of random splits, and give the mean scores of the others."""
    each = []
    for s in SPLITS:
        run = trained(f"spcc_{name}_{s}", quick, objects=FEW, held=100, start=start, seed=s, **changes)
        each.append(values_of(rows_of(run, name, SCORES)))
    return over_splits(each, len(challenge()) - FEW)


def on_listed(quick: bool, name: str, start: str | None, simulated: int, changes: dict[str, Any]) -> list[dict]:
    """Train on the objects that spectroscopy chose beside simulated ones, and give the mean scores of the others."""
    curves = challenge()
    table = pq.read_table(SPCC[1], columns=["object_id", "spectroscopic"]).to_pydict()
    chosen = {str(k) for k, yes in zip(table["object_id"], table["spectroscopic"], strict=True) if yes}
    listed = np.array([k in chosen for k in curves.ids])
    schema, rest, each = skysure.read("supernovae", SPCC).schema, curves[~listed], []
    for s in SPLITS:
        beside = [simulate_lightcurves(simulated, "des", seed=1000 + s, photoz="good")] if simulated else []
        data = InMemorySource(schema, [curves[listed], *beside])
        run = trained_on(data, f"spcc_{name}_{s}", quick, start, test=10, seed=s, **changes)
        found = binary(skysure.predict(run, rest), rest)
        each.append({f"{m}_{name}": found[m]["value"] for m in SCORES})
    return over_splits(each, len(rest))


def binary(found: skysure.Classes, curves: skysure.LightCurves) -> dict[str, dict]:
    """Scores of Ia against the rest at a threshold of one half, as rows."""
    p, truth = of_ia(found, curves)
    scores = {
        "accuracy": with_interval(share_right, p > 0.5, truth, resamples=200),
        "auc": with_interval(auc, p, truth, resamples=200),
        "f1": with_interval(figure_of_merit, p > 0.5, truth, resamples=200),
    }
    factor, unit = {"accuracy": 100}, {"accuracy": "%"}
    return {
        m: row(m, v.value * factor.get(m, 1), unit.get(m, ""), error=factor.get(m, 1) * (v.high - v.low) / 2, n=len(p))
        for m, v in scores.items()
    }


def over_splits(each: list[dict[str, float]], n: int) -> list[dict]:
    """Means over splits with their standard errors."""
    rows = []
    for measure in each[0]:
        values = np.array([scores[measure] for scores in each])
        error = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
        unit = "%" if measure.startswith(("accuracy", "set_coverage", "unlike")) else ""
        note = f"mean over {len(values)} splits: {', '.join(f'{v:.4g}' for v in values)}" if len(values) > 1 else ""
        rows.append(with_published(row(measure, float(values.mean()), unit, error=error, n=n), note))
    return rows


def dropout(quick: bool) -> list[dict]:
    """Hold dropout in the head and tied masks everywhere beside each other, on the same test objects."""
    rows = []
    for name, changes in {"head": {}, "tied": {"dropout": "tied"}}.items():
        run = trained("_".join(["spcc_10660_z", *changes.values()]), quick, **changes)
        curves = part_of(run, "test")[: 1000 if quick else None]
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


def plasticc(quick: bool) -> list[dict]:
    """Apply the model for the wide survey of LSST to PLAsTiCC, as it ships and after calibration with 500 labels."""
    files = [str(DATA / "plasticc" / f"{name}.parquet") for name in ("lightcurves", "metadata")]
    curves, run, rows = skysure.LightCurves.concat(list(skysure.read("supernovae", files).chunks())), WIDE, []
    table = pq.read_table(files[1], columns=["object_id", "ddf_bool"]).to_pydict()
    deep = {str(name) for name, yes in zip(table["object_id"], table["ddf_bool"], strict=True) if yes}
    known = np.isin(curves.objects["label"], ("Ia", "II", "Ibc"))
    for name, there in {"wide": ~np.isin(curves.ids, list(deep)), "deep": np.isin(curves.ids, list(deep))}.items():
        order = np.random.default_rng(0).permutation(np.flatnonzero(known & there))
        labelled, unseen = curves[order[:LABELS]], curves[np.sort(order[LABELS:])][: 200 if quick else None]
        out = RUNS / f"supernovae-plasticc-{name}"
        shutil.rmtree(out, ignore_errors=True)
        adapted = skysure.calibrate(
            run, InMemorySource(skysure.load(run).schema, [labelled]), out, test=0.02, progress=tell
        )
        for suffix, model in {"": run, "_calibrated": adapted}.items():
            found = {s["name"]: s for s in skysure.evaluate(model, [unseen]).metrics["scores"]}
            names = SCORES | MORE | {"forecast_coverage": "forecast_coverage"}
            rows += [measured(f"{m}_plasticc_{name}{suffix}", found[n], len(unseen)) for m, n in names.items()]
    return rows


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
    adapted = skysure.calibrate(run, InMemorySource(run.schema, [labelled, others]), out, test=0.02, progress=tell)
    return [
        *completeness(skysure.predict(run, unseen), "ia_completeness_des_snls", ""),
        *completeness(skysure.predict(adapted, unseen), "ia_completeness_des_snls_calibrated", "_calibrated"),
    ]


def completeness(found: skysure.Classes, measure: str, suffix: str) -> list[dict]:
    """Share of SNe Ia called Ia, held by their sets, and flagged as out of distribution [%]."""
    ia = found.classes.index("Ia")
    assert found.prediction_set is not None
    assert found.is_ood is not None
    shares = {
        measure: found.probability[:, ia] > 0.5,
        f"ia_set_coverage_90_des_snls{suffix}": found.prediction_set[:, ia],
        f"ia_novelty_rate_des_snls{suffix}": found.is_ood,
    }
    deciles = np.quantile(found.probability[:, ia], np.arange(1, 10) / 10)
    spread = row(f"ia_probability_median_des_snls{suffix}", float(deciles[4]), n=len(found),
                 note=f"deciles of P(Ia): {', '.join(f'{p:.3f}' for p in deciles)}")  # fmt: skip
    return [*(share(name, hits) for name, hits in shares.items()), spread]


def share(measure: str, hits: np.ndarray) -> dict:
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return row(measure, 100 * float(hits.mean()), "%", error=50 * (high - low), n=len(hits))


def measured(measure: str, score: dict, n: int) -> dict:
    """One row: a score, with half its 68.3 % interval as its error."""
    return row(measure, score["value"], score["unit"], error=(score["high"] - score["low"]) / 2, n=n)


def tell(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


ALL = (spcc, early, blind, published, few, biased, scratch, templates, dropout, transfer, plasticc, real)

if __name__ == "__main__":
    main()
