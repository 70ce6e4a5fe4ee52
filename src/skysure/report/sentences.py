"""What the numbers of an evaluation say, in plain sentences computed from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from scipy.stats import norm

from .quantities import decimals, measured, number, percent, with_error

Metrics = dict[str, Any]


def sentences(metrics: Metrics) -> list[str]:
    """Sentences on coverage, classes, calibration, early answers, uncertainty, novelty; a missing number says nothing.

    Parameters
    ----------
    metrics : dict
        The evaluation as `metrics.json` holds it.

    >>> sentences({"noun": "star", "is_ood": {"count": 12, "of": 500}})
    ['12 of 500 stars (2.4 %) are out of distribution.']
    """
    said = (
        _intervals, _sets, _classes, _probability, _expected_error, _bins, _early, _uncertainty, _out_of_distribution,
        _kinds, _left_out,
    )  # fmt: skip
    return [sentence for say in said for sentence in say(metrics)]


def width_factor(nominal: float, actual: float) -> float:
    """How much wider intervals are than the errors they stand for, from their coverage.

    Under a Gaussian of standard deviation s, intervals that claim probability p and hold the truth with
    probability c have the width z(c) s / (z(p) s) of the right ones, z(q) the (1 + q)/2 quantile of the
    standard normal.

    >>> round(width_factor(0.68, 0.712), 3)
    1.068
    """
    return float(norm.ppf((1 + actual) / 2) / norm.ppf((1 + nominal) / 2))


def expected_error(bins: dict[str, list[float]]) -> float:
    """Mean distance of a probability from the frequency it stands for, over reliability bins.

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
    curve = metrics.get("curves", {}).get("coverage")
    for nominal in (0.683, 0.955) if curve else ():
        point = _at(curve, nominal)
        if point is None:
            continue
        start = f"The {100 * nominal:.3g} % intervals hold the truth for {_share(point)} of "
        yield f"{start}{counted(metrics, curve['n'])}{_before(point)}: {_width(nominal, point)}."


def _width(nominal: float, point: dict[str, float]) -> str:
    actual, low, high = point["actual"], point["low"], point["high"]
    if actual in (0.0, 1.0):
        return f"{'all' if actual else 'none'} of them, so their width cannot be told"
    factor, *ends = (100 * width_factor(nominal, share) for share in (actual, low, min(high, 1 - 1e-9)))
    if abs(actual - nominal) <= (high - low):
        half = (ends[1] - ends[0]) / 2
        return f"their width is right within its error of {number(half, decimals(half))} %"
    if factor > 100:
        return f"they are {' '.join(with_error(factor - 100, ends[0] - 100, ends[1] - 100))} % too wide"
    return f"they are {' '.join(with_error(100 - factor, 100 - ends[1], 100 - ends[0]))} % too narrow"


def _sets(metrics: Metrics) -> Iterator[str]:
    curve = metrics.get("curves", {}).get("sets")
    point = _at(curve, 0.9) if curve else None
    if point is None:
        return
    size = f", with {point['size']:.2f} classes on average" if "size" in point else ""
    gap = point["actual"] - 0.9
    if "band_low" in point:  # of a calibrated model, by chance alone
        fair = point["band_low"] <= point["actual"] <= point["band_high"]
    else:
        fair = abs(gap) <= point["high"] - point["low"]
    verdict = "as promised" if fair else "more" if gap > 0 else "less"
    verdict += "" if verdict == "as promised" else " than promised"
    yield (
        f"Prediction sets at 90 % hold the true class for {_share(point)} of "
        f"{counted(metrics, curve['n'])}{_before(point)}{size}: {verdict}."
    )


def _classes(metrics: Metrics) -> Iterator[str]:
    """That sets promise nothing for each class, with the two classes, if any, that they surely hold least and most."""
    for table in _tables(metrics, "classes"):
        held = dict(zip(table["Class"], table["In the set"], strict=True))
        if len(held) > 1:
            surest = min(held, key=lambda name: held[name]["high"]), max(held, key=lambda name: held[name]["low"])
            least, most = (f"{measured(**held[name], unit='%')} of {name}" for name in surest)
            apart = f": sets hold {least} and {most}" if least != most else ""
            yield (
                f"The {100 * table['wanted']:.3g} % are promised for all {_plural(metrics)} together, "
                f"not for each class{apart}."
            )


