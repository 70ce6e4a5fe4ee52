"""Evaluation of a supernova classifier: scores, calibration and sets, by signal to noise, redshift and epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from skysure.data.lightcurves import LightCurves
from skysure.data.sources import TEST
from skysure.evaluation import Evaluation
from skysure.methods.calibration import ranking
from skysure.methods.calibration.bins import bin_index, equal_count_edges
from skysure.methods.calibration.coverage import (
    Coverage,
    coverage_curve,
    coverage_of,
    effective_size,
    reliability_curve,
)
from skysure.methods.calibration.intervals import with_interval
from skysure.predictions import Classes

from .batches import Nights, nights, targets
from .calibration import one_a_stage
from .early import Early, last_night_by_day
from .examples import Gallery
from .forecasts.scores import Outlook
from .kinds import by_class, by_kind
from .networks import STAGES, Classifier
from .prediction import (
    Logits,
    answers,
    classified,
    last,
    level_of,
    prediction_set,
    probabilities,
    surprise_of,
    unclassified,
)
from .scores import RESAMPLES, novelty_scores, score_list
from .settings import Query

LEVELS = (0.5, 0.6, 0.683, 0.8, 0.9, 0.95, 0.99)


@dataclass
class Tally:
    """What is kept of every row: a list of arrays a name, of which `columns` makes one array each."""

    kept: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def add(self, **columns: np.ndarray) -> None:
        """Add some rows."""
        for name, values in columns.items():
            self.kept.setdefault(name, []).append(np.asarray(values))

    def columns(self) -> dict[str, np.ndarray]:
        """Give all rows."""
        return {name: np.concatenate(parts) for name, parts in self.kept.items()}


def evaluate(model: Classifier, source: Any, query: Query) -> Evaluation:
    """Hold predictions for whole light curves, and for one night in each stage, against the truth of the test part.

    With a number as `at_epoch` the light curves end so many days after the trigger.
    """
    whole, staged, gallery = Tally(), Tally(), Gallery()
    frequency = model.frequency.double().cpu().numpy()
    objects = torch.stack([stage.sets.counts for stage in model.stages]).cpu().numpy()
    early = Early(frequency / frequency.sum(), objects)
    outlook = Outlook(model, query)
    choose = partial(one_a_stage, generator=torch.Generator().manual_seed(query.seed))
    for chunk in source.chunks(TEST):
        given = nights(chunk, model.bands, model.settings, query.until)
        truth = targets(chunk.objects.get("label", np.full(len(chunk), "")), model.classes)
        seen = chunk.select_points(chunk.time - given.trigger[chunk.owner] <= query.until)
        facts = {"truth": truth, "kind": _kinds(chunk), "redshift": given.redshift, "snr": best_point_snr(seen)}
        for answer in answers(model, given, query, last, surprise_of(model, given)):
            _keep(whole, model, answer, query, given, chunk, facts)
            gallery.consider(chunk, answer.owner, classified(model, answer, query, given, chunk.ids))
        for answer in answers(model, given, query, choose):
            _keep(staged, model, answer, query, given, chunk, facts)
        for answer in answers(model, given, query, last_night_by_day):
            found = classified(model, answer, query, given, chunk.ids)
            early.add(found, answer.owner, level_of(model, answer), truth)
        _keep_rest(whole, model, query, given, chunk, facts)
        outlook.consider(chunk)
    found = metrics(model, whole.columns(), staged.columns(), early, query)
    return Evaluation(outlook.added(found) | {"examples": gallery.records(model, query)})


def best_point_snr(curves: LightCurves) -> np.ndarray:
    """Give the largest signal to noise of a point of each object, shape (object,)."""
    best = np.zeros(len(curves))
    good = np.isfinite(curves.flux) & (curves.flux_error > 0)
    np.maximum.at(best, curves.owner[good], curves.flux[good] / curves.flux_error[good])
    return best


def _kinds(chunk: LightCurves) -> np.ndarray:
    return chunk.objects.get("label", np.full(len(chunk), "")).astype(str)


def _keep(
    tally: Tally, model: Classifier, answer: Logits, query: Query, given: Nights, chunk: LightCurves, facts: dict
) -> None:
    found = classified(model, answer, query, given, chunk.ids)
    p = torch.from_numpy(found.probability).to(answer.logits.device)
    sets = np.stack([prediction_set(model, answer, p, level).cpu().numpy() for level in LEVELS], 1)
    before = probabilities(model, answer, calibrated=False).double().mean(0).cpu().numpy()
    _add(tally, found, before, sets, answer.owner, answer.days, level_of(model, answer), facts)


def _keep_rest(tally: Tally, model: Classifier, query: Query, given: Nights, chunk: LightCurves, facts: dict) -> None:
    rest = np.flatnonzero(~given.classifiable)
    found = unclassified(model, rest, query, given, chunk.ids)
    sets = np.ones((len(rest), len(LEVELS), len(model.classes)), bool)
    _add(tally, found, found.probability, sets, rest, np.full(len(rest), np.nan), np.full(len(rest), -1), facts)


def _add(
    tally: Tally,
    found: Classes,
    before: np.ndarray,
    sets: np.ndarray,
    owner: np.ndarray,
    days: np.ndarray,
    level: np.ndarray,
    facts: dict,
) -> None:
    tally.add(
        probability=found.probability, before=before, sets=sets, prediction_set=found.prediction_set, days=days,
        level=level,
        aleatoric=found.aleatoric, epistemic=found.epistemic, ood_percentile=found.ood_percentile, is_ood=found.is_ood,
        **{name: values[owner] for name, values in facts.items()},
    )  # fmt: skip


def metrics(
    model: Classifier, rows: dict[str, np.ndarray], by_stage: dict[str, np.ndarray], early: Early, query: Query
) -> dict[str, Any]:
    """Turn what was kept into plain JSON; of the first class apart where the settings name the classes."""
    true = rows["truth"] >= 0
    first = model.classes[0] if model.settings.classes else None
    seen = f"{query.until:g} days after the first detection" if np.isfinite(query.until) else "from their light curves"
    found: dict[str, Any] = {
        "application": "supernovae", "title": f"Classes of supernovae {seen}", "noun": "light curve",
        "part": TEST, "objects": len(true), "truth": bool(true.any()), "curves": {}, "scores": [],
        "is_ood": {"count": int(rows["is_ood"].sum()), "of": len(true)},
        "uncertainty": {
            "measure": "entropy", "aleatoric": float(rows["aleatoric"].mean()),
            "epistemic": float(rows["epistemic"].mean()),
        },
    }  # fmt: skip
    if not true.any():
        return found
    strange = (rows["kind"] != "") & ~true
    mine = {name: values[true] for name, values in rows.items()}
    found["scores"] = score_list(mine, model.classes, query, first)
    found["tables"] = [by_class(mine, model.classes, query.coverage)]
    if strange.any():
        found["scores"] += novelty_scores(mine, {n: v[strange] for n, v in rows.items()})
        found["tables"] += [by_kind(rows, model.classes, first)]
    staged = {name: values[by_stage["truth"] >= 0] for name, values in by_stage.items()}
    found["curves"] = curves(mine, staged, model.classes, query, early.objects, first)
    found["curves"]["early"] = early.curve(first, query.coverage, query.until)
    return found


def curves(
    rows: dict[str, np.ndarray],
    staged: dict[str, np.ndarray],
    classes: tuple[str, ...],
    query: Query,
    objects: np.ndarray,
    first: str | None,
) -> dict[str, Any]:
    """Give what the figures draw; so many `objects` set each level of the prediction sets."""
    p, truth = rows["probability"], rows["truth"]
    found: dict[str, Any] = {
        "confusion": {"classes": list(classes), "counts": ranking.confusion(
            truth=truth, predicted=p.argmax(1), classes=len(classes)).tolist()},
        "reliability": {"of": first, "before": reliability_curve(*told(rows["before"], truth, first)),
                        "after": reliability_curve(*told(p, truth, first))},
        "sets": sets_curve(rows, objects),
        "by": {
            "Largest signal-to-noise ratio": by(rows, "snr", equal_count_edges(rows["snr"], 6), query, objects),
        },
    }  # fmt: skip
    if staged:
        found["by"]["Days since detection"] = by(staged, "days", np.array(STAGES), query, objects)
    if np.isfinite(rows["redshift"]).sum() > 20:
        found["by"]["Redshift"] = by(rows, "redshift", equal_count_edges(rows["redshift"], 6), query, objects)
    if len(np.unique(truth)) > 1:
        found["roc"] = [_roc(name, p[:, k], truth == k) for k, name in enumerate(classes) if (truth == k).any()]
    return found


def told(p: np.ndarray, truth: np.ndarray, first: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Give probabilities, and whether they came true: of the first class, or where there is none of the answers."""
    return (p.max(1), p.argmax(1) == truth) if first is None else (p[:, 0], truth == 0)


