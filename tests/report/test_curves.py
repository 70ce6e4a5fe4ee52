"""The common figures draw the numbers they are given."""

import matplotlib.figure
import numpy as np
import pytest

from skysure.report import (
    by_column,
    confusion,
    coverage,
    forecasts,
    known_early,
    prediction_sets,
    probability_in_time,
    reliability,
    render,
    roc,
    standard_figures,
    style,
    training_history,
)


def drawn(figure) -> matplotlib.figure.Figure:
    with style.applied():
        canvas = matplotlib.figure.Figure(figsize=(figure.width, figure.height))
        figure.draw(canvas)
    return canvas


def test_confusion_writes_counts_and_shares(metrics):
    axes = drawn(confusion(metrics["curves"]["confusion"])).axes[0]
    assert axes.texts[0].get_text() == "2,450\n96.3 %"  # 2450 / (2450 + 60 + 34)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Ia", "II", "Ibc"]
    empty = confusion({"classes": ["a", "b"], "counts": [[0, 0], [1, 2]]})
    assert drawn(empty).axes[0].texts[0].get_text() == "0\n0.0 %"


def test_roc_is_logarithmic_only_where_it_helps(metrics):
    curves = metrics["curves"]["roc"]
    assert drawn(roc(curves)).axes[0].get_xscale() == "log"
    poor = [{"of": "a", "false_positive": [0, 0.5, 1], "true_positive": [0, 0.7, 1], "area": 0.6}]
    axes = drawn(roc(poor)).axes[0]
    assert axes.get_xscale() == "linear"
    assert axes.get_legend().get_texts()[0].get_text() == "a: 0.600"


def test_reliability_draws_both_curves(metrics):
    curve = metrics["curves"]["reliability"]
    lines = drawn(reliability(curve)).axes[0].lines
    np.testing.assert_allclose(lines[1].get_ydata(), curve["before"]["observed"])
    np.testing.assert_allclose(lines[2].get_ydata(), curve["after"]["observed"])
    assert len(drawn(reliability(curve | {"before": None})).axes[0].lines) == 2


@pytest.mark.parametrize(("name", "draw"), [("coverage", coverage), ("sets", prediction_sets)])
def test_coverage_and_its_difference(metrics, name, draw):
    curve = metrics["curves"][name]
    above, below = drawn(draw(curve)).axes
    np.testing.assert_allclose(above.lines[2].get_ydata(), curve["actual"])
    difference = 100 * (np.array(curve["actual"]) - np.array(curve["nominal"]))
    np.testing.assert_allclose(below.lines[2].get_ydata(), difference)
    assert len(above.texts) == (len(curve["nominal"]) if name == "sets" else 0)


def test_bins_may_be_open_and_may_lack_a_panel(metrics):
    bins = metrics["curves"]["by"]["Signal-to-noise ratio"]
    canvas = drawn(by_column("S/N", bins))
    assert len(canvas.axes) == 2
    ticks = [label.get_text() for label in canvas.axes[-1].get_xticklabels()]
    assert ticks == ["", "5", "10", "20", "50", ""]
    only = [{"low": 0, "high": 1, "n": 4, "coverage": 0.5}]
    assert len(drawn(by_column("z", only)).axes) == 1


def test_history_sorts_columns_into_panels(history):
    figure = training_history(history)
    assert [axes.get_ylabel() for axes in drawn(figure).axes] == ["Loss", "Dropout rate"]
    lowest = min(range(45), key=lambda i: history[i]["validation_nll"])
    assert f"in epoch {lowest + 1}." in figure.caption
    assert training_history([]) is None
    assert training_history([{"epoch": 1, "seconds": 2.0}]) is None
    rates = [{"epoch": i, "rate_hidden": 0.1, "rate_output": 0.2, "learning_rate": 1e-3} for i in (1, 2)]
    assert [axes.get_ylabel() for axes in drawn(training_history(rates)).axes] == ["Dropout rate"]
    text = training_history([{"epoch": "1", "train_loss": "0.5", "accuracy": ""}, {"epoch": "2", "train_loss": ""}])
    assert [axes.get_ylabel() for axes in drawn(text).axes] == ["Loss"]