def _probability(metrics: Metrics) -> Iterator[str]:
    curve = metrics.get("curves", {}).get("reliability")
    filled = [i for i, n in enumerate(curve["after"]["n"]) if n >= 10] if curve else []
    if not filled:
        return
    bins = curve["after"]
    i = min(filled, key=lambda k: abs(bins["predicted"][k] - 0.8))
    share = percent(bins["observed"][i], bins["low"][i], bins["high"][i])
    of, near, n = curve.get("of"), f"{bins['predicted'][i]:.2f}", counted(metrics, bins["n"][i])
    if of:
        yield f"Of {n} given P({of}) near {near}, {share} are {of}."
    else:
        yield f"Of {n} whose answer was given a probability near {near}, {share} were right."


def _expected_error(metrics: Metrics) -> Iterator[str]:
    after, before = _ece(metrics)
    if after is None or math.isnan(after):
        return
    text = f"the expected error of a probability is {_two_digits(after)}"
    if before is None:
        yield f"{text[0].upper()}{text[1:]}."
    else:
        yield f"After calibration {text}, before {_two_digits(before)}."


def _ece(metrics: Metrics) -> tuple[float | None, float | None]:
    """The expected calibration error after and before: the score of that name, else from the curve."""
    for score in metrics.get("scores") or ():
        if score["name"] == "ece" and score.get("value") is not None:
            scale = 0.01 if score.get("unit") == "%" else 1.0
            before = score.get("before")
            return scale * score["value"], scale * before if before is not None else None
    curve = metrics.get("curves", {}).get("reliability") or {}
    after, before = (expected_error(curve[key]) if curve.get(key) else None for key in ("after", "before"))
    return after, before


_PANELS = {
    "coverage": ("wanted", "the sets hold the true class", "Sets keep their promise"),
    "accuracy": ("confidence", "answers are right", "The probability of an answer is kept"),
}


def _bins(metrics: Metrics) -> Iterator[str]:
    """Which bin of a column lies outside its band; the worst one of each column."""
    columns = metrics.get("curves", {}).get("by") or {}
    for panel, (claim, found, kept) in _PANELS.items():
        banded = {c: [b for b in bins if b.get(f"{panel}_band_low") is not None] for c, bins in columns.items()}
        outside = {c: [b for b in bins if _beyond(b, panel) > 0] for c, bins in banded.items() if bins}
        if fine := [column[0].lower() + column[1:] for column, bins in outside.items() if not bins]:
            yield f"{kept} within chance in all bins of {_listed(fine)}."
        for column, bins in outside.items():
            if bins:
                worst = max(bins, key=lambda b: _beyond(b, panel))
                share = percent(worst[panel], worst[f"{panel}_low"], worst[f"{panel}_high"])
                chance = " to ".join(f"{100 * worst[f'{panel}_band_{end}']:.1f}" for end in ("low", "high"))
                count = f"{len(bins)} of {len(banded[column])} bins {'is' if len(bins) == 1 else 'are'} outside"
                yield (
                    f"{column} {_range(worst)}: {found} for {share}, where {100 * worst[claim]:.3g} % were claimed and "
                    f"chance explains {chance} %; {count}."
                )


def _beyond(bin: dict[str, Any], panel: str) -> float:
    """How far a share lies outside its band; not above 0 inside."""
    return max(bin[f"{panel}_band_low"] - bin[panel], bin[panel] - bin[f"{panel}_band_high"])


