"""Watch an agent on one chain, step by step, take the actions with the highest values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .environments import ChainVector, States
from .networks import Agents
from .prediction import predict
from .settings import Play, Query


def play(model: Agents, environment: ChainVector, play: Play) -> Iterator[dict[str, Any]]:
    """Let the first agent of an environment act by the mean values of all agents.

    Yields
    ------
    dict
        A record per step: the state, the action, its reward, and the probability that the action is the best.
    """
    prediction = predict(model, States(np.arange(environment.length)), Query())
    states, _ = environment.reset(seed=play.seed)
    total = 0.0
    for step in range(1, min(play.steps, environment.horizon) + 1):
        state = int(states[0])
        action = int(prediction.ranked[state, 0])
        states, rewards, _, _, _ = environment.step(np.full(environment.num_envs, action))
        total += float(rewards[0])
        yield {
            "step": step, "state": state, "action": model.actions[action], "reaches": int(states[0]),
            "reward": float(rewards[0]), "return": total,
            "p_best": round(float(prediction.best_probability[state]), 3),
        }  # fmt: skip
