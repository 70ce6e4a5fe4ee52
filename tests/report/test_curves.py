"""The common figures draw the numbers they are given."""

import matplotlib.figure
import numpy as np
import pytest

from skysure.report import (
    by_column,
    confusion,
    coverage,
    prediction_sets,
    reliability,
    render,
    roc,
    standard_figures,
    style,
    training_history,
)


def plot(figure) -> matplotlib.figure.Figure:
    with style.applied():
        canvas = matplotlib.figure.Figure(figsize=(figure.width, figure.height))
        figure.draw(canvas)
    return canvas


def test_confusion_writes_counts_and_shares(metrics):
    axes = plot(confusion(metrics["curves"]["confusion"])).axes[0]
    assert axes.texts[0].get_text() == "2,450\n96.3 %"  # 2450 / (2450 + 60 + 34)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Ia", "II", "Ibc"]
    empty = confusion({"classes": ["a", "b"], "counts": [[0, 0], [1, 2]]})
    assert plot(empty).axes[0].texts[0].get_text() == "0\n0.0 %"


def test_roc_is_logarithmic_only_where_it_helps(metrics):
    curves = metrics["curves"]["roc"]
    assert plot(roc(curves)).axes[0].get_xscale() == "log"
    poor = [{"of": "a", "false_positive": [0, 0.5, 1], "true_positive": [0, 0.7, 1], "area": 0.6}]
    axes = plot(roc(poor)).axes[0]
    assert axes.get_xscale() == "linear"
    assert axes.get_legend().get_texts()[0].get_text() == "a: 0.600"


def test_reliability_draws_both_curves(metrics):
    curve = metrics["curves"]["reliability"]
    lines = plot(reliability(curve)).axes[0].lines
    np.testing.assert_allclose(lines[1].get_ydata(), curve["before"]["observed"])
    np.testing.assert_allclose(lines[2].get_ydata(), curve["after"]["observed"])
    assert len(plot(reliability(curve | {"before": None})).axes[0].lines) == 2


@pytest.mark.parametrize(("name", "draw"), [("coverage", coverage), ("sets", prediction_sets)])
def test_coverage_and_its_difference(metrics, name, draw):
    curve = metrics["curves"][name]
    above, below = plot(draw(curve)).axes
    np.testing.assert_allclose(above.lines[2].get_ydata(), curve["actual"])
    difference = 100 * (np.array(curve["actual"]) - np.array(curve["nominal"]))
    np.testing.assert_allclose(below.lines[2].get_ydata(), difference)
    assert len(above.texts) == (len(curve["nominal"]) if name == "sets" else 0)


def test_bins_may_be_open_and_may_lack_a_panel(metrics):
    bins = metrics["curves"]["by"]["Signal-to-noise ratio"]
    canvas = plot(by_column("S/N", bins))
    assert len(canvas.axes) == 2
    ticks = [label.get_text() for label in canvas.axes[-1].get_xticklabels()]
    assert ticks == ["", "5", "10", "20", "50", ""]
    only = [{"low": 0, "high": 1, "n": 4, "coverage": 0.5}]
    assert len(plot(by_column("z", only)).axes) == 1


def test_history_sorts_columns_into_panels(history):
    figure = training_history(history)
    assert [axes.get_ylabel() for axes in plot(figure).axes] == ["Loss", "Dropout rate"]
    lowest = min(range(45), key=lambda i: history[i]["validation_nll"])
    assert f"in epoch {lowest + 1}." in figure.caption
    assert training_history([]) is None
    assert training_history([{"epoch": 1, "seconds": 2.0}]) is None
    rates = [{"epoch": i, "rate_hidden": 0.1, "rate_output": 0.2, "learning_rate": 1e-3} for i in (1, 2)]
    assert [axes.get_ylabel() for axes in plot(training_history(rates)).axes] == ["Dropout rate"]
    text = training_history([{"epoch": "1", "train_loss": "0.5", "accuracy": ""}, {"epoch": "2", "train_loss": ""}])
    assert [axes.get_ylabel() for axes in plot(text).axes] == ["Loss"]


def test_a_missing_array_has_no_figure(metrics):
    assert list(standard_figures({})) == []
    without = {key: curve for key, curve in metrics["curves"].items() if key != "roc"}
    names = [figure.name for figure in standard_figures(metrics | {"curves": without})]
    assert names == ["confusion", "reliability", "coverage", "sets", "by-1", "by-2", "by-3"]


@pytest.mark.parametrize("name", ["$\\frac & b --> ${x}_", "</text><script>alert(1)"])
def test_names_are_text_whatever_they_hold(metrics, name):
    figures = [
        confusion({"classes": [name], "counts": [[3]]}),
        roc([{"of": name, "false_positive": [0, 1], "true_positive": [0, 1]}]),
        reliability(metrics["curves"]["reliability"] | {"of": name}),
        by_column(name, metrics["curves"]["by"]["Redshift"]),
        training_history([{"epoch": 1, name: 0.3}, {"epoch": 2, name: 0.2}]),
    ]
    for figure in figures:
        assert b"<script" not in render(figure).lower()


def test_bands_of_bins_are_drawn_where_they_are_known(metrics):
    bins = metrics["curves"]["by"]["Redshift"]
    plain, banded = (
        by_column("Redshift", bins),
        [b | {"coverage_band_low": 0.8, "coverage_band_high": 0.97} for b in bins],
    )
    assert "Grey" not in plain.caption
    figure = by_column("Redshift", banded)
    assert "Grey" in figure.caption
    before, after = (plot(f).axes[1].collections for f in (plain, figure))
    assert len(after) == len(before) + len(bins)
    assert any(np.isclose(c.get_paths()[0].vertices[:, 1].min(), 0.8) for c in after if c.get_paths())


def test_many_classes_leave_room_for_the_data():
    """Layout that collapses is a warning, and warnings are errors."""
    names = [f"number {k}" for k in range(14)]
    curve = {"false_positive": [0, 1], "true_positive": [0, 1], "area": 0.5}
    render(roc([curve | {"of": name} for name in names]))
    render(confusion({"classes": names, "counts": np.diag(np.arange(14) + 1)}))
