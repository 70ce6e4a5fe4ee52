"""Tabular Q-learning, and exact values of finite Markov decision processes for comparison."""

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
