"""Q-learning: what an action is worth, learned from rewards alone, and the exact values to hold it against."""

from .exact import (
    deterministic_policies,
    finite_optimal_values,
    mean_reward,
    optimal_values,
    policy_values,
)
from .tabular import Rule, Tables, choose, play_episode, update

__all__ = [
    "Rule",
    "Tables",
    "choose",
    "deterministic_policies",
    "finite_optimal_values",
    "mean_reward",
    "optimal_values",
    "play_episode",
    "policy_values",
    "update",
]
