"""The cards of the models that ship: what each is, from its run and from the results of the benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recipes import MODELS

from skysure.run.directory import load_run
from skysure.run.files import read_metrics

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
BANDS = {
    "supernovae-griz": "g, r, i, z; a survey as deep as the supernova fields of DES",
    "supernovae-lsst": "u, g, r, i, z, y; the wide survey of LSST",
}
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
"""How a model does on data that is not of its simulator; names in braces are measures of the benchmark."""
SUPERNOVAE = """# {name}

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
LENSES = """# {name}

The posterior of the parameters of strong lenses (singular isothermal ellipsoid, external shear, magnification of the
source) from images of galaxy-scale lenses as HST/ACS takes them in F814W, 0.05" per pixel, with the light of the lens.

- Training data: {train} images of skysure's own simulator, nothing else; calibrated on {calibration:,} more.
- Prior: Einstein radius 0.5 to 2.2", log-uniform; signal-to-noise ratio of the arcs 30 to 300; mass, its light and its
  size are tied as in early-type galaxies. See docs/lensing.md.
- Test set, {objects} simulated images: {scores}.
- Real lenses (32 of SLACS, none used in training, calibration or selection), Einstein radius against the published one:
  {real}. Measured by `python benchmarks/slacs.py`.
- Intended use: one lens galaxy in the middle of the image. Give noise and PSF.
- Not for: other pixel scales, instruments or bands (flagged), lens galaxies with spiral arms, lenses in groups and
  clusters, lensed quasars. An image without a lens gets a wide posterior, and a flag.
- Made by `make models`. `run.toml` holds all settings and versions, `report.html` is the evaluation report.
  BSD-3-Clause.
"""
REAL_LENSES = {
    "theta_e_r2": "R² {}", "theta_e_nmad": "scatter (NMAD) {} %", "theta_e_outliers_15": "{} % off by more than 15 %",
    "coverage_1sigma": "the 68.3 % intervals hold {} %", "coverage_2sigma": "the 95.5 % intervals hold {} %",
}  # fmt: skip


def card(folder: Path) -> str:
    """Describe a shipped model in one page."""
    run, metrics = load_run(folder), read_metrics(folder)
    scores = list_scores([s for s in metrics["scores"] if s.get("headline")])
    facts = {"name": folder.name, "objects": metrics["objects"], "scores": scores} | run.card.get("parts", {})
    if run.application == "lensing":
        rounds = len(MODELS[folder.name][2])
        images = {
            "train": f"{rounds * run.settings.per_epoch * run.settings.epochs:,}",
            "calibration": run.settings.calibration,
        }
        facts |= images | {"real": real_lenses()}
        return LENSES.format(**facts)
    values = {measure: f"{value:.2g}" for measure, value in measures("supernovae").items()}
    forecasts = list_scores([s for s in metrics["scores"] if s["name"].startswith("forecast_")])
    other_data = OTHER_DATA[folder.name].format_map(values)
    return SUPERNOVAE.format(bands=BANDS[folder.name], forecasts=forecasts, other_data=other_data, **facts)


def measures(name: str) -> dict[str, float]:
    """Values of a benchmark by measure; none where it has not been run."""
    path = RESULTS / f"{name}.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []
    return {row["measure"]: row["value"] for row in rows}


def real_lenses() -> str:
    """Say how the model does on real lenses."""
    values = measures("slacs")
    return ", ".join(text.format(f"{values[name]:.2g}") for name, text in REAL_LENSES.items() if name in values)


def list_scores(scores: list[dict[str, Any]]) -> str:
    """Write labels and values of scores in one line."""
    return "; ".join(f"{s['label']} {s['value']:.4g} {s['unit']}".strip() for s in scores)
