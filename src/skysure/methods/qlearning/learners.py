"""Four learners of tables, each a small difference to Q-learning, and the episode in which they learn.

All move Q(s, a) towards r + γ v(s'). They differ in the value v of the next state, or in how far back the error goes:

    Q-learning   v = max_a' Q(s', a')                              Watkins & Dayan (1992), equation 1
    Sarsa        v = Q(s', a'), a' the action that is taken        Rummery & Niranjan (1994)
    double       v = Q_2(s', argmax_a' Q_1(s', a'))                van Hasselt (2010), algorithm 1
    Q(λ)         v = max_a' Q(s', a'), for all recent (s, a)       Watkins (1989), chapter 7
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from gymnasium.vector import VectorEnv
from jaxtyping import Bool, Float, Int

from .tabular import Rule, Tables, choose, update


@dataclass(frozen=True)
class Step:
    """A step of all agents: state, action, reward, next state and the action chosen there.

    Parameters
    ----------
    s_tm1, a_tm1, r_t, s_t, ended, live : ndarray, shape (agent,)
        See `update`.
    a_t : ndarray of int, shape (agent,)
        The next action, chosen before this step is learned.
    """

    s_tm1: Int[np.ndarray, " agent"]
    a_tm1: Int[np.ndarray, " agent"]
    r_t: Float[np.ndarray, " agent"]
    s_t: Int[np.ndarray, " agent"]
    ended: Bool[np.ndarray, " agent"]
    live: Bool[np.ndarray, " agent"]
    a_t: Int[np.ndarray, " agent"]


class Learner(Protocol):
    """What learns during one episode.

    Attributes
    ----------
    takes_next_action : bool
        Whether the action `Step.a_t` is taken. Otherwise the action is chosen again from what was learned.
    """

    takes_next_action: bool

    def values(self, state: Int[np.ndarray, " agent"]) -> Float[np.ndarray, "action agent"]:
        """Return the values by which the agents act."""
        ...

    def learn(self, step: Step) -> None:
        """Update the tables, in place."""
        ...


class QLearning:
    """The next state is worth its best action, whatever is done there (off-policy)."""

    takes_next_action = False

    def __init__(self, tables: Tables, rule: Rule, random: np.random.Generator) -> None:
        self.tables, self.rule = tables, rule
        self.values = tables.at

    def learn(self, step: Step) -> None:
        """Move Q(s, a) towards r + γ max_a' Q(s', a')."""
        update(self.tables, self.rule, step.s_tm1, step.a_tm1, step.r_t, step.s_t, step.ended, step.live)


class Sarsa:
    """The next state is worth the action taken there, exploration included (on-policy).

    At a constant ε it converges to the values of the best ε-greedy policy, and to Q* only as ε goes to zero.
    """

    takes_next_action = True

    def __init__(self, tables: Tables, rule: Rule, random: np.random.Generator) -> None:
        self.tables, self.rule = tables, rule
        self.values = tables.at

    def learn(self, step: Step) -> None:
        """Move Q(s, a) towards r + γ Q(s', a')."""
        next_value = np.take_along_axis(self.tables.at(step.s_t), step.a_t[None], axis=0)[0]
        update(self.tables, self.rule, step.s_tm1, step.a_tm1, step.r_t, step.s_t, step.ended, step.live, next_value)


class DoubleQ:
    """One table names the best action, the other says what it is worth: the maximum over noise is not biased upwards.

    Each agent has two tables, rows i and i + agents of `Tables`; a coin decides which one learns from a step. Agents
    act by the mean of both.
    """

    takes_next_action = False

    def __init__(self, tables: Tables, rule: Rule, random: np.random.Generator) -> None:
        self.tables, self.rule, self.random = tables, rule, random

    def values(self, state: Int[np.ndarray, " agent"]) -> Float[np.ndarray, "action agent"]:
        """Return the mean of both tables."""
        return self._pairs(state).mean(axis=1)

    def learn(self, step: Step) -> None:
        """Move Q_1(s, a) towards r + γ Q_2(s', argmax_a' Q_1(s', a')), or the same with 1 and 2 exchanged."""
        q = self._pairs(step.s_t)
        next_value = np.take_along_axis(q[:, ::-1], q.argmax(axis=0)[None], axis=0).reshape(-1)
        first = self.random.random(len(step.live)) < 0.5
        transition = (step.s_tm1, step.a_tm1, step.r_t, step.s_t, step.ended)
        live = np.concatenate([step.live & first, step.live & ~first])
        update(self.tables, self.rule, *(np.tile(array, 2) for array in transition), live, next_value)

    def _pairs(self, state: Int[np.ndarray, " agent"]) -> Float[np.ndarray, "action table agent"]:
        return self.tables.at(np.tile(state, 2)).reshape(-1, 2, len(state))


