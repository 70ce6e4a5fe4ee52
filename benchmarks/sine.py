"""A sine learned with error bars, beside the truth: `python benchmarks/sine.py [--quick] [scores|costs|choice]...`.

Ten seeds, each with its own points, parts and network, trained in one batched pass as `skysure train sine` trains one;
the scores of their test parts; and what a grid of twelve fixed rates finds and costs.
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
from skysure.applications.sine.points import joined
from skysure.data.sources import TEST, VALIDATION, SplitSource
from skysure.methods.ensembles import Ensemble
from skysure.training import Batch, fit
from skysure.verbs.progress import silent
from skysure.verbs.split import in_parts, sizes_of

PUBLISHED = {"log_likelihood": 0.739, "aleatoric_std": 0.124, "epistemic_std": 0.046, "coverage_683": 75.8}
"""One run of the same network without our schedule, normalisation and calibration."""


def main(quick: bool, asked: list[str]) -> None:
    """Measure and record, all or what is asked for."""
    torch.set_num_threads(1)
    settings = sine.Settings(epochs=40) if quick else sine.Settings()
    parts = {
        "scores": lambda: scores(settings, range(2 if quick else 10)),
        "costs": lambda: costs(settings, 2 if quick else 9),
        "choice": lambda: choice(settings, range(1 if quick else 2)),
    }
    record("sine", [found for part in asked or parts for found in parts[part]()], quick=quick)


def trained(settings: sine.Settings, seeds: range) -> Iterator[tuple[Any, SplitSource]]:
    """Train, calibrate and give the network of each seed, with its points; all in one batched pass."""
    each = [replace(settings, seed=seed) for seed in seeds]
    sources = [parted(one) for one in each]
    dealt = [training.batches(source, one) for source, one in zip(sources, each, strict=True)]

    def batches(part: str, epoch: int) -> list[Batch]:
        steps = zip(*(of(part, epoch) for of in dealt), strict=True)
        return [{name: torch.stack([batch[name] for batch in step]) for name in step[0]} for step in steps]

    networks = [sine.network(one, source.schema) for one, source in zip(each, sources, strict=True)]
    ensemble = Ensemble(networks)
    *_, last = fit(
        ensemble, batches, training.nll, settings.optimisation,
        objects=sources[0].counts["train"], seed=settings.seed, own_batches=True,
    )  # fmt: skip
    ensemble.load_state_dict(last.weights)
    for model, source in zip(ensemble.members(), sources, strict=True):
        sine.calibrate(model.eval(), source)
        yield model, source


def parted(settings: sine.Settings) -> SplitSource:
    """Simulate the points of a seed, and divide them as a training does."""
    return in_parts(sine.simulate(settings, settings.objects, settings.seed), sizes_of(settings), settings.seed, silent)


def scores(settings: sine.Settings, seeds: range) -> Iterator[dict[str, Any]]:
    """Means and their errors over the seeds, of the scores as the report shows them."""
    found: dict[str, list[float]] = {}
    for model, source in trained(settings, seeds):
        for score in sine.evaluate(model, source, sine.Query()).metrics["scores"]:
            found.setdefault(score["name"], []).append(score["value"])
            if score.get("before") is not None:
                found.setdefault(f"{score['name']}_uncalibrated", []).append(score["before"])
        points = joined(source.chunks(TEST))
        noise = (points.y - truth("sine", points.x)) / settings.sigma
        best = float(np.mean(-0.5 * noise**2 - np.log(settings.sigma) - 0.5 * np.log(2 * np.pi)))
        found.setdefault("log_likelihood_lost", []).append(best - found["log_likelihood"][-1])
    for name, values in found.items():
        note = f"{min(values):.3g} to {max(values):.3g}, median {np.median(values):.3g}"
        if name in PUBLISHED:
            note += f"; reference {PUBLISHED[name]}"
        yield row(name, float(np.mean(values)), error=standard_error(values), n=len(values), note=note)


def standard_error(values: list[float]) -> float | None:
    """Standard error of a mean; None for one value."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


def costs(settings: sine.Settings, times: int) -> Iterator[dict[str, Any]]:
    """CPU seconds of a short training of each kind, taken in turn; an epoch costs the same in a long one."""
    short, source = replace(settings, epochs=10), parted(settings)
    fixed, batches = replace(short, learned_rate=False), training.batches(source, short)
    spent = []
    for _ in range(times + 1):
        models = [sine.network(short, source.schema), sine.network(fixed, source.schema)]
        spent.append([seconds(model, batches, short) for model in (*models, grid.ensemble(short, source.schema))])
    ours, one, together = np.median(spent[1:], 0)  # the first round warms up
    note = f"median of {times}: {together:.2f} s over {ours:.2f} s of CPU, one thread, ten epochs"
    yield row("grid_seconds_over_ours", together / ours, n=times, note=note)
    alone = len(grid.RATES) * one / ours
    yield row("grid_one_by_one_over_ours", alone, n=times, note="twelve trainings one after the other")


def seconds(model: Any, batches: Any, settings: sine.Settings) -> float:
    """Time a training; by the time of this process, since others may share the machine."""
    start = process_time()
    for _ in training.fit_states(model, batches, settings):
        pass
    return process_time() - start


def choice(settings: sine.Settings, seeds: range) -> Iterator[dict[str, Any]]:
    """Ask which fixed rate the validation part chooses, and what it gains there over the learned ones."""
    best, gain, far = [], [], []
    for seed in seeds:
        mine = replace(settings, seed=seed)
        source = parted(mine)
        points, given = joined(source.chunks(VALIDATION)), (training.batches(source, mine), mine)
        together, ours = grid.ensemble(mine, source.schema), sine.network(mine, source.schema)
        for model in (together, ours):
            *_, last = training.fit_states(model, *given)
            model.load_state_dict(last.weights)
        table = torch.stack([grid.row(one, points) for one in [*together.members(), ours]])
        chosen = int(table[:-1, 1].argmin())
        best.append(float(table[chosen, 0]))
        gain.append(float(table[-1, 1] - table[chosen, 1]))
        far.append(float(table[chosen, 3] / table[-1, 3]))
    yield row("grid_rate", float(np.exp(np.mean(np.log(best)))), n=len(best), note="chosen by validation NLL")
    yield row("grid_gain", float(np.mean(gain)), "nat", error=standard_error(gain), n=len(gain),
              note="in validation log-likelihood, over the learned rates")  # fmt: skip
    yield row("grid_far_over_ours", float(np.mean(far)), error=standard_error(far), n=len(far),
              note="epistemic error beyond the range, over that of the learned rates")  # fmt: skip


if __name__ == "__main__":
    main("--quick" in sys.argv[1:], [word for word in sys.argv[1:] if not word.startswith("-")])
