"""An agent at play: one chain, step by step, by the actions that look best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .environments import Chain, States
from .networks import Agents
from .prediction import predict
from .settings import Query, Settings


def play(model: Agents, settings: Settings, steps: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield a record a step: the state, the action taken, how sure it is to be best, and what it paid."""
    chain = Chain(settings.length, settings.slip, settings.small, settings.large, settings.horizon)
    learned = predict(model, States(np.arange(settings.length)), Query())
    state, _ = chain.reset(seed=seed)
    total = 0.0
    for step in range(1, min(steps, settings.horizon) + 1):
        action = int(learned.ranked[state, 0])
        reached, reward, _, _, _ = chain.step(action)
        total += reward
        yield {
            "step": step, "state": state, "action": model.actions[action], "reaches": int(reached),
            "reward": reward, "return": total, "p_best": round(float(learned.best_probability[state]), 3),
        }  # fmt: skip
        state = reached
