"""Figures of light curves draw the numbers of their examples."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.figure
import numpy as np
import pytest

from skysure.applications.supernovae.plots import figures, forecasts, probability_in_time, scores_in_time
from skysure.evaluation import Curve, Evaluation, Example
from skysure.report import render, style

CLASSES = ["Ia", "II", "Ibc"]


def plot(figure) -> matplotlib.figure.Figure:
    with style.applied():
        canvas = matplotlib.figure.Figure(figsize=(figure.width, figure.height))
        figure.draw(canvas)
    return canvas


@pytest.fixture
def example() -> Example:
    """A light curve that never was."""
    generator = np.random.default_rng(7)
    time, band = np.sort(generator.uniform(-20, 90, 64)), generator.integers(0, 4, 64)
    clock = (time - 2 * band) / 14
    flux = 90 * np.exp(-clock / 1.6) / (1 + np.exp(-clock * 2.5)) * (0.6 + 0.2 * band)
    epochs = np.linspace(0, 80, 25)
    first = 1 / 3 + (0.97 - 1 / 3) * (1 - np.exp(-epochs / 12))
    probability = np.stack([first, 0.7 * (1 - first), 0.3 * (1 - first)], axis=1)
    points = {"time": time.tolist(), "band": band.tolist(), "flux": flux.tolist(), "flux_error": [5.0] * 64}
    data = {
        "time_label": "Days since first detection", "flux_label": "Flux (zero point 27.5)", "bands": list("griz"),
        "points": points,
        "epochs": {
            "time": epochs.tolist(), "classes": CLASSES, "probability": probability.tolist(),
            "error": (0.06 * np.exp(-epochs / 30)[:, None] * np.ones((1, 3))).tolist(),
        },
    }  # fmt: skip
    return Example("example", "SN1000", "SN 1000 at z = 0.30", "Ia", data=data)


def changed(example: Example, **data) -> Example:
    return replace(example, data={**example.data, **data})


def test_a_caption_names_truth_and_classification(example):
    epochs = example.data["epochs"] | {"probability": [[0.2, 0.7, 0.1]], "time": [3.0], "error": [[0.1, 0.04, 0.1]]}
    bare = changed(replace(example, title="", id="17"), epochs=epochs)
    figure = probability_in_time(bare)
    assert figure.title == "17"
    assert figure.caption == "Truth: Ia. Classification on day 3: II, P = 0.70 ± 0.04."
    points = {name: values[:1] for name, values in example.data["points"].items()} | {"time": [3.2]}
    caption = probability_in_time(changed(bare, points=points)).caption
    assert caption == "Truth: Ia. Final classification: II, P = 0.70 ± 0.04."
    flagged = replace(bare, flags=("out of distribution",), truth=None)
    assert probability_in_time(flagged).caption.endswith("Out of distribution.")
    points = {"time": [1.0, 2.0], "band": ["g", "r"], "flux": [3.0, None], "flux_error": [1, 1]}
    lone = Example("example", "x", data={"points": points})
    assert len(plot(probability_in_time(lone)).axes) == 1
    assert probability_in_time(lone).caption == "Truth unknown."


def test_at_most_six_examples_of_a_group(example):
    many = Evaluation(examples=(example,) * 9)
    assert [figure.name for figure in figures(many)] == [f"example-{i}" for i in range(1, 7)]


@pytest.mark.parametrize("name", ["$\\frac & b --> ${x}_", "</text><script>alert(1)"])
def test_names_are_text_whatever_they_hold(example, name):
    points = {"time": [1.0], "band": [0], "flux": [2.0], "flux_error": [1.0]}
    epochs = {"time": [0, 1], "classes": [name], "probability": [[1.0], [1.0]], "error": None}
    labels = {"bands": [name], "time_label": name, "flux_label": name}
    assert (
        b"<script" not in render(probability_in_time(changed(example, points=points, epochs=epochs, **labels))).lower()
    )


SHARES = {"accuracy": 0.6, "completeness": 0.3, "purity": 0.7, "coverage": 0.88, "single": 0.4}
EARLY = {"of": "Ia", "days": [0.0, 10.0, 40.0], "n": 1234, "wanted": 0.9, "size": [2.0, 1.5, 1.1]}
EARLY |= {
    f"{name}{end}": [share + shift + 0.01 * i for i in range(3)]
    for name, share in SHARES.items()
    for end, shift in {"": 0.0, "_low": -0.02, "_high": 0.02}.items()
}
EARLY |= {"coverage_band_low": [0.87] * 3, "coverage_band_high": [0.93] * 3}


def test_scores_are_drawn_against_days():
    figure = scores_in_time(EARLY)
    above, middle, below = plot(figure).axes
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    for line, name in zip(above.lines, ("accuracy", "completeness", "purity"), strict=True):
        np.testing.assert_allclose(line.get_xydata().T, [EARLY["days"], EARLY[name]])
        assert name in labels[list(above.lines).index(line)]
    np.testing.assert_allclose(middle.lines[1].get_ydata(), EARLY["coverage"])
    np.testing.assert_allclose(below.lines[0].get_ydata(), EARLY["single"])
    assert "1,234" in figure.caption
    unsure = EARLY | {name: [None, *EARLY[name][1:]] for name in ("purity", "purity_low", "purity_high")}
    assert render(scores_in_time(unsure)).startswith(b"<?xml")
    bare = {key: values for key, values in EARLY.items() if not key.startswith(("completeness", "purity"))}
    (only,) = plot(scores_in_time(bare | {"of": None})).axes[0].get_legend().get_texts()
    assert only.get_text() == "accuracy"


AHEAD = [
    {"low": 0.0, "high": 2.0, "n": 1527, "wanted": 0.683, "crps": 0.76, "crps_low": 0.73, "crps_high": 0.78}
    | {"coverage": 0.68, "coverage_low": 0.67, "coverage_high": 0.69},
    {"low": 40.0, "high": None, "n": 25, "wanted": 0.683, "crps": 2.5, "crps_low": 1.9, "crps_high": 3.0}
    | {"coverage": 0.75, "coverage_low": 0.6, "coverage_high": 0.84},
]


def test_forecasts_are_drawn_against_days_ahead():
    above, below = plot(forecasts(AHEAD)).axes
    for axes, name in ((above, "coverage"), (below, "crps")):
        line, _, (ends,) = axes.containers[0]
        np.testing.assert_allclose(line.get_ydata(), [row[name] for row in AHEAD])
        drawn_ends = [segment[:, 1] for segment in ends.get_segments()]
        np.testing.assert_allclose(drawn_ends, [[row[f"{name}_low"], row[f"{name}_high"]] for row in AHEAD])
    assert [text.get_text() for text in below.get_xticklabels()] == ["0", "40", ""]
    assert [text.get_text() for text in above.texts] == ["1,527", "25"]
    few = forecasts([*AHEAD[:1], AHEAD[1] | {"n": 3}])
    assert [text.get_text() for text in plot(few).axes[0].texts] == ["1,527"]
    assert "fewer than 20 points" in few.caption
    (alone,) = figures(Evaluation(curves=(Curve("forecast", AHEAD),)))
    assert "fewer" not in alone.caption
    assert "coverage of the 68.3 % intervals" in alone.caption
    assert alone.section == "trust"
    assert list(figures(Evaluation(curves=(Curve("forecast", []),)))) == []
    assert render(alone).startswith(b"<?xml")


def test_a_single_epoch_is_a_point(example):
    epochs = {"time": [0.0], "classes": ["Ia", "II"], "probability": [[0.6, 0.4]], "error": None}
    lines = plot(probability_in_time(changed(example, epochs=epochs))).axes[1].lines
    assert [line.get_marker() for line in lines] == ["o", "s"]


def test_many_classes_leave_room_for_the_data(example):
    """Layout that collapses is a warning, and warnings are errors."""
    names = [f"number {k}" for k in range(14)]
    names[4], names[9] = "M-dwarf flare", "eclipsing binary"
    p = np.full((2, 14), 0.01)
    p[:, 4], p[0, 13], p[1, 2] = 0.5, 0.4, 0.3
    epochs = {"time": [0.0, 9.0], "classes": names, "probability": p.tolist(), "error": None}
    figure = probability_in_time(changed(replace(example, truth=names[9]), epochs=epochs))
    labels = {line.get_label() for line in plot(figure).axes[1].lines}
    assert {names[k] for k in (2, 4, 13)} | {f"{names[9]} (truth)"} <= labels
    assert len(labels) == 6
    render(figure)
