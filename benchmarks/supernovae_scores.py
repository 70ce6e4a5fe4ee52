"""Rows of supernovae.py: scores of runs and of predictions, and their means over splits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import skysure
from record import row
from skysure.methods.calibration import auc, figure_of_merit, wilson_interval, with_interval
from skysure.methods.calibration.scores import mean_of

PUBLISHED = Path(__file__).parents[1] / "tests" / "truths" / "supernovae.json"


def values_of(rows: list[dict]) -> dict[str, float]:
    """Value of each measure."""
    return {r["measure"]: r["value"] for r in rows}


def rows_of(run: Path, suffix: str, scores: dict[str, str]) -> list[dict]:
    """Test scores of a run."""
    metrics = json.loads((run / "metrics.json").read_text())
    by_name = {s["name"]: s for s in metrics["scores"]}
    return [with_published(score_row(f"{m}_{suffix}", by_name[name], metrics["objects"])) for m, name in scores.items()]


def with_published(result: dict, note: str = "") -> dict:
    """Add the published figure to the note of a row."""
    sources = json.loads(PUBLISHED.read_text())
    published = [f"published: {s[result['measure']][0]}" for s in sources.values() if result["measure"] in s]
    return result | {"note": "; ".join(filter(None, [note, *published[-1:]]))}


def accuracy(selected: np.ndarray, positive: np.ndarray, weight: np.ndarray | None = None) -> float | np.ndarray:
    """Share of objects selected if positive and rejected if not."""
    return mean_of((selected == positive).astype(float), weight)


def probability_of_ia(classes: skysure.Classes, curves: skysure.LightCurves) -> tuple[np.ndarray, np.ndarray]:
    """Probability of Ia of each object, and whether it is a Ia."""
    return classes.probability[:, classes.classes.index("Ia")], curves.objects["label"] == "Ia"


def binary(classes: skysure.Classes, curves: skysure.LightCurves) -> dict[str, dict]:
    """Rows of the scores of Ia against the rest, at a threshold of one half."""
    p, truth = probability_of_ia(classes, curves)
    scores = {
        "accuracy": with_interval(accuracy, p > 0.5, truth, resamples=200),
        "auc": with_interval(auc, p, truth, resamples=200),
        "f1": with_interval(figure_of_merit, p > 0.5, truth, resamples=200),
    }
    factor, unit = {"accuracy": 100}, {"accuracy": "%"}
    return {
        m: row(m, v.value * factor.get(m, 1), unit.get(m, ""), error=factor.get(m, 1) * (v.high - v.low) / 2, n=len(p))
        for m, v in scores.items()
    }


def average_splits(by_split: list[dict[str, float]], n: int) -> list[dict]:
    """Rows of the means over splits, with their standard errors."""
    rows = []
    for measure in by_split[0]:
        values = np.array([scores[measure] for scores in by_split])
        error = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
        unit = "%" if measure.startswith(("accuracy", "set_coverage", "unlike")) else ""
        note = f"mean over {len(values)} splits: {', '.join(f'{v:.4g}' for v in values)}" if len(values) > 1 else ""
        rows.append(with_published(row(measure, float(values.mean()), unit, error=error, n=n), note))
    return rows


def completeness(classes: skysure.Classes, measure: str, suffix: str) -> list[dict]:
    """Shares of SNe Ia classified as Ia, with Ia in the prediction set, and flagged as out of distribution [%]."""
    ia = classes.classes.index("Ia")
    assert classes.prediction_set is not None
    assert classes.is_ood is not None
    shares = {
        measure: classes.probability[:, ia] > 0.5,
        f"ia_set_coverage_90_des_snls{suffix}": classes.prediction_set[:, ia],
        f"ia_novelty_rate_des_snls{suffix}": classes.is_ood,
    }
    deciles = np.quantile(classes.probability[:, ia], np.arange(1, 10) / 10)
    spread = row(f"ia_probability_median_des_snls{suffix}", float(deciles[4]), n=len(classes),
                 note=f"deciles of P(Ia): {', '.join(f'{p:.3f}' for p in deciles)}")  # fmt: skip
    return [*(share(name, hits) for name, hits in shares.items()), spread]


def share(measure: str, hits: np.ndarray) -> dict:
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return row(measure, 100 * float(hits.mean()), "%", error=50 * (high - low), n=len(hits))


def score_row(measure: str, score: dict, n: int) -> dict:
    """Row of a score, with half its 68.3 % interval as the error."""
    return row(measure, score["value"], score["unit"], error=(score["high"] - score["low"]) / 2, n=n)
