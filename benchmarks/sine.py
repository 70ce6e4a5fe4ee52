"""Regression of a sine with known truth: `python benchmarks/sine.py [--quick] [scores|costs|choice]...`.

scores  test scores of ten seeds, each with its own points, parts and network, trained in one batched pass with the
        settings of `skysure train sine`
costs   processor time of a grid of twelve fixed dropout rates, relative to one training with learned rates
choice  the rate that the grid selects, and its gain
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from time import process_time
from typing import Any

import numpy as np
import torch

from record import record, row
from skysure.applications import sine
from skysure.applications.sine import grid, training
from skysure.applications.sine.functions import truth
from skysure.applications.sine.points import Points
from skysure.data.sources import TEST, VALIDATION, SplitSource
from skysure.methods.ensembles import Ensemble
from skysure.training import Batch, fit
from skysure.verbs.progress import silent
from skysure.verbs.split import in_parts, sizes_of

PUBLISHED = {"log_likelihood": 0.739, "aleatoric_std": 0.124, "epistemic_std": 0.046, "coverage_683": 75.8}
"""One run of the same network without our learning-rate schedule, normalisation and calibration."""


def main(quick: bool, names: list[str]) -> None:
    """Measure and record the named parts, or all."""
    torch.set_num_threads(1)
    settings = sine.Settings(epochs=40) if quick else sine.Settings()
    parts = {
        "scores": lambda: scores(settings, range(2 if quick else 10)),
        "costs": lambda: costs(settings, 2 if quick else 9),
        "choice": lambda: choice(settings, range(1 if quick else 2)),
    }
    record("sine", [result for name in names or parts for result in parts[name]()], quick=quick)


def train_seeds(settings: sine.Settings, seeds: range) -> Iterator[tuple[Any, SplitSource]]:
    """Train the networks of all seeds in one batched pass; yield each, calibrated, with its points."""
    by_seed = [replace(settings, seed=seed) for seed in seeds]
    sources = [split_points(own) for own in by_seed]
    batches_of = [training.batches(source, own) for source, own in zip(sources, by_seed, strict=True)]

    def batches(part: str, epoch: int) -> list[Batch]:
        steps = zip(*(own(part, epoch) for own in batches_of), strict=True)
        return [{name: torch.stack([batch[name] for batch in step]) for name in step[0]} for step in steps]

    networks = [sine.network(own, source.schema) for own, source in zip(by_seed, sources, strict=True)]
    ensemble = Ensemble(networks)
    *_, last = fit(
        ensemble, batches, training.nll, settings.optimisation,
        objects=sources[0].counts["train"], seed=settings.seed, own_batches=True,
    )  # fmt: skip
    ensemble.load_state_dict(last.weights)
    for model, source in zip(ensemble.members(), sources, strict=True):
        sine.calibrate(model.eval(), source)
        yield model, source


def split_points(settings: sine.Settings) -> SplitSource:
    """Simulate the points of a seed and assign them to parts as a training does."""
    source = sine.simulate(settings, settings.objects, settings.seed)
    return in_parts(source, sizes_of(settings), settings.seed, silent)


def scores(settings: sine.Settings, seeds: range) -> Iterator[dict[str, Any]]:
    """Mean and standard error over seeds of the scores in the report."""
    by_name: dict[str, list[float]] = {}
    for model, source in train_seeds(settings, seeds):
        for score in sine.evaluate(model, source, sine.Query()).metrics["scores"]:
            by_name.setdefault(score["name"], []).append(score["value"])
            if score.get("before") is not None:
                by_name.setdefault(f"{score['name']}_uncalibrated", []).append(score["before"])
        points = Points.concat(source.chunks(TEST))
        noise = (points.y - truth("sine", points.x)) / settings.sigma
        best = float(np.mean(-0.5 * noise**2 - np.log(settings.sigma) - 0.5 * np.log(2 * np.pi)))
        by_name.setdefault("log_likelihood_lost", []).append(best - by_name["log_likelihood"][-1])
    for name, values in by_name.items():
        note = f"{min(values):.3g} to {max(values):.3g}, median {np.median(values):.3g}"
        if name in PUBLISHED:
            note += f"; reference {PUBLISHED[name]}"
        yield row(name, float(np.mean(values)), error=standard_error(values), n=len(values), note=note)


def standard_error(values: list[float]) -> float | None:
    """Standard error of a mean; None for one value."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def costs(settings: sine.Settings, times: int) -> Iterator[dict[str, Any]]:
    """CPU time of short trainings, interleaved; an epoch of a long training costs the same."""
    short, source = replace(settings, epochs=10), split_points(settings)
    fixed, batches = replace(short, learned_rate=False), training.batches(source, short)
    spent = []
    for _ in range(times + 1):
        models = [sine.network(short, source.schema), sine.network(fixed, source.schema)]
        spent.append([seconds(model, batches, short) for model in (*models, grid.ensemble(short, source.schema))])
    ours, single, ensemble = np.median(spent[1:], 0)  # the first round warms up
    note = f"median of {times}: {ensemble:.2f} s over {ours:.2f} s of CPU, one thread, ten epochs"
    yield row("grid_seconds_over_ours", ensemble / ours, n=times, note=note)
    alone = len(grid.RATES) * single / ours
    yield row("grid_one_by_one_over_ours", alone, n=times, note="twelve trainings one after the other")


def seconds(model: Any, batches: Any, settings: sine.Settings) -> float:
    """Processor time of a training, which other processes on the machine do not change."""
    start = process_time()
    for _ in training.fit_states(model, batches, settings):
        pass
    return process_time() - start


def choice(settings: sine.Settings, seeds: range) -> Iterator[dict[str, Any]]:
    """Fixed rate that the validation part selects, and its gain there over the learned rates."""
    best, gain, far = [], [], []
    for seed in seeds:
        own = replace(settings, seed=seed)
        source = split_points(own)
        points, batches = Points.concat(source.chunks(VALIDATION)), training.batches(source, own)
        ensemble, ours = grid.ensemble(own, source.schema), sine.network(own, source.schema)
        for model in (ensemble, ours):
            *_, last = training.fit_states(model, batches, own)
            model.load_state_dict(last.weights)
        table = torch.stack([grid.row(network, points) for network in [*ensemble.members(), ours]])
        selected = int(table[:-1, 1].argmin())
        best.append(float(table[selected, 0]))
        gain.append(float(table[-1, 1] - table[selected, 1]))
        far.append(float(table[selected, 3] / table[-1, 3]))
    yield row("grid_rate", float(np.exp(np.mean(np.log(best)))), n=len(best), note="chosen by validation NLL")
    yield row("grid_gain", float(np.mean(gain)), "nat", error=standard_error(gain), n=len(gain),
              note="in validation log-likelihood, over the learned rates")  # fmt: skip
    yield row("grid_far_over_ours", float(np.mean(far)), error=standard_error(far), n=len(far),
              note="epistemic error beyond the range, over that of the learned rates")  # fmt: skip


if __name__ == "__main__":
    main("--quick" in sys.argv[1:], [word for word in sys.argv[1:] if not word.startswith("-")])
