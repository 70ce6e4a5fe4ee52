"""Exact values of a finite Markov decision process, by linear algebra.

A process is two tensors: `transition[s, a, s']`, the probability that action a in state s leads to s', and
`reward[s, a, s']`, the reward of that transition. With r(s, a) = Σ_s' P(s'|s, a) R(s, a, s'), Bellman's equation

    Q*(s, a) = r(s, a) + γ Σ_s' P(s'|s, a) max_a' Q*(s', a')

is solved without sampling, for comparison with learned values. Puterman, Markov Decision Processes (1994): chapter 4
for a finite horizon, section 6.4 for policy iteration.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from jaxtyping import Float, Int

from skysure.errors import InputError

Tensor3 = Float[np.ndarray, "state action next"]


def mean_reward(transition: Tensor3, reward: Tensor3) -> Float[np.ndarray, "state action"]:
    """Return the mean reward r(s, a) = Σ_s' P(s'|s, a) R(s, a, s')."""
    return np.einsum("ijk,ijk->ij", transition, reward)


def bellman_backup(
    q: Float[np.ndarray, "state action"], transition: Tensor3, reward: Tensor3, discount: float
) -> Float[np.ndarray, "state action"]:
    """Apply the right side of Bellman's equation to a table, r(s, a) + γ Σ_s' P(s'|s, a) max_a' Q(s', a').

    It brings any two tables closer by the factor γ (in the largest difference), so that repeated backups converge to
    its only fixed point, Q*.
    """
    return mean_reward(transition, reward) + discount * transition @ q.max(axis=1)


def optimal_values(transition: Tensor3, reward: Tensor3, discount: float) -> Float[np.ndarray, "state action"]:
    """Solve Bellman's optimality equation for an infinite horizon by policy iteration.

    Each iteration evaluates a policy with one linear solve and then makes it greedy; a finite process has finitely many
    policies, so the result is exact to rounding.

    Parameters
    ----------
    transition, reward : ndarray, shape (state, action, next state)
    discount : float
        γ, 0 <= γ < 1.

    Returns
    -------
    ndarray, shape (state, action)
        Q*.

    Raises
    ------
    InputError
        If γ is outside [0, 1): for an infinite horizon without discount the sum of the rewards diverges.
    """
    if not 0 <= discount < 1:
        raise InputError(
            f"a discount of {discount:g}",
            "at least 0 and below 1",
            "no discount, for which the sum of the rewards over an infinite horizon diverges",
            "lower the discount, or use finite_optimal_values with a horizon",
        )
    n_states = len(transition)
    r = mean_reward(transition, reward)
    states = np.arange(n_states)
    policy = r.argmax(axis=1)
    while True:
        v = np.linalg.solve(np.eye(n_states) - discount * transition[states, policy], r[states, policy])
        q = r + discount * transition @ v
        better = q.max(axis=1) > q[states, policy] + 1e-12 * np.abs(q).max()
        if not better.any():
            return q
        policy = np.where(better, q.argmax(axis=1), policy)


def finite_optimal_values(
    transition: Tensor3, reward: Tensor3, horizon: int, discount: float = 1.0
) -> Float[np.ndarray, "state action"]:
    """Solve Bellman's optimality equation over a finite horizon by backward induction.

    The optimal policy may depend on the number of steps left; the values are those with `horizon` steps left.
    """
    q = np.zeros(transition.shape[:2])
    for _ in range(horizon):
        q = bellman_backup(q, transition, reward, discount)
    return q


def policy_values(
    transition: Tensor3,
    reward: Tensor3,
    policies: Int[np.ndarray, "policy state"],
    horizon: int,
    discount: float = 1.0,
) -> Float[np.ndarray, "policy state"]:
    """Return the exact mean return of deterministic policies over a finite horizon.

    The backward step v <- r_π + γ P_π v is linear in (v, 1), so `horizon` of them are one matrix power:

        (v, 1) = [[γ P_π, r_π], [0, 1]]^horizon (0, 1)

    Parameters
    ----------
    transition, reward : ndarray, shape (state, action, next state)
    policies : ndarray of int, shape (policy, state)
        Action of each policy in each state.
    horizon : int
        Number of steps.
    discount : float
        γ; 1 gives the undiscounted sum of the rewards.

    Returns
    -------
    ndarray, shape (policy, state)
        Mean return from each initial state.

    Examples
    --------
    >>> transition = np.ones((1, 2, 1))
    >>> reward = np.array([[[1.0], [3.0]]])
    >>> policy_values(transition, reward, np.array([[0], [1]]), horizon=10).ravel()
    array([10., 30.])
    """
    n_policies, n_states = policies.shape
    states = np.arange(n_states)
    step = np.zeros((n_policies, n_states + 1, n_states + 1))
    step[:, :n_states, :n_states] = discount * transition[states, policies]
    step[:, :n_states, n_states] = mean_reward(transition, reward)[states, policies]
    step[:, n_states, n_states] = 1
    return np.linalg.matrix_power(step, horizon)[:, :n_states, n_states]


def deterministic_policies(n_states: int, n_actions: int) -> Int[np.ndarray, "policy state"]:
    """List all n_actions^n_states deterministic policies, the last state varying fastest."""
    return np.array(list(product(range(n_actions), repeat=n_states)))