def test_example_names_truth_and_answer(metrics):
    example = metrics["examples"][0] | {"title": None, "id": 17}
    example["epochs"] = example["epochs"] | {
        "probability": [[0.2, 0.7, 0.1]],
        "time": [3.0],
        "error": [[0.1, 0.04, 0.1]],
    }
    figure = probability_in_time(example)
    assert figure.title == "17"
    assert figure.caption == "Truth: Ia. Answer on day 3: II, P = 0.70 ± 0.04."
    example["points"] = {name: values[:1] for name, values in example["points"].items()} | {"time": [3.2]}
    assert probability_in_time(example).caption == "Truth: Ia. Answer at the end: II, P = 0.70 ± 0.04."
    bare = {"id": "x", "points": {"time": [1.0, 2.0], "band": ["g", "r"], "flux": [3.0, None], "flux_error": [1, 1]}}
    assert len(drawn(probability_in_time(bare)).axes) == 1
    assert probability_in_time(bare).caption == "Truth unknown."


def test_a_missing_array_has_no_figure(metrics):
    assert list(standard_figures({})) == []
    without = {key: curve for key, curve in metrics["curves"].items() if key != "roc"}
    names = [figure.name for figure in standard_figures(metrics | {"curves": without, "examples": []})]
    assert names == ["confusion", "reliability", "coverage", "sets", "by-1", "by-2", "by-3"]


def test_at_most_six_examples_of_a_group(metrics):
    many = {"examples": [metrics["examples"][0]] * 9}
    assert [figure.name for figure in standard_figures(many)] == [f"example-{i}" for i in range(1, 7)]


@pytest.mark.parametrize("name", ["$\\frac & b --> ${x}_", "</text><script>alert(1)"])
def test_names_are_text_whatever_they_hold(metrics, name):
    example = metrics["examples"][0] | {"bands": [name], "time_label": name, "flux_label": name}
    example["points"] = {"time": [1.0], "band": [0], "flux": [2.0], "flux_error": [1.0]}
    example["epochs"] = {"time": [0, 1], "classes": [name], "probability": [[1.0], [1.0]], "error": None}
    figures = [
        confusion({"classes": [name], "counts": [[3]]}),
        roc([{"of": name, "false_positive": [0, 1], "true_positive": [0, 1]}]),
        reliability(metrics["curves"]["reliability"] | {"of": name}),
        by_column(name, metrics["curves"]["by"]["Redshift"]),
        probability_in_time(example),
        training_history([{"epoch": 1, name: 0.3}, {"epoch": 2, name: 0.2}]),
    ]
    for figure in figures:
        assert b"<script" not in render(figure).lower()


SHARES = {"accuracy": 0.6, "completeness": 0.3, "purity": 0.7, "coverage": 0.88, "single": 0.4}
EARLY = {"of": "Ia", "days": [0.0, 10.0, 40.0], "n": 1234, "wanted": 0.9, "size": [2.0, 1.5, 1.1]}
EARLY |= {
    f"{name}{end}": [share + shift + 0.01 * i for i in range(3)]
    for name, share in SHARES.items()
    for end, shift in {"": 0.0, "_low": -0.02, "_high": 0.02}.items()
}
EARLY |= {"coverage_band_low": [0.87] * 3, "coverage_band_high": [0.93] * 3}


def test_early_answers_are_drawn_against_days():
    figure = known_early(EARLY)
    above, middle, below = drawn(figure).axes
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    for line, name in zip(above.lines, ("accuracy", "completeness", "purity"), strict=True):
        np.testing.assert_allclose(line.get_xydata().T, [EARLY["days"], EARLY[name]])
        assert name in labels[list(above.lines).index(line)]
    np.testing.assert_allclose(middle.lines[1].get_ydata(), EARLY["coverage"])
    np.testing.assert_allclose(below.lines[0].get_ydata(), EARLY["single"])
    assert "1,234" in figure.caption
    unsure = EARLY | {name: [None, *EARLY[name][1:]] for name in ("purity", "purity_low", "purity_high")}
    assert render(known_early(unsure)).startswith(b"<?xml")
    bare = {key: values for key, values in EARLY.items() if not key.startswith(("completeness", "purity"))}
    (only,) = drawn(known_early(bare | {"of": None})).axes[0].get_legend().get_texts()
    assert only.get_text() == "accuracy"


