"""Scores of posteriors of lenses for `lensing.py`: errors, coverage, CRPS and joint coverage as rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from record import row
from skysure.applications.lensing.evaluation import new_scores
from skysure.applications.lensing.networks import LensModel
from skysure.applications.lensing.parameters import NAMES, from_unbounded
from skysure.evaluation.posterior import PosteriorScores, joint_curve, largest_gap, observed, rms

CHUNK = 5_000
"""Images whose draws are scored at a time."""
LEVELS = (0.683, 0.955, 0.997)


def score_draws(model: LensModel, draws: Tensor, truth: Tensor) -> PosteriorScores:
    """Score draws in the unbounded values of the network, shapes (draw, object, value) and (object, value)."""
    scores = new_scores(model, np.arange(len(NAMES)))
    for start in range(0, len(truth), CHUNK):
        part = slice(start, start + CHUNK)
        natural = (from_unbounded(x.double(), model.schema.pixel_scale) for x in (draws[:, part], truth[part]))
        scores.add(*(x.numpy() for x in natural))
    return scores


def headline_rows(scores: PosteriorScores, prefix: str = "", note: str = "") -> list[dict[str, Any]]:
    """Give the scores that have an aim."""
    gathered, n = scores.gathered(), len(scores)
    errors = [rms(gathered["mean"][:, k], gathered["truth"][:, k]) for k in range(len(NAMES))]
    gap, where = largest_gap(gathered["pit"], NAMES)
    inside = float(all(joint_curve(gathered["joint"])["inside"]))
    where = f"{where}; {note}" if note else where
    return [
        row(f"{prefix}theta_e_rms", errors[NAMES.index("theta_E")], "arcsec", n=n, note=note),
        row(f"{prefix}xy_rms", float(np.sqrt(np.mean(np.square(errors[3:5])))), "arcsec", n=n, note=note),
        row(f"{prefix}largest_coverage_gap", 100 * gap, "%", n=n, note=where),
        row(f"{prefix}joint_tarp_inside_band", inside, n=n, note=note),
    ]


def detail_rows(scores: PosteriorScores, prefix: str) -> list[dict[str, Any]]:
    """Coverage of three levels and CRPS, means over the parameters, and the largest excess of the joint coverage."""
    gathered, n = scores.gathered(), len(scores)
    curve = joint_curve(gathered["joint"])
    excess = np.subtract(curve["actual"], curve["nominal"])
    largest = int(np.abs(excess).argmax())
    covered = 100 * np.array([observed(pit, LEVELS) for pit in gathered["pit"].T])
    crps = gathered["crps"].mean(0) / gathered["truth"].std(0)
    return [
        row(f"{prefix}tarp_largest_excess", 100 * float(excess[largest]), "%", n=n,
            note=f"at {100 * curve['nominal'][largest]:.0f} %"),
        row(f"{prefix}crps", float(crps.mean()), "standard deviations of the prior", n=n, note=by_name(crps, ".3f")),
        *(row(f"{prefix}coverage_{1000 * level:.0f}", float(values.mean()), "%", n=n, note=by_name(values, ".2f"))
          for level, values in zip(LEVELS, covered.T, strict=True)),
    ]  # fmt: skip


def by_name(values: np.ndarray, form: str) -> str:
    """List a number of each parameter."""
    return ", ".join(f"{name} {value:{form}}" for name, value in zip(NAMES, values, strict=True))
