"""Tabular Q-learning against closed forms, against the lecture's own code, and against a known maze."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config

from skysure.methods.qlearning import Rule, Tables, choose, play_episode, update

YES, NO = np.array([True]), np.array([False])


@pytest.fixture
def unchecked():
    """Long runs without the check of every shape."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def stream(seed: int, n: int) -> list[tuple[int, int, float, int]]:
    random = np.random.default_rng(seed)
    whole = random.integers([5, 2, 5], size=(n, 3)).tolist()
    return [(s, a, float(r), t) for (s, a, t), r in zip(whole, random.choice([0, 2, 10], n), strict=True)]


def learn(rule: Rule, steps: list[tuple[int, int, float, int]]) -> np.ndarray:
    tables = Tables.empty(1, 5, 2)
    for s, a, r, t in steps:
        update(tables, rule, np.array([s]), np.array([a]), np.array([r]), np.array([t]), NO, YES)
    return tables.values[:, 0].T


def lecture(steps: list[tuple[int, int, float, int]], lr: float, y: float) -> np.ndarray:
    """The update of the lecture's q_learning_with_table, word for word."""
    q_table = np.zeros((5, 2))
    for s, a, r, new_s in steps:
        q_table[s, a] += r + lr * (y * np.max(q_table[new_s, :]) - q_table[s, a])
    return q_table


def test_a_step_size_of_one_over_n_gives_the_mean_of_the_rewards() -> None:
    rewards = np.random.default_rng(0).normal(size=50)
    values = learn(Rule(discount=0.0, step_size=1.0, step_power=1.0), [(2, 1, r, 0) for r in rewards.tolist()])
    assert values[2, 1] == pytest.approx(rewards.mean(), rel=1e-12)
    assert np.count_nonzero(values) == 1


def test_a_constant_step_size_forgets_exponentially() -> None:
    rewards, alpha = np.random.default_rng(1).normal(size=20), 0.3
    values = learn(Rule(discount=0.0, step_size=alpha), [(0, 0, r, 0) for r in rewards.tolist()])
    weights = alpha * (1 - alpha) ** np.arange(20)[::-1]
    assert values[0, 0] == pytest.approx(weights @ rewards, rel=1e-12)


@given(seed=st.integers(0, 10**6), lr=st.floats(0.05, 1), y=st.floats(0, 1))
@settings(max_examples=20)
def test_the_lectures_placement_is_the_lectures_code_and_only_scales_q(seed: int, lr: float, y: float) -> None:
    steps = stream(seed, 60)
    theirs = lecture(steps, lr, y)
    np.testing.assert_allclose(learn(Rule(y, lr, placement="lecture"), steps), theirs, rtol=1e-12)
    np.testing.assert_allclose(learn(Rule(y, lr), steps), lr * theirs, rtol=1e-10)


def test_nothing_follows_an_end_and_waiting_agents_learn_nothing() -> None:
    tables = Tables.empty(3, 2, 2)
    tables.values[:, :, 1] = 7.0
    zero, ended = np.zeros(3, dtype=int), np.array([False, True, False])
    live = np.array([True, True, False])
    update(tables, Rule(discount=0.5, step_size=1.0), zero, zero, np.ones(3), zero + 1, ended, live)
    assert tables.values[0, :, 0].tolist() == [1 + 0.5 * 7, 1, 0]
    assert tables.visits[0, :, 0].tolist() == [1, 1, 0]


def test_it_acts_at_random_where_it_knows_nothing_or_explores() -> None:
    q = np.array([[0.0, 0.0, 3.0, 3.0], [0.0, -1.0, 2.0, 2.0]])
    explores = np.array([False, False, False, True])
    assert choose(q, explores, np.array([1, 1, 1, 1])).tolist() == [1, 0, 0, 1]


def test_it_learns_a_maze_with_ends_exactly(unchecked: None) -> None:
    """Without slips and at a step size of 1, Q-learning by chance ends at Q* wherever it has been often."""
    maze = {"id": "FrozenLake-v1", "desc": ["SFF", "FHF", "FFG"], "is_slippery": False, "max_episode_steps": 30}
    env = SyncVectorEnv([lambda: gymnasium.make(**maze)] * 3, autoreset_mode=AutoresetMode.NEXT_STEP)
    transitions = env.envs[0].unwrapped.P
    q = np.zeros((9, 4))
    for _ in range(100):
        for s, a in np.ndindex(9, 4):
            q[s, a] = sum(p * (r + 0.9 * q[t].max() * (not ended)) for p, t, r, ended in transitions[s][a])
    tables = Tables.empty(3, 9, 4)
    for episode in range(250):
        play_episode(env, tables, Rule(0.9, 1.0), 1.0, 30, 0, episode)
    env.close()
    visited = tables.visits > 20
    assert visited.mean() > 0.5
    exact = np.broadcast_to(q.T[:, None], visited.shape)
    np.testing.assert_allclose(tables.values[visited], exact[visited], rtol=1e-12)
    assert tables.values[:, :, 0].max() == pytest.approx(0.9**3)


def test_an_episode_follows_from_seed_and_number() -> None:
    def values(seed: int, episode: int) -> np.ndarray:
        tables = Tables.empty(2, 16, 4)
        env = SyncVectorEnv([lambda: gymnasium.make("FrozenLake-v1", max_episode_steps=20)] * 2)
        play_episode(env, tables, Rule(), 0.5, 20, seed, episode)
        env.close()
        return tables.visits

    assert np.array_equal(values(1, 2), values(1, 2))
    assert not np.array_equal(values(1, 2), values(1, 3))
    assert not np.array_equal(values(1, 2), values(2, 2))
