"""The grid of fixed rates: as twelve trainings would have it, and what the report shows of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from skysure import report, verbs
from skysure.applications import sine
from skysure.applications.sine.grid import RATES, compare, ensemble, row
from skysure.applications.sine.points import Points
from skysure.applications.sine.prediction import draws
from skysure.applications.sine.training import batches, fit_states
from skysure.data.sources import PARTS, VALIDATION, SplitSource
from skysure.data.split import Split
from skysure.evaluation import Evaluation
from skysure.methods.dropout import masks
from skysure.methods.dropout.masks import SampleKeys
from skysure.run.directory import load_run
from skysure.run.files import read_metrics
from skysure.training import State, unprefixed

TINY = {"objects": 160, "validation": 40, "calibration": 40, "test": 40, "epochs": 3, "hidden": 8}
SETTINGS = sine.Settings(**TINY)


@pytest.fixture(autouse=True, scope="module")
def unreported() -> Iterator[None]:
    """Figures are drawn where they are tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skysure.run.reporting.write_report", lambda folder: None)
        yield


@pytest.fixture(scope="module")
def source() -> SplitSource:
    memory = sine.simulate(SETTINGS, SETTINGS.objects, seed=0)
    ids = memory.held[0].ids
    return SplitSource(memory, Split(ids, np.full(len(ids), ""), np.repeat(PARTS, 40)))


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "grid"
    return verbs.train("sine", out=out, grid=True, device="cpu", **TINY).path


class Alone(nn.Module):
    """One network that takes the random numbers of a member."""

    def __init__(self, network: nn.Module, number: int) -> None:
        super().__init__()
        self.network, self.number = network, number

    def forward(self, x: Tensor) -> Tensor:
        network_masks = list(masks(self.network).values())
        if network_masks[0].keys is not None:
            keys = {name: key[self.number] for name, key in network_masks[0].keys.for_members(len(RATES)).items()}
            for mask in network_masks:
                mask.keys = SampleKeys(keys.get("by_row"), keys["shared"])
        return self.network(x)


@pytest.fixture(scope="module")
def trained(source: SplitSource) -> State:
    *_, last = fit_states(ensemble(SETTINGS, source.schema), batches(source, SETTINGS), SETTINGS)
    return last


@pytest.mark.parametrize("number", [0, 7, 11])
def test_each_is_what_it_would_be_alone(source: SplitSource, trained: State, number: int) -> None:
    together = ensemble(SETTINGS, source.schema)
    together.load_state_dict(trained.weights)
    fixed = sine.network(sine.Settings(**TINY, learned_rate=False, rate=RATES[number]), source.schema)
    *_, alone = fit_states(Alone(fixed, number), batches(source, SETTINGS), SETTINGS)
    member = together.members()[number].state_dict()
    for name, tensor in unprefixed(alone.weights, "network.").items():
        assert torch.allclose(member[name], tensor, rtol=1e-4, atol=1e-5), name
    assert trained.counters["best_nll"][number] == pytest.approx(alone.counters["best_nll"], rel=1e-5)


def test_a_row_is_what_the_draws_say(source: SplitSource) -> None:
    """By the sum over draws, a point at a time, and by the analytic rate of a network of one rate."""
    points = next(source.chunks(VALIDATION))
    model = ensemble(SETTINGS, source.schema).members()[9]
    mean, std = (samples[..., 0].numpy() for samples in draws(model, points.x, sine.Query()))
    density = np.exp(-0.5 * ((points.y - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
    rate, nll, epistemic, far = row(model, points).tolist()
    assert rate == pytest.approx(RATES[9], rel=1e-6)
    assert nll == pytest.approx(-np.log(density.mean(0)).mean(), rel=1e-9)
    assert epistemic == pytest.approx(np.sqrt(np.mean([np.var(m, ddof=1) for m in mean.T])), rel=1e-9)
    edge = 2 * points.x.max() - points.x.min()
    assert far == pytest.approx(float(np.std(draws(model, np.array([edge]), sine.Query())[0].numpy(), ddof=1)))


def test_the_run_brings_the_grid(trained_run: Path) -> None:
    metrics = read_metrics(trained_run)
    grid = metrics["curves"]["grid"]
    assert np.allclose(grid["rate"], RATES, rtol=1e-6)
    assert np.isfinite([grid[name] for name in ("nll", "epistemic", "far")]).all()
    assert grid["learned"]["rates"] == {f"rate_{n}": pytest.approx(0.1, abs=0.05) for n in ("hidden.0", "output")}
    scores = {score["name"]: score["value"] for score in metrics["scores"]}
    assert scores["grid_rate"] == grid["rate"][int(np.argmin(grid["nll"]))]
    assert scores["grid_gain"] == pytest.approx(grid["learned"]["nll"] - min(grid["nll"]))
    assert scores["grid_seconds_over_ours"] == pytest.approx(grid["seconds"]["grid"] / grid["seconds"]["learned"])
    assert compare(load_run(trained_run).model)["nll"] == pytest.approx(grid["nll"])


def test_a_grid_changes_nothing_of_the_learned_rate(trained_run: Path, tmp_path: Path) -> None:
    plain = verbs.train("sine", out=tmp_path / "plain", device="cpu", **TINY).model.state_dict()
    beside = load_run(trained_run).model.state_dict()
    assert set(beside) - set(plain) == {"grid", "grid_seconds"}
    assert all(torch.equal(beside[name], tensor) for name, tensor in plain.items())


def test_a_resumed_training_ends_with_the_same_bits(source: SplitSource) -> None:
    """But for the seconds that were measured."""
    settings = replace(SETTINGS, grid=True)
    first, *_, last = sine.train(source, settings)
    *_, resumed = sine.train(source, settings, first)
    assert last.weights.keys() == resumed.weights.keys()
    for name, tensor in last.weights.items():
        assert torch.equal(tensor, resumed.weights[name]) or name == "grid_seconds", name


@pytest.mark.parametrize("truth", [True, False])
def test_figures_can_be_drawn(trained_run: Path, truth: bool) -> None:
    metrics = read_metrics(trained_run)
    if not truth:
        x = np.linspace(-2, 2, 9)
        points = Points(x.astype(str), x, np.full(9, np.nan))
        verbs.evaluate(trained_run, points, out=trained_run.with_name("truthless"))
        metrics = read_metrics(trained_run.with_name("truthless"))
    by_name = {figure.name: figure for figure in sine.figures(Evaluation.from_metrics(metrics))}
    assert list(by_name) == ["function", "grid", "cost", *["coverage"] * truth]
    for figure in by_name.values():
        assert ElementTree.fromstring(report.render(figure, "svg")).tag.endswith("svg")


@pytest.mark.parametrize("function", ["sine", "line"])
def test_an_evaluation_knows_its_function(function: str, tmp_path: Path) -> None:
    run = verbs.train("sine", out=tmp_path / "run", function=function, device="cpu", **TINY)
    metrics: dict[str, Any] = read_metrics(run.path)
    curve = metrics["curves"]["functions"]
    x = np.array(curve["x"])
    assert np.allclose(curve["truth"], np.sin(x) if function == "sine" else 8 + 2 * x)
    assert metrics["title"] == f"A {function}, learned with error bars"
    names = {score["name"] for score in metrics["scores"]}
    assert ("epistemic_3pi_over_0" in names) == (function == "sine")
    assert not any(name.startswith("grid") for name in names)
