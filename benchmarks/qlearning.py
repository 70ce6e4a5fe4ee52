"""The lecture's two networks for action values: `python benchmarks/qlearning.py [--quick]`.

Both learn the values of the chain from sampled steps, and are compared with the exact ones. Then the time to value all
actions is measured: one pass with the state as the input, one per action with state and action as the input.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from record import record, row
from skysure.applications import chain
from skysure.applications.chain.environments import process
from skysure.methods.qlearning import (
    StateActionNetwork,
    StateNetwork,
    fit_action_values,
    optimal_values,
    sample_transitions,
)

NETWORKS = {"state in": StateNetwork, "state and action in": StateActionNetwork}
DISCOUNT = 0.9


def largest_errors(steps: int, seeds: int) -> Iterator[dict[str, Any]]:
    """Largest relative error of Q of each network, in per cent, and the larger one of both means."""
    transition, reward = process(chain.Settings())
    exact, means = optimal_values(transition, reward, DISCOUNT), []
    for name, network in NETWORKS.items():
        errors = []
        for seed in range(seeds):
            torch.manual_seed(seed)
            model = network(5, 2, hidden=32, scale=30.0)
            batches = sample_transitions(transition, reward, DISCOUNT, rows=4000, seed=seed)
            list(fit_action_values(model, batches, steps))
            errors.append(100 * np.abs(model(torch.eye(5)).detach().numpy() / exact - 1).max())
        means.append(float(np.mean(errors)))
        error = float(np.std(errors, ddof=1) / np.sqrt(seeds))
        yield row(f"{name}: largest error of Q*", means[-1], "%", error=error, n=seeds)
    yield row("two_networks_error", max(means), "%", n=seeds, note="mean over seeds, the worse of both networks")


def passes(repeats: int) -> Iterator[dict[str, Any]]:
    """CPU time to value all actions in 256 states: state and action in, over state in; least of the repeats."""
    states = torch.randn(256, 16)
    for actions in (2, 4, 18):
        seconds = dict.fromkeys(NETWORKS, np.inf)
        models = {name: network(16, actions, hidden=256) for name, network in NETWORKS.items()}
        for _ in range(repeats):
            for name, model in models.items():
                start = time.process_time()
                with torch.no_grad():
                    model(states)
                seconds[name] = min(seconds[name], time.process_time() - start)
        ratio = seconds["state and action in"] / seconds["state in"]
        yield row(f"{actions} actions: passes over one pass", ratio, "x", n=repeats)


def main(quick: bool) -> None:
    """Measure and record."""
    torch.set_num_threads(1)
    rows = [*largest_errors(steps=600, seeds=2 if quick else 3), *passes(repeats=30 if quick else 100)]
    record("qlearning", rows, quick=quick)


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
