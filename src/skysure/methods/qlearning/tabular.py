"""Tabular Q-learning of many agents side by side.

Watkins & Dayan (1992), equation 1. After a step from s to s' by action a with reward r,

    Q(s, a) <- Q(s, a) + α [r + γ max_a' Q(s', a') - Q(s, a)]

with a step size α = α₁ n^-p at the n-th visit of (s, a). It is constant for p = 0; for 1/2 < p <= 1 it decreases slowly
enough to forget the initial values and fast enough to average the noise, and Q converges to Q* (Even-Dar & Mansour
2003). An agent acts at random in a state whose values are all zero, and with probability ε elsewhere; otherwise it
takes the action of largest value (ε-greedy).

Agents are independent: they differ only in their random numbers, and their scatter is the uncertainty of the learned
values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class Rule:
    """Update rule of Q-learning.

    Parameters
    ----------
    discount : float
        γ, the weight of a reward one step later.
    step_size : float
        α₁, the step size at the first visit.
    step_power : float
        p, the power of the decrease of the step size with the visits.
    method : {"q-learning", "sarsa", "double", "q-lambda"}
        Which learner of `learners.py`.
    trace : float
        λ of "q-lambda": 0 is Q-learning, larger values pass an error further back.
    placement : {"standard", "lecture"}
        "lecture" does not multiply the reward by α: Q <- Q + r + α (γ max Q' - Q). For constant α this is the standard
        update of αQ: the same policy, with values that are too large by 1/α.
    """

    discount: float = 0.95
    step_size: float = 1.0
    step_power: float = 0.0
    method: Literal["q-learning", "sarsa", "double", "q-lambda"] = "q-learning"
    trace: float = 0.0
    placement: Literal["standard", "lecture"] = "standard"


@dataclass(frozen=True)
class Tables:
    """Q-tables of agents: the value of each action in each state, and the number of visits.

    The action axis is first, so that a maximum over actions is one pass over all agents.

    Parameters
    ----------
    values : ndarray of float64, shape (action, agent, state)
    visits : ndarray of int64, shape (action, agent, state)
        Both are changed in place, and must be contiguous.
    """

    values: Float[np.ndarray, "action agent state"]
    visits: Int[np.ndarray, "action agent state"]

    @classmethod
    def empty(cls, agents: int, states: int, actions: int) -> Tables:
        """Create tables with all values zero."""
        shape = (actions, agents, states)
        return cls(np.zeros(shape), np.zeros(shape, dtype=np.int64))

    def at(self, state: Int[np.ndarray, " agent"]) -> Float[np.ndarray, "action agent"]:
        """Return the values of all actions in the state of each agent."""
        return self.values.reshape(len(self.values), -1).take(self.rows(state), axis=1)

    def rows(self, state: Int[np.ndarray, " agent"]) -> Int[np.ndarray, " agent"]:
        """Return the index of the state of each agent in a table with the last two axes flattened."""
        _, agents, states = self.values.shape
        return np.arange(0, agents * states, states) + state


def choose(
    q: Float[np.ndarray, "action agent"],
    explores: Bool[np.ndarray, " agent"],
    random_action: Int[np.ndarray, " agent"],
) -> Int[np.ndarray, " agent"]:
    """Choose the action of largest value; a random one if the agent explores or all values are zero.

    >>> q = np.array([[0.0, 1.0, 1.0], [0.0, 2.0, 2.0]])
    >>> choose(q, explores=np.array([False, False, True]), random_action=np.array([0, 0, 0]))
    array([0, 1, 0])
    """
    return np.where(explores | ~q.any(axis=0), random_action, q.argmax(axis=0))


def update(
    tables: Tables,
    rule: Rule,
    s_tm1: Int[np.ndarray, " agent"],
    a_tm1: Int[np.ndarray, " agent"],
    r_t: Float[np.ndarray, " agent"],
    s_t: Int[np.ndarray, " agent"],
    ended: Bool[np.ndarray, " agent"],
    live: Bool[np.ndarray, " agent"],
    next_value: Float[np.ndarray, " agent"] | None = None,
) -> None:
    """Move Q(s, a) of every agent towards its target, in place.

    Parameters
    ----------
    tables : Tables
    rule : Rule
    s_tm1, a_tm1, r_t, s_t : ndarray, shape (agent,)
        State, action, reward, next state.
    ended : ndarray of bool, shape (agent,)
        Whether the episode terminated, so that the next state has no value. A time limit is not termination.
    live : ndarray of bool, shape (agent,)
        Whether each agent took this step; others are not updated.
    next_value : ndarray, shape (agent,), optional
        Value of the next state; by default that of its best action, max_a' Q(s', a').
    """
    values, visits = tables.values.reshape(-1), tables.visits.reshape(-1)
    cell = a_tm1 * (len(values) // len(tables.values)) + tables.rows(s_tm1)
    n = visits[cell] + 1
    alpha = rule.step_size * n**-rule.step_power
    q_tm1 = values[cell]
    q_t = (tables.at(s_t).max(axis=0) if next_value is None else next_value) * ~ended
    if rule.placement == "standard":
        change = alpha * (r_t + rule.discount * q_t - q_tm1)
    else:
        change = r_t + alpha * (rule.discount * q_t - q_tm1)
    values[cell] = q_tm1 + live * change
    visits[cell] += live