class WatkinsQ:
    """The error of a step also changes the actions that led there, by their eligibility e(s, a).

        Q(s, a) <- Q(s, a) + α δ e(s, a),   δ = r + γ max_a' Q(s', a') - Q(s, a)

    e is 1 at the last visit and shrinks by γλ at each step. At an action that is not greedy all e are set to 0, since
    what follows says nothing about the greedy policy. Replacing traces: Singh & Sutton (1996).
    """

    takes_next_action = False

    def __init__(self, tables: Tables, rule: Rule, random: np.random.Generator) -> None:
        self.tables, self.rule = tables, rule
        self.values = tables.at
        self.eligibility = np.zeros_like(tables.values)

    def learn(self, step: Step) -> None:
        """Pass the error of a step back along the greedy actions before it."""
        q_tm1, agents = self.tables.at(step.s_tm1), np.arange(len(step.live))
        predicted, q_t = q_tm1[step.a_tm1, agents], self.tables.at(step.s_t).max(axis=0) * ~step.ended
        is_greedy = predicted == q_tm1.max(axis=0)
        self.eligibility *= (self.rule.discount * self.rule.trace * is_greedy)[:, None]
        self.eligibility[step.a_tm1, agents, step.s_tm1] = 1
        self.tables.visits[step.a_tm1, agents, step.s_tm1] += step.live
        alpha = self.rule.step_size * np.maximum(self.tables.visits, 1) ** -self.rule.step_power
        error = step.live * (step.r_t + self.rule.discount * q_t - predicted)
        values = self.tables.values
        values += alpha * error[:, None] * self.eligibility


LEARNERS: dict[str, type[QLearning | Sarsa | DoubleQ | WatkinsQ]] = {
    "q-learning": QLearning,
    "sarsa": Sarsa,
    "double": DoubleQ,
    "q-lambda": WatkinsQ,
}


def tables_per_agent(method: str) -> int:
    """Return how many tables an agent has: two for double Q-learning."""
    return 2 if method == "double" else 1


def play_episode(
    env: VectorEnv, tables: Tables, rule: Rule, epsilon: float, horizon: int, seed: int, episode: int
) -> Float[np.ndarray, " agent"]:
    """Play one episode with every agent, with an update at each step; return the total reward of each.

    Parameters
    ----------
    env : VectorEnv
        One environment per agent, with discrete states and actions. Its `reset` receives a list of seeds.
    tables : Tables
        Of all agents, twice as many for double Q-learning. Changed in place.
    rule : Rule
    epsilon : float
        ε, probability of a random action.
    horizon : int
        Maximum number of steps. An agent whose episode ends earlier waits for the others.
    seed, episode : int
        All random numbers are derived from these two.
    """
    agents, actions = env.num_envs, len(tables.values)
    random = np.random.default_rng([seed, episode])
    s_t, _ = env.reset(seed=random.integers(2**31, size=agents).tolist())
    explores = random.random((horizon, agents)) < epsilon
    random_action = random.integers(actions, size=(horizon, agents))
    learner: Learner = LEARNERS[rule.method](tables, rule, random)
    a_t = choose(learner.values(s_t), explores[0], random_action[0])
    returns, live = np.zeros(agents), np.ones(agents, dtype=bool)
    for t in range(horizon):
        s_tm1, a_tm1 = s_t, a_t
        s_t, r_t, ended, cut, _ = env.step(a_tm1)
        later = (t + 1) % horizon  # the action after the last step is never taken
        if learner.takes_next_action:
            a_t = choose(learner.values(s_t), explores[later], random_action[later])
        learner.learn(Step(s_tm1, a_tm1, r_t, s_t, ended, live, a_t))
        if not learner.takes_next_action:
            a_t = choose(learner.values(s_t), explores[later], random_action[later])
        returns += live * r_t
        live = live & ~(ended | cut)
        if not live.any():
            break
    return returns