def test_bands_of_bins_are_drawn_where_they_are_known(metrics):
    bins = metrics["curves"]["by"]["Redshift"]
    plain, banded = (
        by_column("Redshift", bins),
        [b | {"coverage_band_low": 0.8, "coverage_band_high": 0.97} for b in bins],
    )
    assert "Grey" not in plain.caption
    figure = by_column("Redshift", banded)
    assert "Grey" in figure.caption
    before, after = (drawn(f).axes[1].collections for f in (plain, figure))
    assert len(after) == len(before) + len(bins)
    assert any(np.isclose(c.get_paths()[0].vertices[:, 1].min(), 0.8) for c in after if c.get_paths())


AHEAD = [
    {"low": 0.0, "high": 2.0, "n": 1527, "wanted": 0.683, "crps": 0.76, "crps_low": 0.73, "crps_high": 0.78}
    | {"coverage": 0.68, "coverage_low": 0.67, "coverage_high": 0.69},
    {"low": 40.0, "high": None, "n": 25, "wanted": 0.683, "crps": 2.5, "crps_low": 1.9, "crps_high": 3.0}
    | {"coverage": 0.75, "coverage_low": 0.6, "coverage_high": 0.84},
]


def test_forecasts_are_drawn_against_days_ahead():
    above, below = drawn(forecasts(AHEAD)).axes
    for axes, name in ((above, "coverage"), (below, "crps")):
        found, _, (ends,) = axes.containers[0]
        np.testing.assert_allclose(found.get_ydata(), [row[name] for row in AHEAD])
        drawn_ends = [segment[:, 1] for segment in ends.get_segments()]
        np.testing.assert_allclose(drawn_ends, [[row[f"{name}_low"], row[f"{name}_high"]] for row in AHEAD])
    assert [text.get_text() for text in below.get_xticklabels()] == ["0", "40", ""]
    assert [text.get_text() for text in above.texts] == ["1,527", "25"]
    few = forecasts([*AHEAD[:1], AHEAD[1] | {"n": 3}])
    assert [text.get_text() for text in drawn(few).axes[0].texts] == ["1,527"]
    assert "fewer than 20 points" in few.caption
    (alone,) = standard_figures({"curves": {"forecast": AHEAD}})
    assert "fewer" not in alone.caption
    assert "68.3 % intervals held" in alone.caption
    assert alone.section == "trust"
    assert list(standard_figures({"curves": {"forecast": []}})) == []
    assert render(alone).startswith(b"<?xml")


def test_a_single_epoch_is_a_point(metrics):
    example = metrics["examples"][0]
    epochs = {"time": [0.0], "classes": ["Ia", "II"], "probability": [[0.6, 0.4]], "error": None}
    assert [line.get_marker() for line in drawn(probability_in_time(example | {"epochs": epochs})).axes[1].lines] == [
        "o",
        "s",
    ]


def test_many_classes_leave_room_for_the_data(metrics):
    """Layout that collapses is a warning, and warnings are errors."""
    names = [f"number {k}" for k in range(14)]
    names[4], names[9] = "M-dwarf flare", "eclipsing binary"
    p = np.full((2, 14), 0.01)
    p[:, 4], p[0, 13], p[1, 2] = 0.5, 0.4, 0.3
    epochs = {"time": [0.0, 9.0], "classes": names, "probability": p.tolist(), "error": None}
    figure = probability_in_time(metrics["examples"][0] | {"truth": names[9], "epochs": epochs})
    labels = {line.get_label() for line in drawn(figure).axes[1].lines}
    assert {names[k] for k in (2, 4, 13)} | {f"{names[9]} (truth)"} <= labels
    assert len(labels) == 6
    curve = {"false_positive": [0, 1], "true_positive": [0, 1], "area": 0.5}
    counts = np.diag(np.arange(14) + 1)
    many = roc([curve | {"of": name} for name in names]), confusion({"classes": names, "counts": counts})
    for made in (figure, *many):
        render(made)
