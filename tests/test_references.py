"""What the shipped models say and how small networks train, against outputs committed under `truths/references/`.

Changes of the code that are not meant to change results are held to them. Numbers agree to a relative 1e-5: another
processor adds single-precision numbers in another order, which a recurrent network lets grow to 5e-6. Beside it
probabilities, entropies and mutual information have an absolute 1e-6, being differences of larger numbers where they
are small, and fluxes 1e-5 of their error, since they pass through zero. Where a result follows from a threshold, a
value near it may fall on either side; such values are not compared.

`python tests/test_references.py` writes them anew: only where results are meant to change, and CHANGELOG.md says so.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

import skysure
from skysure.applications import supernovae
from skysure.applications.supernovae.simulator import simulate_lightcurves

COLUMNS: dict[str, Callable[[Table], Any]] = {
    "has_quality_flags": lambda table: table["quality_flags"] != "",
    "days": lambda table: table["days_ahead" if "flux" in table.colnames else "days_since_trigger"],
}
"""Columns of the files that no table has under that name."""


def scores_of(run: skysure.Run) -> dict[str, float]:
    """Give the scores of a run's test set, by name."""
    assert run.path is not None
    return {s["name"]: s["value"] for s in json.loads((run.path / "metrics.json").read_text())["scores"]}


FOLDER = Path(__file__).parent / "truths" / "references"
NIGHT = Path(__file__).parents[1] / "examples" / "night.ecsv"
SURVEYS = {"supernovae-griz": "des", "supernovae-lsst": "lsst"}
SAMPLED = {"samples": 30, "seed": 0, "device": "cpu"}
FORECAST_DAYS = (1, 10, 30)
"""Days of which the files hold the forecast."""
TINY = {"objects": 160, "validation": 30, "calibration": 40, "test": 40, "hidden": 8, "epochs": 2, "device": "cpu"}
TRAININGS = {"supernovae": TINY | {"head": 8, "forecast": 0.3}, "sine": TINY}
CONTINUOUS = ("nll", "brier", "forecast_crps", "log_likelihood", "aleatoric_std", "epistemic_std", "crps", "rmse")
"""Scores that are no counts: rounding moves them little."""


def column(table: Table, name: str) -> np.ndarray:
    """Give a column by the name that it has in the files."""
    return np.asarray(COLUMNS[name](table) if name in COLUMNS else table[name])


def data_of(model: str, kind: str) -> Any:
    """Give the light curves of a file: "night", or 300 simulated objects, some of kinds that no class holds."""
    if kind == "simulated":
        return simulate_lightcurves(300, SURVEYS[model], seed=20, unknowns=True, photoz="realistic")
    return [NIGHT]


QUERIES: dict[str, dict[str, Any]] = {
    "night": {},
    "night_day_10": {"at_epoch": "10"},
    "night_forecast": {"forecast": "30d"},
    "simulated": {},
}


def predict(model: str, kind: str, **query: Any) -> Table:
    """Answer for the light curves of a file, as a table."""
    fields = SAMPLED | QUERIES[kind] | query
    return skysure.predict(skysure.load(model), data_of(model, kind.split("_")[0]), **fields).to_table()


REFERENCES = [(model, kind) for model in SURVEYS for kind in QUERIES]


def at_forecast_days(table: Table) -> Table:
    """Keep the rows of the days that the files hold; all of a table of classes."""
    return table[np.isin(np.round(column(table, "days")), FORECAST_DAYS)] if "flux" in table.colnames else table