def _roc(name: str, p: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    false, true = ranking.roc(p, positive)
    area = with_interval(ranking.auc, p, positive, resamples=RESAMPLES)
    return {"of": name, "false_positive": false.tolist(), "true_positive": true.tolist(),
            "area": area.value, "area_low": area.low, "area_high": area.high}  # fmt: skip


def sets_curve(rows: dict[str, np.ndarray], objects: np.ndarray) -> dict[str, Any]:
    """Coverage and size of the prediction sets at several levels, with the band that chance alone explains."""
    hits = rows["sets"][np.arange(len(rows["truth"])), :, rows["truth"]].T
    return coverage_curve(hits, LEVELS, calibrated_on=calibrated_on(rows["level"], objects)) | {
        "size": rows["sets"].sum(2).mean(0).tolist(),
        "before": None,
    }


def calibrated_on(level: np.ndarray, objects: np.ndarray) -> int | None:
    """Calibration objects that the sets of some rows are worth, of those that set each level of each stage."""
    return effective_size(np.bincount(level[level >= 0], minlength=objects.size), objects.ravel())


def scaled_on(level: np.ndarray, objects: np.ndarray) -> int | None:
    """Calibration objects that the probabilities of some rows are worth, of all those of each stage."""
    return effective_size(np.bincount(level[level >= 0] // objects.shape[1], minlength=len(objects)), objects[:, -1])


def by(
    rows: dict[str, np.ndarray], column: str, edges: np.ndarray, query: Query, objects: np.ndarray
) -> list[dict[str, Any]]:
    """Accuracy, confidence and coverage in bins of a column, the outer ones open, with their bands.

    In all bins together a calibrated model is inside its bands with 95.5 %: for accuracy, answers that are right with
    the probability given; for coverage, sets of the level asked; both set on so many `objects` of each stage and level.
    """
    p = rows["probability"].max(1)
    right = rows["probability"].argmax(1) == rows["truth"]
    held = rows["prediction_set"][np.arange(len(right)), rows["truth"]]
    index, ends = bin_index(rows[column], edges), [None, *map(float, edges), None]
    each, found = 1 - (1 - 0.955) / (len(edges) + 1), []
    for k in range(len(edges) + 1):
        mine = index == k
        if not mine.any():
            continue
        level = rows["level"][mine]
        accuracy = coverage_of(right[mine], p[mine], confidence=each, calibrated_on=scaled_on(level, objects))
        wanted = {"nominal": query.coverage, "calibrated_on": calibrated_on(level, objects)}
        coverage = coverage_of(held[mine], confidence=each, **wanted)
        found.append(
            {"low": ends[k], "high": ends[k + 1], "n": accuracy.n, "confidence": accuracy.nominal}
            | {"wanted": coverage.nominal} | _record("accuracy", accuracy) | _record("coverage", coverage)
        )  # fmt: skip
    return found


def _record(name: str, found: Coverage) -> dict[str, float]:
    ends = {f"{name}_{end}": getattr(found, end) for end in ("low", "high", "band_low", "band_high")}
    return {name: found.actual} | ends
