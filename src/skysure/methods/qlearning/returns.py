"""Returns: what an agent is paid from a step onwards, as sums, recursions and targets of learning.

Step k of an episode takes an action in state s_k, is paid r_k and reaches s_k+1. All functions take arrays
whose first axis is the step; further axes (agents, environments) are carried along. `unchecked(function)` takes and
gives tensors too, on any device. Sutton & Barto, Reinforcement
Learning (2nd edition, 2018): equations 3.8 and 3.9 (discounted), 7.1 (n steps), 12.2 (λ). They write r_k+1 for r_k.

Where a value v_k of the state that step k reached is needed, so is a discount γ_k of each step: γ, and 0 where the
episode terminated there, so that nothing follows.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from skysure.errors import InputError
from skysure.methods.arguments import checked, count, fraction, fractions, numbers
from skysure.methods.arrays import Array

REWARDS = numbers("*step", infinite=False)
DISCOUNTS = fractions("*step")


@checked(rewards=REWARDS)
def total_reward(rewards: Float[Array, "step ..."]) -> Array | np.floating:
    """Sum all rewards, R = r_1 + r_2 + ... + r_n.

    >>> float(total_reward([0.0, 2.0, 10.0]))
    12.0
    """
    return rewards.sum(0)


@checked(rewards=REWARDS)
def future_rewards(rewards: Float[Array, "step ..."]) -> Float[Array, "step ..."]:
    """Sum the rewards from each step onwards, R_k = r_k + r_k+1 + ... + r_n.

    >>> future_rewards([0.0, 2.0, 10.0])
    array([12., 12., 10.])
    """
    return _recursion(rewards, 1.0 + 0.0 * rewards)


@checked(rewards=REWARDS, discount=fraction())
def discounted_returns(rewards: Float[Array, "step ..."], discount: float) -> Float[Array, "step ..."]:
    """Sum the discounted rewards from each step onwards by their recursion.

        R_k = r_k + γ r_k+1 + γ² r_k+2 + ... + γ^(n-k) r_n = r_k + γ R_k+1

    Parameters
    ----------
    rewards : array, shape (step, ...)
    discount : float
        γ, from 0 (the next reward alone counts) to 1 (all count alike).

    Examples
    --------
    >>> discounted_returns([0.0, 2.0, 10.0], discount=0.5)
    array([ 3.5,  7. , 10. ])
    """
    return _recursion(rewards, discount + 0.0 * rewards)


@checked(rewards=REWARDS, discounts=DISCOUNTS, values=REWARDS, n=count())
def n_step_returns(
    rewards: Float[Array, "step ..."], discounts: Float[Array, "step ..."], values: Float[Array, "step ..."], n: int
) -> Float[Array, "step ..."]:
    """Sum n discounted rewards, then take the value of the state reached.

        G_k = r_k + γ_k r_k+1 + ... + (γ_k ... γ_k+n-1) v_k+n-1

    Fewer than n steps remain near the end of the sequence; the value of its last state is then taken.

    Parameters
    ----------
    rewards, discounts, values : array, shape (step, ...)
        r_k; γ_k, which is 0 at termination; v_k, the value of the state that step k reached.
    n : int
        Number of rewards; n = 1 is the target of Q-learning.

    Examples
    --------
    >>> n_step_returns([1.0, 1.0, 1.0], [0.5, 0.5, 0.5], [8.0, 8.0, 8.0], n=2)
    array([3.5, 3.5, 5. ])
    """
    join = torch.cat if isinstance(rewards, torch.Tensor) else np.concatenate
    following = returns = values
    _require_steps(rewards)
    for _ in range(min(n, len(rewards))):
        returns = rewards + discounts * following
        following = join([returns[1:], values[-1:]])
    return returns


@checked(rewards=REWARDS, discounts=DISCOUNTS, values=REWARDS, trace=fraction())
def lambda_returns(
    rewards: Float[Array, "step ..."], discounts: Float[Array, "step ..."], values: Float[Array, "step ..."],
    trace: float,
) -> Float[Array, "step ..."]:  # fmt: skip
    """Average the n-step returns of all n with weights (1 - λ) λ^(n-1), by their recursion.

        G_k = r_k + γ_k [(1 - λ) v_k + λ G_k+1],   G_n+1 = v_n

    Parameters
    ----------
    rewards, discounts, values : array, shape (step, ...)
        As of `n_step_returns`.
    trace : float
        λ: 0 gives the one-step return, 1 the sum of all rewards and the last value.

    Examples
    --------
    >>> lambda_returns([1.0, 1.0], [0.5, 0.5], [8.0, 8.0], trace=0.5)
    array([4.25, 5.  ])
    """
    _require_steps(rewards)
    return _recursion(rewards + discounts * (1 - trace) * values, discounts * trace, values[-1])


@checked(rewards=REWARDS, discounts=DISCOUNTS, q=numbers("... action", infinite=False))
def one_step_target(
    rewards: Float[Array, "step ..."], discounts: Float[Array, "step ..."], q: Float[Array, "step ... action"]
) -> Float[Array, "step ..."]:
    """Sample the right side of Bellman's equation, r + γ max_a' Q(s', a').

    >>> one_step_target([1.0, 1.0], [0.5, 0.0], [[4.0, 8.0], [4.0, 8.0]])
    array([5., 1.])
    """
    largest = q.amax(-1) if isinstance(q, torch.Tensor) else q.max(-1)
    return rewards + discounts * largest


def _recursion(
    terms: Float[Array, "step ..."], weights: Float[Array, "step ..."], end: Float[Array, " ..."] | float = 0.0
) -> Float[Array, "step ..."]:
    """Solve G_k = term_k + weight_k G_k+1 backwards from G_n+1 = end."""
    _require_steps(terms)
    returns = []
    for k in reversed(range(len(terms))):
        end = terms[k] + weights[k] * end
        returns.append(end)
    return (torch.stack if isinstance(terms, torch.Tensor) else np.stack)(returns[::-1])


def _require_steps(rewards: Array) -> None:
    if rewards.ndim == 0 or len(rewards) == 0:
        raise InputError("rewards without a step", "(step, ...), one step or more", "an episode that was never played")
