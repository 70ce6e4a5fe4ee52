"""Exact values against brute force over all policies, and against plain recursion."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skysure.errors import InputError
from skysure.methods.qlearning import (
    deterministic_policies,
    finite_optimal_values,
    mean_reward,
    optimal_values,
    policy_values,
)


def process(seed: int, states: int = 3, actions: int = 2) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    transition = random.dirichlet(np.full(states, 0.5), size=(states, actions))
    return transition, random.normal(size=(states, actions, states))


@given(seed=st.integers(0, 10**6), discount=st.floats(0, 0.99))
@settings(max_examples=30)
def test_optimal_values_are_the_best_over_all_policies(seed: int, discount: float) -> None:
    transition, reward = process(seed)
    q = optimal_values(transition, reward, discount)
    states, r = np.arange(3), (transition * reward).sum(axis=2)
    values = [
        np.linalg.solve(np.eye(3) - discount * transition[states, list(policy)], r[states, list(policy)])
        for policy in product(range(2), repeat=3)
    ]
    np.testing.assert_allclose(q.max(axis=1), np.max(values, axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(q, r + discount * transition @ q.max(axis=1), rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 10**6), discount=st.floats(0, 1), horizon=st.integers(1, 40))
@settings(max_examples=30)
def test_policy_values_are_the_recursion_step_by_step(seed: int, discount: float, horizon: int) -> None:
    transition, reward = process(seed)
    policies = deterministic_policies(3, 2)
    r = mean_reward(transition, reward)
    for policy, values in zip(policies, policy_values(transition, reward, policies, horizon, discount), strict=True):
        v = np.zeros(3)
        for _ in range(horizon):
            v = np.array([r[s, a] + discount * transition[s, a] @ v for s, a in enumerate(policy)])
        np.testing.assert_allclose(values, v, rtol=1e-10, atol=1e-10)


def test_finite_optimal_values_are_the_best_over_all_plans() -> None:
    """A plan chooses a policy for every step left: 8^3 of them for two states, three actions, three steps."""
    transition, reward = process(3, states=2, actions=3)
    r = (transition * reward).sum(axis=2)
    best = np.full(2, -np.inf)
    for plan in product(product(range(3), repeat=2), repeat=3):
        v = np.zeros(2)
        for policy in plan:
            v = np.array([r[s, a] + 0.9 * transition[s, a] @ v for s, a in enumerate(policy)])
        best = np.maximum(best, v)
    np.testing.assert_allclose(finite_optimal_values(transition, reward, 3, 0.9).max(axis=1), best, rtol=1e-12)


def test_a_long_horizon_reaches_the_endless_value() -> None:
    transition, reward = process(4)
    endless = optimal_values(transition, reward, 0.9)
    np.testing.assert_allclose(finite_optimal_values(transition, reward, 400, 0.9), endless, rtol=1e-12)


def test_no_policy_is_listed_twice() -> None:
    assert len({tuple(p) for p in deterministic_policies(4, 3)}) == 3**4


@pytest.mark.parametrize("discount", [1.0, -0.1, float("nan")])
def test_an_endless_sum_needs_a_discount(discount: float) -> None:
    with pytest.raises(InputError, match="below 1"):
        optimal_values(*process(0), discount)


def test_values_fall_by_the_discount_along_a_corridor() -> None:
    transition, reward = np.zeros((4, 1, 4)), np.zeros((4, 1, 4))
    for s in range(4):
        transition[s, 0, min(s + 1, 3)] = 1
    reward[2, 0, 3] = 1
    assert optimal_values(transition, reward, 0.5)[:, 0].tolist() == [0.25, 0.5, 1, 0]
