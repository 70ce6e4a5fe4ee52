"""Sentences about single lenses, and about an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from skysure.evaluation import Evaluation, Example, Score
from skysure.report.quantities import measured

EXPONENT = 11
"""Masses are given in 10^11 solar masses."""


def describe_lens(example: Example) -> str:
    """Say in a few sentences what is known of a lens: its values with 68 % intervals, the fit, how usual it is."""
    data = example.data
    summary = data["summary"]
    if "light" not in data:
        sentences = ["No finite posterior."]
    else:
        sentences = [_values(summary), *_mass(summary), _fit(data["chi2"]), *_novelty(data)]
    sentences += [f"{flag[:1].upper()}{flag[1:]}." for flag in map(str, example.flags)]
    if data["truth_values"]:
        sentences.append("Dashed: the truth.")
    return " ".join(sentences)


def _values(summary: Mapping[str, Sequence[float]]) -> str:
    theta_E, angle = measured(*summary["theta_E"], "arcsec"), measured(*summary["position_angle"], "°")
    q, gamma, mu = (measured(*summary[name]) for name in ("q", "gamma", "mu"))
    return (
        f"Einstein radius {theta_E} (68 %), axis ratio {q}, position angle {angle} east of north, external shear "
        f"{gamma}, magnification {mu}."
    )


def _mass(summary: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Say mass and velocity dispersion where the redshifts are known."""
    if "mass" in summary and summary["mass"][0] > 0:
        mass = measured(*(value / 10**EXPONENT for value in summary["mass"]))
        yield (
            f"Mass inside the Einstein radius ({mass}) × 10¹¹ solar masses, velocity dispersion "
            f"{measured(*summary['sigma_SIE'], 'km/s')}."
        )


def _fit(chi2: float) -> str:
    return (
        "Model: the light along ellipses, and the source that fits best under the posterior mean of the mass; "
        f"χ² per pixel around the ring {chi2:.2f}. Blue: critical curve, and caustic of the source (dashed: cut)."
    )


def _novelty(data: Mapping[str, Any]) -> Iterator[str]:
    if data["is_ood"] is None:
        return
    share = f"{100 * data['ood_percentile']:.3g} % of the calibration images are less unusual"
    yield f"Not like the training images: {share}." if data["is_ood"] else f"Like the training images: {share}."


def sentences(evaluation: Evaluation) -> Iterator[str]:
    """Sentences of the report: errors of the Einstein radius, coverage of all parameters, singly and jointly.

    Published for comparison: the largest coverage gap of Legin et al. 2022 (arXiv:2212.00044).
    """
    scores = {score.name: score for score in evaluation.scores if score.value is not None}
    if "theta_E_nmad" in scores and "theta_E_outliers" in scores:
        spread, far = (_measured(scores[name]) for name in ("theta_E_nmad", "theta_E_outliers"))
        yield f"Einstein radii scatter by {spread} around the truth (NMAD); {far} are off by more than 15 %."
    if bins := (evaluation.curve("errors") or {}).get("S/N of the arcs"):
        yield _by_signal(bins)
    if gap := scores.get("largest_coverage_gap"):
        before = "" if gap.before is None else f", {gap.before:.2g} % before calibration"
        yield (
            f"Observed and nominal coverage differ by at most {gap.value:.2g} % ({gap.help}){before}; the best "
            "published is 1.4 % (Legin et al. 2022)."
        )
    if inside := scores.get("joint_inside_band"):
        verb = "is consistent" if inside.value else "is not consistent"
        yield f"The joint coverage of all parameters {verb} with nominal."


def _by_signal(bins: Sequence[Mapping[str, Any]]) -> str:
    first, last = bins[0], bins[-1]
    error, predicted = ([f"{100 * edge[key]:.2g} %" for edge in (first, last)] for key in ("error", "predicted"))
    return (
        f"Below a signal-to-noise ratio of {first['high']:.0f} the error of the Einstein radius is {error[0]} "
        f"(predicted {predicted[0]}), above {last['low']:.0f} it is {error[1]} (predicted {predicted[1]})."
    )


def _measured(score: Score) -> str:
    assert score.value is not None
    return measured(score.value, score.low, score.high, score.unit)
