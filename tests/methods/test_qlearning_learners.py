"""Sarsa, double Q-learning and Watkins' Q(λ) against exact values, closed forms, and Q-learning."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from jaxtyping import config

from skysure.applications import chain
from skysure.applications.chain.environments import ChainVector, process
from skysure.methods.qlearning import Rule, Tables, mean_reward, optimal_values, play_episode, tables_per_agent
from skysure.methods.qlearning.learners import DoubleQ, QLearning, Step, WatkinsQ

AGENTS, EPSILON, DISCOUNT = 100, 0.5, 0.5


@pytest.fixture(autouse=True, scope="module")
def unchecked() -> Iterator[None]:
    """Hundreds of thousands of steps, without the check of every shape."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def learn_chain(method: str, trace: float = 0.0, episodes: int = 6) -> np.ndarray:
    """Values of the agents after some episodes on the chain at a constant ε, shape (agent, state, action)."""
    tables = Tables.empty(AGENTS * tables_per_agent(method), 5, 2)
    rule = Rule(DISCOUNT, 1.0, 0.6, method=method, trace=trace)  # type: ignore[arg-type]
    for episode in range(episodes):
        play_episode(ChainVector(AGENTS), tables, rule, EPSILON, 1000, 0, episode)
    return tables.values.reshape(2, -1, AGENTS, 5).mean(axis=1).transpose(1, 2, 0)


def best_while_exploring() -> np.ndarray:
    """Values of the best ε-greedy policy: the fixed point of the backup with (1 - ε) max Q + ε mean Q."""
    transition, reward = process(chain.Settings())
    q = np.zeros((5, 2))
    for _ in range(2000):
        v = (1 - EPSILON) * q.max(axis=1) + EPSILON * q.mean(axis=1)
        q = mean_reward(transition, reward) + DISCOUNT * transition @ v
    return q


@pytest.mark.parametrize(("method", "trace"), [("q-learning", 0.0), ("double", 0.0), ("q-lambda", 0.7)])
def test_off_policy_learners_converge_to_the_optimum_while_they_explore(method: str, trace: float) -> None:
    q_star = optimal_values(*process(chain.Settings()), DISCOUNT)
    values = learn_chain(method, trace)
    np.testing.assert_allclose(values.mean(axis=0), q_star, rtol=0.02)


def test_sarsa_converges_to_the_best_policy_that_explores() -> None:
    values = learn_chain("sarsa", episodes=10).mean(axis=0)
    exploring, q_star = best_while_exploring(), optimal_values(*process(chain.Settings()), DISCOUNT)
    np.testing.assert_allclose(values, exploring, rtol=0.02)
    assert np.abs(exploring / q_star - 1).max() > 0.1, "the two truths are told apart"


def test_without_a_trace_watkins_method_is_q_learning() -> None:
    np.testing.assert_allclose(learn_chain("q-lambda", 0.0, 3), learn_chain("q-learning", episodes=3), rtol=1e-12)


def walk(learner: WatkinsQ, rewards: list[float], actions: list[int]) -> None:
    """One agent walks a corridor from state 0 on; the last step terminates."""
    live = np.array([True])
    for s, (r, a) in enumerate(zip(rewards, actions, strict=True)):
        ended = np.array([s == len(rewards) - 1])
        step = Step(np.array([s]), np.array([a]), np.array([r]), np.array([s + 1]), ended, live, np.array([0]))
        learner.learn(step)


def test_a_trace_passes_a_reward_back_in_one_episode() -> None:
    """In an empty table a reward r at the end gives Q(s_k) = α r (γλ)^(steps to the end)."""
    tables, rule = Tables.empty(1, 5, 2), Rule(0.9, 0.5, method="q-lambda", trace=0.8)
    walk(WatkinsQ(tables, rule, np.random.default_rng(0)), [0, 0, 0, 10.0], [0, 0, 0, 0])
    np.testing.assert_allclose(tables.values[0, 0, :4], 5.0 * 0.72 ** np.arange(3, -1, -1), rtol=1e-12)


def test_an_exploring_action_cuts_the_trace() -> None:
    tables, rule = Tables.empty(1, 5, 2), Rule(0.9, 0.5, method="q-lambda", trace=0.8)
    tables.values[0, 0, 2] = 1e-9  # action 0 is the greedy one in state 2, and action 1 is taken
    walk(WatkinsQ(tables, rule, np.random.default_rng(0)), [0, 0, 0, 10.0], [0, 0, 1, 0])
    assert tables.values[1, 0, 2] == pytest.approx(5 * 0.72)
    assert np.abs(tables.values[0, 0, :2]).max() < 1e-8


def bandit_value(learner: type[QLearning | DoubleQ], tables: Tables) -> np.ndarray:
    """Value of a state before which nothing is paid, and in which ten actions pay noise of mean zero."""
    random, agents = np.random.default_rng(1), 300
    learn = learner(tables, Rule(1.0, 1.0, 1.0), random).learn
    one, live, zero = np.ones(agents, dtype=int), np.ones(agents, dtype=bool), np.zeros(agents, dtype=int)
    for pull in range(100):
        rewards = random.normal(size=agents)
        learn(Step(one, np.full(agents, pull % 10), rewards, one, live, live, zero))
        learn(Step(zero, zero, np.zeros(agents), one, ~live, live, zero))
    return tables.values[0].reshape(-1, agents, 2)[:, :, 0].mean(axis=0)


def test_two_tables_remove_the_bias_of_the_maximum() -> None:
    """The true value is 0; the maximum of ten noisy means is above it, by 0.5 to 1.5 here."""
    single = bandit_value(QLearning, Tables.empty(300, 2, 10))
    double = bandit_value(DoubleQ, Tables.empty(600, 2, 10))
    assert single.mean() > 0.5
    assert abs(double.mean()) < 4 * double.std() / np.sqrt(300)


@pytest.mark.parametrize("method", ["sarsa", "double", "q-lambda"])
def test_an_episode_follows_from_seed_and_number(method: str) -> None:
    first, again = (learn_chain(method, 0.5, episodes=1) for _ in range(2))
    assert np.array_equal(first, again)
