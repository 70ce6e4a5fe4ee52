"""Sentences of the report, computed from the numbers of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from scipy.stats import norm

from .quantities import decimals, measured, number, percent, with_error
from .verdicts import EXPECTED_ERROR, band_of, few, judge

Metrics = Mapping[str, Any]


def sentences(metrics: Metrics) -> list[str]:
    """Write sentences on coverage, classes, calibration, uncertainty and out-of-distribution objects.

    A topic without numbers has no sentence.

    Parameters
    ----------
    metrics : mapping
        The content of `metrics.json`.

    >>> sentences({"noun": "star", "is_ood": {"count": 12, "of": 500}})
    ['12 of 500 stars (2.4 %) are out of distribution.']
    """
    topics = (
        _intervals, _sets, _classes, _probability, _calibration_error, _calibration_harm, _bins, _uncertainty,
        _out_of_distribution, _unknown_classes, _left_out,
    )  # fmt: skip
    return [sentence for topic in topics for sentence in topic(metrics)]


def width_factor(nominal: float, actual: float) -> float:
    """Width of intervals relative to the correct width, from their coverage.

    For Gaussian errors, intervals of nominal coverage p and empirical coverage c have the width z(c) / z(p) relative
    to the correct ones, with z(q) the (1 + q)/2 quantile of the standard normal.

    >>> round(width_factor(0.68, 0.712), 3)
    1.068
    """
    return float(norm.ppf((1 + actual) / 2) / norm.ppf((1 + nominal) / 2))


def expected_error(bins: dict[str, list[float]]) -> float:
    """Expected calibration error: mean distance of probability and observed frequency, over reliability bins.

    >>> round(expected_error({"predicted": [0.2, 0.8], "observed": [0.3, 0.8], "n": [10, 30]}), 4)
    0.025
    """
    rows = list(zip(bins["predicted"], bins["observed"], bins["n"], strict=True))
    total = sum(n for _, _, n in rows)
    return sum(n * abs(p - o) for p, o, n in rows) / total if total else math.nan


def counted(metrics: Metrics, n: int) -> str:
    """`n` with the noun of the evaluation: "1,000 light curves"."""
    noun = metrics.get("noun") or "object"
    return f"{number(n)} {noun if n == 1 else metrics.get('nouns') or noun + 's'}"


def _plural(metrics: Metrics) -> str:
    return counted(metrics, 2).split(" ", 1)[1]


def _intervals(metrics: Metrics) -> Iterator[str]:
    """Coverage of the 68.3 % and 95.5 % intervals, and how far their width is from the correct one."""
    curve = metrics.get("curves", {}).get("coverage")
    for nominal in (0.683, 0.955) if curve else ():
        point = _at(curve, nominal)
        if point is not None:
            share = f"{_share(point)} of {counted(metrics, curve['n'])}{_before(point)}"
            yield f"The {100 * nominal:.3g} % intervals hold the truth for {share}: {_width(metrics, nominal, point)}."


def _width(metrics: Metrics, nominal: float, point: dict[str, float]) -> str:
    """The verdict on intervals: their width and its error where coverage determines it."""
    actual, low, high, n = point["actual"], point["low"], point["high"], int(point["n"])
    verdict = judge(actual, nominal, band_of(point, nominal, n))
    if verdict == "too few":
        return few(n, _plural(metrics))
    if actual in (0.0, 1.0):
        return f"{'all' if actual else 'none'} of them, so their width cannot be determined"
    factor, *ends = (100 * width_factor(nominal, share) for share in (actual, low, min(high, 1 - 1e-9)))
    if verdict == "consistent":
        half = (ends[1] - ends[0]) / 2
        return f"coverage is consistent with nominal, and their width is correct to ± {number(half, decimals(half))} %"
    if factor > 100:
        return f"they are {' '.join(with_error(factor - 100, ends[0] - 100, ends[1] - 100))} % too wide"
    return f"they are {' '.join(with_error(100 - factor, 100 - ends[1], 100 - ends[0]))} % too narrow"


def _sets(metrics: Metrics) -> Iterator[str]:
    curve = metrics.get("curves", {}).get("sets")
    point = _at(curve, 0.9) if curve else None
    if point is None:
        return
    size = f", with a mean set size of {point['size']:.2f}" if "size" in point else ""
    n = int(point["n"])
    verdict = judge(point["actual"], 0.9, band_of(point, 0.9, n))
    text = {"consistent": "coverage is consistent with nominal", "too few": _too_few(metrics, curve, 0.9, n)}
    text |= {side: f"coverage is {side} nominal, by more than chance explains" for side in ("above", "below")}
    yield (
        f"Prediction sets of 90 % nominal coverage hold the true class for {_share(point)} of "
        f"{counted(metrics, n)}{_before(point)}{size}: {text[verdict]}."
    )


def _too_few(metrics: Metrics, curve: Mapping[str, Any], nominal: float, n: int) -> str:
    """Say which objects are too few: those of the test part, or the calibration objects that set the levels."""
    test_alone = judge(nominal, nominal, band_of({}, nominal, n))
    if test_alone == "consistent" and curve.get("calibrated_on"):
        return few(curve["calibrated_on"], "calibration objects")
    return few(n, _plural(metrics))


def _classes(metrics: Metrics) -> Iterator[str]:
    """That coverage is nominal for all classes together, with the classes of lowest and highest coverage.

    The lowest has the lowest upper end of its interval, the highest the highest lower end.
    """
    for table in _tables(metrics, "classes"):
        coverage = dict(zip(table.get("class", ()), table.get("coverage", ()), strict=True))
        if len(coverage) > 1:
            ends = min(coverage, key=lambda k: coverage[k]["high"]), max(coverage, key=lambda k: coverage[k]["low"])
            lowest, highest = (f"{measured(**coverage[name], unit='%')} of {name}" for name in ends)
            range_ = f": sets hold the true class for {lowest} and {highest}" if lowest != highest else ""
            yield (
                f"The nominal coverage of {100 * table['wanted']:.3g} % is that of all {_plural(metrics)} together, "
                f"not of each class{range_}."
            )


def _probability(metrics: Metrics) -> Iterator[str]:
    """One bin of the reliability diagram in words: the one nearest to 80 %."""
    curve = metrics.get("curves", {}).get("reliability")
    filled = [i for i, n in enumerate(curve["after"]["n"]) if n >= 10] if curve else []
    if not filled:
        return
    bins = curve["after"]
    i = min(filled, key=lambda k: abs(bins["predicted"][k] - 0.8))
    share = percent(bins["observed"][i], bins["low"][i], bins["high"][i])
    of, near, n = curve.get("of"), f"{bins['predicted'][i]:.2f}", counted(metrics, bins["n"][i])
    if of:
        yield f"Of {n} with P({of}) near {near}, {share} are {of}."
    else:
        yield f"Of {n} whose most probable class has a probability near {near}, {share} are classified correctly."


def _calibration_error(metrics: Metrics) -> Iterator[str]:
    """The expected calibration error beside that of a perfectly calibrated model of the same size."""
    score = _score(metrics, "ece")
    scale = 0.01 if score.get("unit") == "%" else 1.0
    after, before, low, middle, high = (
        scale * score[key] if score.get(key) is not None else None
        for key in ("value", "before", "expected_low", "expected", "expected_high")
    )
    if after is None:
        curve = metrics.get("curves", {}).get("reliability") or {}
        after, before = (expected_error(curve[key]) if curve.get(key) else None for key in ("after", "before"))
    if after is None or math.isnan(after):
        return
    text = f"The expected calibration error is {_two_digits(after)}"
    text += f" (before calibration {_two_digits(before)})" if before is not None else ""
    if low is None or middle is None or high is None:
        yield f"{text}."
        return
    size = f" on {counted(metrics, n)}" if (n := _labelled(metrics)) else ""
    chance = f"{_two_digits(middle)} by chance ({100 * low:.2g} to {100 * high:.2g} %)"
    yield f"{text}; a perfectly calibrated model has {chance}{size}: {_error_verdict(metrics, after, high)}."


def _error_verdict(metrics: Metrics, error: float, chance: float) -> str:
    if error > chance:
        return "the probabilities are off by more than chance explains"
    if chance > EXPECTED_ERROR:
        return few(_labelled(metrics), _plural(metrics))
    return "consistent with perfect calibration"


def _labelled(metrics: Metrics) -> int:
    """How many objects have a true class: those of the confusion matrix, or all."""
    counts = metrics.get("curves", {}).get("confusion", {}).get("counts")
    return int(sum(map(sum, counts))) if counts is not None else int(metrics.get("objects") or 0)


_HIGHER_IS_BETTER = {"nll": False, "brier": False, "crps": False, "log_likelihood": True}


def _calibration_harm(metrics: Metrics) -> Iterator[str]:
    """The scores that calibration makes worse, and whether by more than chance."""
    for name, higher in _HIGHER_IS_BETTER.items():
        score = _score(metrics, name)
        value, before, sign = score.get("value"), score.get("before"), -1 if higher else 1
        if value is None or before is None or sign * (value - before) <= 0:
            continue
        label, unit = score["label"][0].lower() + score["label"][1:], score.get("unit") or ""
        numbers = f"{number(value)} {unit}".strip() + f", {number(before)} before"
        ends = [sign * score[key] for key in ("change_low", "change_high") if score.get(key) is not None]
        if len(ends) == 2 and min(ends) - (max(ends) - min(ends)) / 2 <= 0:
            yield f"Calibration does not improve the {label} ({numbers}); the change is within chance."
        else:
            yield f"Calibration makes the {label} worse: {numbers}."


_PANELS = {
    "coverage": ("wanted", "prediction sets hold the true class", "coverage of prediction sets"),
    "accuracy": ("confidence", "classifications are correct", "accuracy"),
}


def _bins(metrics: Metrics) -> Iterator[str]:
    """For each column (redshift, ...) the bin farthest outside its band; if none is, whether all are consistent."""
    columns = metrics.get("curves", {}).get("by") or {}
    for panel, (claim, event, label) in _PANELS.items():
        banded = {c: [b for b in bins if b.get(f"{panel}_band_low") is not None] for c, bins in columns.items()}
        outside = {c: [b for b in bins if _excess(b, panel) > 0] for c, bins in banded.items() if bins}
        unresolved = {c: [b for b in banded[c] if _verdict(b, panel, claim) == "too few"] for c in outside}
        consistent = [_lower(c) for c, bins in outside.items() if not bins and not unresolved[c]]
        if consistent:
            yield f"The {label} is consistent with nominal in all bins of {_listed(consistent)}."
        for column, bins in outside.items():
            if bins:
                yield _worst_bin(column, bins, len(banded[column]), panel, claim, event)
        if small := {c: bins for c, bins in unresolved.items() if bins and not outside[c]}:
            fewest = min(b["n"] for bins in small.values() for b in bins)
            names = _listed([_lower(c) for c in small])
            yield f"The {label} in bins of {names}: {few(fewest, _plural(metrics), ' in the smallest')}."


def _worst_bin(column: str, bins: list[dict], count: int, panel: str, claim: str, event: str) -> str:
    worst = max(bins, key=lambda b: _excess(b, panel))
    share = percent(worst[panel], worst[f"{panel}_low"], worst[f"{panel}_high"])
    band = " to ".join(f"{100 * worst[f'{panel}_band_{end}']:.1f}" for end in ("low", "high"))
    outside = f"{len(bins)} of {count} bins {'is' if len(bins) == 1 else 'are'} outside"
    return (
        f"{column} {_range(worst)}: {event} for {share}, nominal {100 * worst[claim]:.3g} %, where chance explains "
        f"{band} %; {outside}."
    )


def _excess(bin: dict[str, Any], panel: str) -> float:
    """How far a share lies outside its band; 0 or negative inside."""
    return max(bin[f"{panel}_band_low"] - bin[panel], bin[panel] - bin[f"{panel}_band_high"])


def _verdict(bin: dict[str, Any], panel: str, claim: str) -> str:
    return judge(bin[panel], bin[claim], (bin[f"{panel}_band_low"], bin[f"{panel}_band_high"]))


def _range(bin: dict[str, Any]) -> str:
    """The range of a bin in words.

    >>> _range({"low": None, "high": 7.91}), _range({"low": 0.25, "high": 0.5}), _range({"low": 40, "high": None})
    ('up to 7.91', '0.25 to 0.5', 'above 40')
    """
    low, high = (f"{end:.3g}" if end is not None else None for end in (bin["low"], bin["high"]))
    return f"up to {high}" if low is None else f"above {low}" if high is None else f"{low} to {high}"


def _uncertainty(metrics: Metrics) -> Iterator[str]:
    parts = metrics.get("uncertainty")
    if parts and parts["aleatoric"] + parts["epistemic"] > 0:
        share = 100 * parts["aleatoric"] / (parts["aleatoric"] + parts["epistemic"])
        yield (
            f"Of the predictive {parts['measure']}, {share:.0f} % is aleatoric (noise in the data) and "
            f"{100 - share:.0f} % epistemic (uncertainty of the model)."
        )


def _out_of_distribution(metrics: Metrics) -> Iterator[str]:
    flagged = metrics.get("is_ood")
    if flagged and flagged["of"]:
        count, share = flagged["count"], _two_digits(flagged["count"] / flagged["of"])
        whole = f"{number(count)} of {counted(metrics, flagged['of'])} ({share})"
        yield f"{whole} {'is' if count == 1 else 'are'} out of distribution."


def _unknown_classes(metrics: Metrics) -> Iterator[str]:
    for table in _tables(metrics, "unknown"):
        cells = zip(table["label"], table["known"], table["flagged"], strict=True)
        flagged = {label: share for label, in_training, share in cells if in_training == "no"}
        order = sorted(flagged, key=lambda label: -flagged[label]["value"])
        if shares := [f"{label} {measured(**flagged[label], unit='%')}" for label in order]:
            yield f"Out-of-distribution classes, share flagged: {_listed(shares)}."


def _tables(metrics: Metrics, name: str) -> Iterator[dict[str, Any]]:
    """The tables of this name with their columns as lists, by the names of the columns."""
    for table in metrics.get("tables") or ():
        if table["name"] == name and table["rows"]:
            names = [column.get("name", column["label"]) for column in table["columns"]]
            yield {**table, **dict(zip(names, zip(*table["rows"], strict=True), strict=True))}


def _left_out(metrics: Metrics) -> Iterator[str]:
    dropped, rejected = metrics.get("dropped"), metrics.get("rejected")
    if dropped and dropped["count"]:
        verb = "was" if dropped["count"] == 1 else "were"
        yield f"{counted(metrics, dropped['count'])} {verb} left out: {dropped['why']}."
    if rejected and rejected["count"]:
        whole = f"{number(rejected['count'])} of {counted(metrics, rejected['of'])}"
        yield f"{whole} {'was' if rejected['count'] == 1 else 'were'} set aside as unusable."


def _at(curve: dict[str, Any], nominal: float) -> dict[str, float] | None:
    """The point of a coverage curve at this nominal coverage."""
    index = next((i for i, value in enumerate(curve["nominal"]) if abs(value - nominal) < 5e-4), None)
    if index is None:
        return None
    keys = (key for key in ("actual", "low", "high", "before", "size", "band_low", "band_high") if curve.get(key))
    return {key: curve[key][index] for key in keys} | {"n": curve["n"]}


def _share(point: dict[str, float]) -> str:
    return percent(point["actual"], point["low"], point["high"])


def _before(point: dict[str, float]) -> str:
    return f" (before calibration {100 * point['before']:.1f} %)" if "before" in point else ""


def _two_digits(fraction: float) -> str:
    """A fraction in per cent with two significant digits, at most one decimal lost.

    >>> _two_digits(0.0083), _two_digits(0.024), _two_digits(0.2417)
    ('0.83 %', '2.4 %', '24 %')
    """
    return f"{100 * fraction:.2g} %" if fraction < 0.995 else f"{100 * fraction:.0f} %"


def _score(metrics: Metrics, name: str) -> Mapping[str, Any]:
    """The score of this name; empty where there is none."""
    return next((score for score in metrics.get("scores") or () if score["name"] == name), {})


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
