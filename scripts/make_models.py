"""Train the models that ship, on simulated supernovae alone: python scripts/make_models.py [NAME...]; it resumes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from skysure import verbs
from skysure.run.directory import load_run
from skysure.run.files import read_metrics, write_text

HERE = Path(__file__).parents[1] / "src" / "skysure" / "models"
MODELS = {
    "supernovae-griz": ({"survey": "des"}, "g, r, i, z; a survey as deep as the supernova fields of DES"),
    "supernovae-lsst": ({"survey": "lsst"}, "u, g, r, i, z, y; the wide survey of LSST"),
}
ELSEWHERE = {
    "supernovae-griz": """\
Before that it calls 96 % of the real SNe Ia of DES and SNLS so, and flags 21 % of them as unlike the simulated ones;
  after it 97 % and 2.5 %.""",
    "supernovae-lsst": """\
It knows the cadence of one simulated survey, and does not carry over to others: of PLAsTiCC's wide survey it calls 56 %
  right, and of its deep fields it knows nothing. Train on your own survey: `--from supernovae-lsst`.""",
}
CARD = """# {name}

Class probabilities of supernovae (Ia, II, Ibc), and fluxes to come, from light curves in {bands}.

- Trained on: {train} light curves drawn by skysure's own simulator, nothing else; {calibration} more calibrate it.
  Host redshifts are used where there are any.
- On {objects} simulated light curves that it has not seen: {scores}.
- Forecasts the fluxes of the days to come (`--forecast 30d`); on the same light curves: {forecasts}.
- Meant for: light curves like the simulated ones. On real ones calibrate it first:
  `skysure calibrate {name} LABELLED --out mine`, a few hundred labels do.
- {elsewhere} `python benchmarks/supernovae.py real plasticc`
- Not meant for: kinds that it does not know, which it flags only in part; other bands; fluxes already
  contaminated by the host.
- Made by `make models`; `run.toml` has every setting and version, `report.html` the proof. BSD-3-Clause.
"""


def main(names: list[str]) -> None:
    for name in names or MODELS:
        changes, bands = MODELS[name]
        made = HERE / "making" / name
        made.parent.mkdir(exist_ok=True)
        resume = made.with_name(f"{name}.training").exists()
        verbs.train("supernovae", out=made, preset="shipped", resume=resume, progress=tell, **changes)
        shutil.rmtree(made / "figures")
        write_text(made / "card.md", card(name, bands, made))
        shutil.rmtree(HERE / name, ignore_errors=True)
        made.rename(HERE / name)


def card(name: str, bands: str, made: Path) -> str:
    """Say in a page what a model is, from its run."""
    metrics, parts = read_metrics(made), load_run(made).card["parts"]
    scores = said([s for s in metrics["scores"] if s.get("headline")])
    forecasts = said([s for s in metrics["scores"] if s["name"].startswith("forecast_")])
    return CARD.format(
        name=name, bands=bands, objects=metrics["objects"], scores=scores, forecasts=forecasts,
        elsewhere=ELSEWHERE[name], **parts,
    )  # fmt: skip


def said(scores: list[dict]) -> str:
    """Name scores and their values in a line."""
    return "; ".join(f"{s['label']} {s['value']:.4g} {s['unit']}".strip() for s in scores)


def tell(text: str, done: float, total: float | None) -> None:
    print(f"{text} {done:g}" + (f" of {total:g}" if total else ""), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