def _range(bin: dict[str, Any]) -> str:
    """The range of a bin in words.

    >>> _range({"low": None, "high": 7.91}), _range({"low": 0.25, "high": 0.5}), _range({"low": 40, "high": None})
    ('up to 7.91', '0.25 to 0.5', 'above 40')
    """
    low, high = (f"{end:.3g}" if end is not None else None for end in (bin["low"], bin["high"]))
    return f"up to {high}" if low is None else f"above {low}" if high is None else f"{low} to {high}"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _early(metrics: Metrics) -> Iterator[str]:
    curve = metrics.get("curves", {}).get("early")
    if not curve:
        return
    days, single, noun = curve["days"], curve["single"], _plural(metrics)
    reached = [k for k, share in enumerate(single) if share >= 0.5]
    if not reached:
        yield f"{days[-1]:g} days after detection {100 * single[-1]:.0f} % of the {noun} have a set of one class."
    elif (k := reached[0]) == 0:
        yield f"On the day of detection {100 * single[0]:.0f} % of the {noun} have a set of one class."
    else:
        day = round(days[k] - (days[k] - days[k - 1]) * (single[k] - 0.5) / (single[k] - single[k - 1]))
        when = f"{day} day{'s' * (day > 1)} after" if day else "on the day of"
        yield f"Half of the {noun} have a set of one class {when} detection."
    if 10 in days and days[-1] > 10:
        k = days.index(10)
        right = f"{_on_day(curve, 'accuracy', k)} (after {days[-1]:g} days {_on_day(curve, 'accuracy', -1)})"
        more = ""
        if all(curve.get(name, {k: None})[k] is not None for name in ("completeness", "purity")):
            purity = _on_day(curve, "purity", k)
            more = f"; {_on_day(curve, 'completeness', k)} of {curve['of']} are found with a purity of {purity}"
        yield f"10 days after detection answers are right for {right}{more}."


def _on_day(curve: dict[str, Any], name: str, k: int) -> str:
    return percent(*(curve[f"{name}{end}"][k] for end in ("", "_low", "_high")))


def _uncertainty(metrics: Metrics) -> Iterator[str]:
    parts = metrics.get("uncertainty")
    if parts and parts["aleatoric"] + parts["epistemic"] > 0:
        share = 100 * parts["aleatoric"] / (parts["aleatoric"] + parts["epistemic"])
        yield (
            f"Of the predictive {parts['measure']}, {share:.0f} % is aleatoric (noise in the data) and "
            f"{100 - share:.0f} % epistemic (ignorance of the model)."
        )


def _out_of_distribution(metrics: Metrics) -> Iterator[str]:
    flagged = metrics.get("is_ood")
    if flagged and flagged["of"]:
        count, share = flagged["count"], _two_digits(flagged["count"] / flagged["of"])
        whole = f"{number(count)} of {counted(metrics, flagged['of'])} ({share})"
        yield f"{whole} {'is' if count == 1 else 'are'} out of distribution."


def _kinds(metrics: Metrics) -> Iterator[str]:
    for table in _tables(metrics, "kinds"):
        cells = zip(table["Kind"], table["Known"], table["Flagged"], strict=True)
        flagged = {kind: share for kind, known, share in cells if known == "no"}
        by_share = sorted(flagged, key=lambda kind: -flagged[kind]["value"])
        if shares := [f"{kind} {measured(**flagged[kind], unit='%')}" for kind in by_share]:
            yield f"Of kinds that no class has, flagged as unlike: {_listed(shares)}."


def _tables(metrics: Metrics, name: str) -> Iterator[dict[str, Any]]:
    """The tables of this name, as the supernovae write them, with their columns by label."""
    for table in metrics.get("tables") or ():
        if table["name"] == name and table["rows"]:
            labels = (column["label"] for column in table["columns"])
            yield {**table, **dict(zip(labels, zip(*table["rows"], strict=True), strict=True))}


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
    found = [i for i, value in enumerate(curve["nominal"]) if abs(value - nominal) < 5e-4]
    if not found:
        return None
    keys = (key for key in ("actual", "low", "high", "before", "size", "band_low", "band_high") if curve.get(key))
    return {key: curve[key][found[0]] for key in keys}


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
