"""Q-learning: returns, tables, and exact values of finite Markov decision processes for comparison."""

from .exact import (
    bellman_backup,
    deterministic_policies,
    finite_optimal_values,
    mean_reward,
    optimal_values,
    policy_values,
)
from .learners import LEARNERS, play_episode, tables_per_agent
from .returns import (
    discounted_returns,
    future_rewards,
    lambda_returns,
    n_step_returns,
    one_step_target,
    total_reward,
)
from .tabular import Rule, Tables, choose, update

__all__ = [
    "LEARNERS",
    "Rule",
    "Tables",
    "bellman_backup",
    "choose",
    "deterministic_policies",
    "discounted_returns",
    "finite_optimal_values",
    "future_rewards",
    "lambda_returns",
    "mean_reward",
    "n_step_returns",
    "one_step_target",
    "optimal_values",
    "play_episode",
    "policy_values",
    "tables_per_agent",
    "total_reward",
    "update",
]
