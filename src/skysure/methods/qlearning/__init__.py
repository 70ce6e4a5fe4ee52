"""Q-learning: returns, tables, networks, and exact values of finite Markov decision processes for comparison."""

from .action_values import (
    StateActionNetwork,
    StateNetwork,
    Transitions,
    bellman_error,
    fit_action_values,
    sample_transitions,
)
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
    "StateActionNetwork",
    "StateNetwork",
    "Tables",
    "Transitions",
    "bellman_backup",
    "bellman_error",
    "choose",
    "deterministic_policies",
    "discounted_returns",
    "finite_optimal_values",
    "fit_action_values",
    "future_rewards",
    "lambda_returns",
    "mean_reward",
    "n_step_returns",
    "one_step_target",
    "optimal_values",
    "play_episode",
    "policy_values",
    "sample_transitions",
    "tables_per_agent",
    "total_reward",
    "update",
]