@pytest.mark.parametrize(("model", "kind"), REFERENCES)
def test_a_shipped_model_says_what_it_said(model: str, kind: str) -> None:
    table, expected = at_forecast_days(predict(model, kind)), Table.read(FOLDER / f"{model}_{kind}.csv")
    assert column(table, "id").tolist() == expected["id"].tolist()
    for name in expected.colnames:
        missing = np.nan if expected[name].dtype.kind == "f" else 9
        values, truth = column(table, name), np.ma.filled(expected[name], missing)
        if name == "ood_percentile":
            # A rank among calibration objects in steps of 0.001, made of two such ranks: a step of one moves it more
            # the rarer it is, hence a few rows are let off.
            near = np.isclose(values, truth, rtol=0, atol=0.0021, equal_nan=True)
            assert near.sum() >= len(near) - max(1, len(near) // 100), name
        elif truth.dtype.kind in "iu":  # 0, 1, and 9 where it is near a threshold
            assert (values.astype(int) == truth)[truth < 9].all(), name
        elif truth.dtype.kind == "U":
            assert values.tolist() == truth.tolist(), name
        else:
            floor = 1e-5 * expected["flux_error"] if name.startswith("flux") else 1e-6
            assert np.allclose(values, truth, rtol=1e-5, atol=floor, equal_nan=True), name
    if "flux" not in table.colnames:
        p = np.stack([table[f"p_{name}"] for name in class_names(table)], 1)
        assert column(table, "predicted_class").tolist() == np.array(class_names(table))[p.argmax(1)].tolist()


def class_names(table: Table) -> list[str]:
    """Give the classes of a table, in order."""
    return [n.removeprefix("p_") for n in table.colnames if n.startswith("p_") and not n.endswith("_error")]


@pytest.mark.parametrize("model", SURVEYS)
def test_the_simulated_objects_are_what_they_were(model: str) -> None:
    curves, expected = data_of(model, "simulated"), json.loads((FOLDER / "simulated.json").read_text())[model]
    for name, value in described(curves).items():
        assert value == pytest.approx(expected[name], rel=1e-7), name  # spectra are in single precision


def described(curves: skysure.LightCurves) -> dict[str, Any]:
    """Give counts and moments that say whether light curves are the same."""
    moments = {n: float(np.nanmean(np.abs(getattr(curves, n)))) for n in ("time", "flux", "flux_error")}
    return {"points": len(curves.time), "redshift": float(np.nansum(curves.column("redshift")))} | moments


def summary(run: skysure.Run) -> dict[str, Any]:
    """Give the history of a training, its continuous scores, and the norms of its weights by size, without names."""
    assert run.path is not None
    history = np.genfromtxt(run.path / "history.csv", delimiter=",", names=True)
    norms = sorted([p.numel(), float(p.detach().double().norm())] for p in run.model.parameters())
    losses = {name: history[name].tolist() for name in ("learning_rate", "train_nll", "validation_nll")}
    return losses | {"norms": norms, "scores": {k: v for k, v in scores_of(run).items() if k in CONTINUOUS}}


@pytest.fixture(scope="module", params=TRAININGS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> skysure.Run:
    return train(request.param, tmp_path_factory.mktemp("references") / request.param)


def train(name: str, out: Path, **options: Any) -> skysure.Run:
    """Train for seconds, and leave out the figures of the report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supernovae, "figures", lambda evaluation: iter(()))
        return skysure.train(name, out=out, **TRAININGS[name], **options)


def test_a_tiny_training_ends_where_it_ended(trained: skysure.Run) -> None:
    results, expected = summary(trained), json.loads((FOLDER / f"training_{trained.application}.json").read_text())
    for name in ("learning_rate", "train_nll", "validation_nll"):
        assert results[name] == pytest.approx(expected[name], rel=1e-4), name
    assert np.allclose(results["norms"], expected["norms"], rtol=1e-4)
    assert results["scores"] == pytest.approx(expected["scores"], rel=1e-4)


def test_killed_after_the_first_checkpoint_it_resumes_to_the_same_bits(trained: skysure.Run, tmp_path: Path) -> None:
    def kill(state: object) -> None:
        raise KeyboardInterrupt

    name, out = trained.application, tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        train(name, out, on_state=kill)
    assert (tmp_path / "killed.training" / "checkpoints").is_dir()
    train(name, out, resume=True)
    for file in ("model.safetensors", "history.csv", "metrics.json"):
        assert (out / file).read_bytes() == (trained.path / file).read_bytes(), file


def write_prediction(model: str, kind: str) -> None:
    """Write one table of predictions; sets and flags stay empty where a nudge of their level changes them."""
    table = at_forecast_days(predict(model, kind))
    if "flux" in table.colnames:
        names = ["id", "days", "band", "flux", "flux_error", "flux_aleatoric", "flux_epistemic", "flux_low",
                 "flux_high"]  # fmt: skip
        columns = {n: column(table, n) for n in names}
    else:
        parts = [n for c in class_names(table) for n in (f"p_{c}", f"p_{c}_error")]
        columns = {n: column(table, n) for n in ("id", "days", *parts, "aleatoric", "epistemic")}
        columns |= {"ood_percentile": column(table, "ood_percentile")}
        nudged = [predict(model, kind, **{"coverage": 0.9 + d, "ood_level": 0.99 + d}) for d in (-0.004, 0.0, 0.004)]
        for name in [f"in_set_{c}" for c in class_names(table)] + ["is_ood"]:
            variants = np.stack([column(t, name) for t in nudged]).astype(int)
            columns[name] = np.ma.array(variants[1], mask=np.ptp(variants, axis=0) > 0)
    columns["has_quality_flags"] = column(table, "has_quality_flags").astype(int)
    formats = {n: "%.8g" for n, values in columns.items() if values.dtype.kind == "f"}
    Table(columns).write(FOLDER / f"{model}_{kind}.csv", formats=formats, overwrite=True)


def main() -> None:
    """Write all references."""
    FOLDER.mkdir(exist_ok=True)
    for model, kind in REFERENCES:
        write_prediction(model, kind)
    simulated = {model: described(data_of(model, "simulated")) for model in SURVEYS}
    (FOLDER / "simulated.json").write_text(json.dumps(simulated, indent=1) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        for name in TRAININGS:
            text = json.dumps(summary(train(name, Path(folder) / name)))
            (FOLDER / f"training_{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
