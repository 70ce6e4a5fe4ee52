"""The exact solution of the chain: values, best policy, and how it depends on the discount."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from skysure.methods.qlearning import (
    deterministic_policies,
    finite_optimal_values,
    mean_reward,
    optimal_values,
    policy_values,
)

from .environments import FORWARD, process
from .settings import Settings

DISCOUNTS = np.arange(0, 1, 0.005)


def exact_values(settings: Settings, discount: float) -> Float[np.ndarray, "state action"]:
    """Q*; for a discount of 1, of the undiscounted return over an episode."""
    transition, reward = process(settings)
    if discount == 1:
        return finite_optimal_values(transition, reward, settings.horizon)
    return optimal_values(transition, reward, discount)


def best_return(settings: Settings) -> float:
    """Mean return over an episode of the best stationary deterministic policy."""
    transition, reward = process(settings)
    policies = deterministic_policies(settings.length, 2)
    return float(policy_values(transition, reward, policies, settings.horizon)[:, 0].max())


def random_return(settings: Settings) -> float:
    """Mean return over an episode of uniformly random actions: a process with one action, their mean."""
    transition, reward = process(settings)
    mean_rewards = np.broadcast_to(mean_reward(transition, reward).mean(axis=1)[:, None, None], transition[:, :1].shape)
    policy = np.zeros((1, settings.length), dtype=int)
    mean_transition = transition.mean(axis=1, keepdims=True)
    return float(policy_values(mean_transition, mean_rewards, policy, settings.horizon)[0, 0])


def by_discount(settings: Settings) -> dict[str, Any]:
    """The best action of each state against the discount, and its return in an episode.

    Returns
    -------
    dict
        "discount"; "advantage" (state, discount), value of forward minus backward, as a share of the larger one;
        "return" over an episode, undiscounted. The last discount is 1, with the episode's horizon.
    """
    transition, reward = process(settings)
    discounts = [*DISCOUNTS.tolist(), 1.0]
    q = np.stack([exact_values(settings, discount) for discount in discounts])
    policies = q.argmax(axis=2)
    returns = policy_values(transition, reward, policies, settings.horizon)[:, 0]
    gap = q[:, :, FORWARD] - q[:, :, 1 - FORWARD]
    size = np.abs(q).max(axis=2)
    advantage = np.divide(gap, size, out=np.zeros_like(gap), where=size > 0)
    return {"discount": discounts, "advantage": advantage.T.tolist(), "return": returns.tolist()}
