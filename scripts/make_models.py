"""Train the models that ship, on simulated supernovae only.

python scripts/make_models.py [NAME...]           # train; an interrupted training resumes
python scripts/make_models.py --evaluate [NAME...]  # only evaluate again: metrics, report, card
python scripts/make_models.py --cards [NAME...]   # only rewrite card.md, from the run and from benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from skysure import verbs
from skysure.run.directory import load_run
from skysure.run.files import read_metrics, write_text

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "src" / "skysure" / "models"
RESULTS = ROOT / "benchmarks" / "results" / "supernovae.json"
MODELS = {
    "supernovae-griz": ({"survey": "des"}, "g, r, i, z; a survey as deep as the supernova fields of DES"),
    "supernovae-lsst": ({"survey": "lsst"}, "u, g, r, i, z, y; the wide survey of LSST"),
}
"""Settings that differ from the preset `shipped`, and the bands and depth, by model."""
OTHER_DATA = {
    "supernovae-griz": """\
Real SNe Ia of DES and SNLS: {ia_completeness_des_snls} % are classified as Ia, \
{ia_novelty_rate_des_snls} % flagged as out of distribution; after
  calibration with 500 labels (other real SNe Ia and simulated II and Ibc) {ia_completeness_des_snls_calibrated} % and \
{ia_novelty_rate_des_snls_calibrated} %.""",
    "supernovae-lsst": """\
It does not transfer to another cadence than the simulated one: on PLAsTiCC, the accuracy of three classes is
  {accuracy_3class_plasticc_wide} % in the wide survey and {accuracy_3class_plasticc_deep} % in the deep fields, where \
the area under the ROC curve of Ia is {auc_plasticc_deep}. Train on
  your own survey, starting from this model: `--from supernovae-lsst`.""",
}
"""How a model does on data that is not of its simulator; names in braces are measures of RESULTS."""
CARD = """# {name}

Class probabilities of supernovae (Ia, II, Ibc) and forecasts of fluxes, from light curves in {bands}.

- Training data: {train} light curves of skysure's own simulator, nothing else; calibrated on {calibration} more.
  Host redshifts are used where they are given.
- Test set, {objects} simulated light curves: {scores}.
- Forecasts (`--forecast 30d`) on the same test set: {forecasts}.
- Intended use: light curves like the simulated ones. Calibrate it on real ones first, with a few hundred labels:
  `skysure calibrate {name} LABELLED --out mine`.
- {other_data} Measured by
  `python benchmarks/supernovae.py real plasticc`.
- Not for: classes it was not trained on, of which it flags only a part; other bands; fluxes that still contain the
  host galaxy.
- Made by `make models`. `run.toml` holds all settings and versions, `report.html` is the evaluation report.
  BSD-3-Clause.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all models by default")
    parser.add_argument("--evaluate", action="store_true", help="only evaluate each model again on its test part")
    parser.add_argument("--cards", action="store_true", help="only rewrite card.md of each model")
    arguments = parser.parse_args()
    for name in arguments.names or MODELS:
        if arguments.evaluate:
            evaluate(name)
        elif not arguments.cards:
            train(name)
        write_text(SHIPPED / name / "card.md", card(name))


def train(name: str) -> None:
    """Train a model beside the shipped ones, then put it in its place."""
    out = SHIPPED / "making" / name
    out.parent.mkdir(exist_ok=True)
    resume = out.with_name(f"{name}.training").exists()
    changes, _ = MODELS[name]
    verbs.train("supernovae", out=out, preset="shipped", resume=resume, progress=show_progress, **changes)
    shutil.rmtree(out / "figures")
    shutil.rmtree(SHIPPED / name, ignore_errors=True)
    out.rename(SHIPPED / name)


def evaluate(name: str) -> None:
    """Evaluate a shipped model again, and replace its metrics and report."""
    out = SHIPPED / "making" / f"{name}-evaluated"
    out.parent.mkdir(exist_ok=True)
    verbs.evaluate(name, out=out, force=True, progress=show_progress)
    for path in out.glob("metrics.*"):
        path.rename(SHIPPED / name / path.name)
    (out / "report.html").rename(SHIPPED / name / "report.html")
    shutil.rmtree(out)


def card(name: str) -> str:
    """Describe a shipped model in one page, from its run and from RESULTS."""
    metrics, parts = read_metrics(SHIPPED / name), load_run(SHIPPED / name).card["parts"]
    results = {row["measure"]: row["value"] for row in json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]}
    return CARD.format(
        name=name,
        bands=MODELS[name][1],
        objects=metrics["objects"],
        scores=list_scores([s for s in metrics["scores"] if s.get("headline")]),
        forecasts=list_scores([s for s in metrics["scores"] if s["name"].startswith("forecast_")]),
        other_data=OTHER_DATA[name].format_map({measure: f"{value:.2g}" for measure, value in results.items()}),
        **parts,
    )


def list_scores(scores: list[dict]) -> str:
    """Write labels and values of scores in one line."""
    return "; ".join(f"{s['label']} {s['value']:.4g} {s['unit']}".strip() for s in scores)


def show_progress(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main()
