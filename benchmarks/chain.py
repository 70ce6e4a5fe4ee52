"""Agents on the chain compared with the exact optimum: `python benchmarks/chain.py [--quick]`.

Compares the exact values with a reference, then measures the lecture's agent, its two corrections and the default: the
mean exact return of the greedy policies, the share of agents within 1 % of the best return, and the speed of learning.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from record import record, row
from skysure.application import preset
from skysure.applications import chain
from skysure.applications.chain.environments import States
from skysure.applications.chain.evaluation import NEAR
from skysure.applications.chain.truth import best_return, exact_values, random_return
from skysure.evaluation.episodes import proportion
from skysure.settings import build

Q_STAR = [[61.38, 64.89, 69.51, 75.59, 83.59], [60.58, 61.46, 62.61, 64.13, 66.13]]
REFERENCE = {
    "lecture": ("1548", "1 %"),
    "lecture-epsilon": ("2378", "24 %"),
    "epsilon-small-step": ("3601", "90 %"),
}


def exact_rows() -> Iterator[dict[str, Any]]:
    """Compare exact values with the rounded ones of the reference."""
    settings = chain.Settings()
    yield row("best return, exact", best_return(settings), note="reference 3663.7")
    yield row("random return, exact", random_return(settings), note="reference 1311.3")
    distance = np.abs(exact_values(settings, 0.95).T - Q_STAR).max()
    yield row("Q* at 0.95, largest distance", distance, note="reference rounded to 0.005")


def train_agents(name: str | None, **fields: Any) -> Iterator[dict[str, Any]]:
    """Train the agents of a preset and score their final policies."""
    settings = build(chain.Settings, preset("chain", name), fields)
    start = time.process_time()
    *_, last = chain.train(chain.environment(settings), settings)
    seconds = time.process_time() - start
    returns = last.tensors["model.return_history"][-1].numpy()
    n, best = len(returns), best_return(settings)
    share, low, high = proportion(int((returns >= NEAR * best).sum()), n)
    label, (mean, optimal) = name or "default", REFERENCE.get(name or "", ("", ""))
    note = {"return": f"of {best:.1f}", "optimal": ""}
    if mean:
        note = {"return": f"reference, 100 agents: {mean}", "optimal": f"reference, 100 agents: {optimal}"}
    error = float(returns.std(ddof=1) / np.sqrt(n))
    yield row(f"{label}: return", float(returns.mean()), error=error, n=n, note=note["return"])
    yield row(f"{label}: optimal", 100 * share, "%", error=50 * (high - low), n=n, note=note["optimal"])
    if name is None:
        model = chain.network(settings, chain.Schema())
        model.load_state_dict(last.weights)
        actions = chain.predict(model, States(np.arange(settings.length)), chain.Query())
        distance = np.abs(actions.values - exact_values(settings, settings.discount))
        yield row(f"{label}: learned Q, largest distance", float(distance.max()), n=n)
        yield row(f"{label}: the same in its errors", float((distance / actions.values_error).max()), "σ", n=n)
        steps = settings.agents * settings.episodes * settings.horizon
        yield row("agent steps a CPU second", steps / seconds / 1e6, "million", n=steps)


def main(quick: bool) -> None:
    """Measure and record."""
    rows = list(exact_rows())
    for name in ("lecture", "lecture-epsilon", "epsilon-small-step", None):
        rows += train_agents(name)
        if not quick:
            rows += [r | {"measure": f"{r['measure']}, 1000 agents"} for r in train_agents(name, agents=1000)]
    record("chain", rows, quick=quick)


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
