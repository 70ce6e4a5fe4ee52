"""Returns against their sums written out, and against the exact values of small decision processes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skysure.errors import InputError
from skysure.methods.arguments import unchecked
from skysure.methods.qlearning import (
    bellman_backup,
    discounted_returns,
    future_rewards,
    lambda_returns,
    n_step_returns,
    one_step_target,
    optimal_values,
    policy_values,
    total_reward,
)

SEEDS = st.integers(0, 10**6)


def episodes(seed: int, steps: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rewards, discounts (some steps terminate) and values of two agents."""
    random = np.random.default_rng(seed)
    rewards, values = random.normal(size=(2, steps, 2))
    return rewards, 0.9 * (random.random((steps, 2)) < 0.8), values


def sum_of_n(rewards: np.ndarray, discounts: np.ndarray, values: np.ndarray, k: int, n: int) -> np.ndarray:
    """The n-step return of step k, term by term."""
    last = min(k + n, len(rewards))
    terms = [np.prod(discounts[k:i], axis=0) * rewards[i] for i in range(k, last)]
    return np.sum(terms, axis=0) + np.prod(discounts[k:last], axis=0) * values[last - 1]


@given(seed=SEEDS, discount=st.floats(0, 1))
@settings(max_examples=20)
def test_sums_of_rewards_are_those_written_on_the_slides(seed: int, discount: float) -> None:
    rewards = np.random.default_rng(seed).normal(size=6)
    written = [sum(discount ** (i - k) * rewards[i] for i in range(k, 6)) for k in range(6)]
    np.testing.assert_allclose(discounted_returns(rewards, discount), written, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(future_rewards(rewards), [rewards[k:].sum() for k in range(6)], atol=1e-12)
    np.testing.assert_allclose(discounted_returns(rewards, 1.0)[0], total_reward(rewards), atol=1e-12)
    np.testing.assert_array_equal(discounted_returns(rewards, 0.0), rewards)


@given(seed=SEEDS, n=st.integers(1, 9))
@settings(max_examples=20)
def test_n_step_returns_are_their_sums(seed: int, n: int) -> None:
    sequence = episodes(seed)
    written = [sum_of_n(*sequence, k, n) for k in range(7)]
    np.testing.assert_allclose(n_step_returns(*sequence, n), written, rtol=1e-10, atol=1e-12)


@given(seed=SEEDS, trace=st.floats(0, 1))
@settings(max_examples=20)
def test_lambda_returns_are_averages_of_n_step_returns(seed: int, trace: float) -> None:
    """All n that go beyond the end are the same return, whose weights add up to λ^(steps left - 1)."""
    sequence, steps = episodes(seed), 7
    for k, value in enumerate(lambda_returns(*sequence, trace)):
        left = steps - k
        weights = [(1 - trace) * trace ** (n - 1) for n in range(1, left)] + [trace ** (left - 1)]
        average = sum(w * sum_of_n(*sequence, k, n) for n, w in enumerate(weights, start=1))
        np.testing.assert_allclose(value, average, rtol=1e-10, atol=1e-12)


def test_tensors_give_tensors_and_the_same_numbers() -> None:
    sequence = episodes(3)
    tensors = tuple(map(torch.from_numpy, sequence))
    for function, argument in ((n_step_returns, 3), (lambda_returns, 0.65)):
        returns = unchecked(function)(*tensors, argument)
        assert isinstance(returns, torch.Tensor)
        np.testing.assert_allclose(returns, function(*sequence, argument), rtol=1e-12)


def test_a_sampled_target_is_bellmans_equation_on_average() -> None:
    """Each next state taken with its probability: the mean of the samples is the backup."""
    random = np.random.default_rng(2)
    transition = random.dirichlet(np.ones(3), size=(3, 2))
    reward, q = random.normal(size=(3, 2, 3)), random.normal(size=(3, 2))
    backup = bellman_backup(q, transition, reward, 0.8)
    for s, a in np.ndindex(3, 2):
        targets = one_step_target(reward[s, a], np.full(3, 0.8), q)
        assert transition[s, a] @ targets == pytest.approx(backup[s, a], rel=1e-12)


@given(seed=SEEDS, discount=st.floats(0, 0.95))
@settings(max_examples=20)
def test_the_backup_contracts_by_the_discount_towards_the_optimum(seed: int, discount: float) -> None:
    random = np.random.default_rng(seed)
    transition, reward = random.dirichlet(np.ones(3), size=(3, 2)), random.normal(size=(3, 2, 3))
    first, second = random.normal(size=(2, 3, 2))
    closer = np.abs(np.subtract(*(bellman_backup(q, transition, reward, discount) for q in (first, second)))).max()
    assert closer <= discount * np.abs(first - second).max() + 1e-12
    q_star = optimal_values(transition, reward, discount)
    np.testing.assert_allclose(bellman_backup(q_star, transition, reward, discount), q_star, rtol=1e-9, atol=1e-9)


def test_the_mean_discounted_return_of_simulated_episodes_is_the_exact_value() -> None:
    random, horizon = np.random.default_rng(5), 30
    transition, reward = random.dirichlet(np.ones(3), size=(3, 2)), random.normal(size=(3, 2, 3))
    exact = policy_values(transition, reward, np.array([[0, 1, 0]]), horizon, 0.9)[0, 0]
    state, rewards = np.zeros(20_000, dtype=int), []
    for _ in range(horizon):
        action = np.array([0, 1, 0])[state]
        following = (random.random((20_000, 1)) > transition[state, action].cumsum(axis=1)).sum(axis=1).clip(max=2)
        rewards.append(reward[state, action, following])
        state = following
    returns = discounted_returns(np.array(rewards), 0.9)[0]
    assert abs(returns.mean() - exact) < 4 * returns.std() / np.sqrt(20_000)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: discounted_returns([1.0, 2.0], 1.5), "discount"),
        (lambda: discounted_returns([1.0, float("nan")], 0.9), "rewards"),
        (lambda: n_step_returns([1.0], [0.9], [0.0], 0), "n"),
        (lambda: lambda_returns([1.0, 2.0], [0.9], [0.0, 0.0], 0.5), "discounts"),
        (lambda: lambda_returns([1.0], [0.9], [0.0], 2.0), "trace"),
        (lambda: discounted_returns(np.zeros((0, 2)), 0.9), "rewards"),
    ],
)
def test_what_is_no_return_is_refused(call: Callable[[], object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        call()
