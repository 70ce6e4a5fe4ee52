"""The chain as gymnasium wants it, and as its tensors say it is."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv

from skysure.applications import chain
from skysure.applications.chain.environments import BACKWARD, FORWARD, Chain, ChainVector, process

NAME = "skysure.applications.chain.environments:skysure/Chain-v0"


def test_gymnasium_accepts_it() -> None:
    check_env(gymnasium.make(NAME).unwrapped, skip_render_check=False)
    env = gymnasium.make(NAME, slip=0.0)
    env.reset(seed=0)
    steps = [env.step(FORWARD) for _ in range(1000)]
    assert [s[0] for s in steps[:6]] == [1, 2, 3, 4, 4, 4]
    assert [s[1] for s in steps[:6]] == [0, 0, 0, 0, 10, 10]
    assert [s[3] for s in steps[-2:]] == [False, True]
    assert sum(s[1] for s in steps) == 9960


def test_slips_do_the_other_action() -> None:
    env = Chain(slip=1.0, render_mode="ansi")
    env.reset(seed=0)
    assert env.step(BACKWARD)[:2] == (1, 0.0)
    assert env.render() == "· ● · · ·"
    assert env.step(FORWARD)[:2] == (0, 2.0)


def test_stepping_past_the_end_is_refused() -> None:
    env = Chain(horizon=1)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(FORWARD)


def test_many_at_once_are_the_same_as_one_by_one() -> None:
    """Against gymnasium's own vector of single environments, over the end of an episode."""
    settings = {"horizon": 20, "slip": 0.3}
    together = gymnasium.make_vec(NAME, num_envs=4, **settings)
    assert isinstance(together.unwrapped, ChainVector)
    one_by_one = SyncVectorEnv([lambda: gymnasium.make(NAME, **settings)] * 4)
    assert together.observation_space == one_by_one.observation_space
    assert together.action_space == one_by_one.action_space
    assert np.array_equal(together.reset(seed=5)[0], one_by_one.reset(seed=5)[0])
    random = np.random.default_rng(0)
    for _ in range(50):
        actions = random.integers(2, size=4)
        for ours, theirs in zip(together.step(actions)[:4], one_by_one.step(actions)[:4], strict=True):
            assert np.array_equal(ours, theirs)
    one_by_one.close()


def test_the_tensors_are_what_is_played() -> None:
    settings = chain.Settings(slip=0.3, agents=200, horizon=500)
    transition, reward = process(settings)
    np.testing.assert_allclose(transition.sum(axis=2), 1)
    env = chain.environment(settings)
    s, _ = env.reset(seed=1)
    counts, paid = np.zeros((5, 2, 5)), np.zeros((5, 2, 5))
    random = np.random.default_rng(2)
    for _ in range(settings.horizon):
        a = random.integers(2, size=200)
        t, r, *_ = env.step(a)
        np.add.at(counts, (s, a, t), 1)
        np.add.at(paid, (s, a, t), r)
        s = t
    n = counts.sum(axis=2, keepdims=True)
    error = np.sqrt(transition * (1 - transition) / n)
    assert (np.abs(counts / n - transition) <= 4 * error).all()
    visited = counts > 0
    np.testing.assert_allclose(paid[visited] / counts[visited], reward[visited])


def test_the_shortest_chain_pays_and_returns_to_one_state_apart() -> None:
    transition, reward = process(chain.Settings(length=2, slip=0.0))
    assert transition[1].tolist() == [[0, 1], [1, 0]]
    assert (transition * reward).sum(axis=2).tolist() == [[0, 2], [10, 2]]
