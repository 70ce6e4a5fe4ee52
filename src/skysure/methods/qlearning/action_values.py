"""Networks for action values, and their training by the squared error of Bellman's equation.

The lecture draws two networks: state and action in, one value out; or state in, the values of all actions out. The
second needs one pass where the first needs one per action, which is why Mnih et al. (2013, section 4) take it.
Both minimise

    L = 1/2 [r + γ max_a' Q(s', a') - Q(s, a)]²

The target, the first two terms, is held constant in the gradient. (The slide leaves γ out of the loss; its Bellman
equation and its algorithm have it, and without it the values diverge.) The target comes from the network itself (Mnih
et al. 2013), or from a copy that is renewed every so many steps (2015, Nature 518, 529).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .exact import Tensor3


@dataclass(frozen=True)
class Transitions:
    """Steps in any order: state, action, reward, discount and next state.

    Parameters
    ----------
    s_tm1, s_t : Tensor, shape (row, feature)
    a_tm1 : Tensor of int64, shape (row,)
    r_t, discount_t : Tensor, shape (row,)
        The discount is γ, and 0 where the episode terminated.
    """

    s_tm1: Float[Tensor, "row feature"]
    a_tm1: Int[Tensor, " row"]
    r_t: Float[Tensor, " row"]
    discount_t: Float[Tensor, " row"]
    s_t: Float[Tensor, "row feature"]


class StateNetwork(nn.Module):
    """State in, the value of every action out: one pass values all actions.

    Parameters
    ----------
    features, actions, hidden : int
        Numbers of inputs, of actions, and the width of the two hidden layers.
    scale : float
        Typical size of a return, by which the outputs are multiplied.
    """

    def __init__(self, features: int, actions: int, hidden: int = 64, scale: float = 1.0) -> None:
        super().__init__()
        self.layers, self.scale = _perceptron(features, hidden, actions), scale

    def forward(self, state: Float[Tensor, "row feature"]) -> Float[Tensor, "row action"]:
        """Value all actions."""
        return self.scale * self.layers(state)

    def value(self, state: Float[Tensor, "row feature"], action: Int[Tensor, " row"]) -> Float[Tensor, " row"]:
        """Value one action in each state."""
        return self(state).gather(1, action[:, None])[:, 0]


class StateActionNetwork(nn.Module):
    """State and action in, one value out: all actions take a pass each.

    Parameters
    ----------
    features, actions, hidden, scale
        As of `StateNetwork`; the action enters as one input per action, 1 for the one taken.
    """

    def __init__(self, features: int, actions: int, hidden: int = 64, scale: float = 1.0) -> None:
        super().__init__()
        self.layers, self.scale, self.actions = _perceptron(features + actions, hidden, 1), scale, actions

    def forward(self, state: Float[Tensor, "row feature"]) -> Float[Tensor, "row action"]:
        """Value all actions, one after the other."""
        return torch.stack([self.value(state, torch.full((len(state),), a)) for a in range(self.actions)], dim=1)

    def value(self, state: Float[Tensor, "row feature"], action: Int[Tensor, " row"]) -> Float[Tensor, " row"]:
        """Value one action in each state."""
        taken = nn.functional.one_hot(action, self.actions).to(state)
        return self.scale * self.layers(torch.cat([state, taken], dim=1))[:, 0]


Network = StateNetwork | StateActionNetwork


def bellman_error(network: Network, target_network: Network, batch: Transitions) -> Float[Tensor, " row"]:
    """Return r + γ max_a' Q(s', a') - Q(s, a), whose gradient is that of the last term alone."""
    with torch.no_grad():
        target = batch.r_t + batch.discount_t * target_network(batch.s_t).amax(dim=1)
    return target - network.value(batch.s_tm1, batch.a_tm1)


def fit_action_values(
    network: Network,
    batches: Iterable[Transitions],
    steps: int,
    learning_rate: float = 1e-2,
    target_period: int = 0,
) -> Iterator[dict[str, float]]:
    """Minimise the mean loss of one batch after another; the network is changed in place.

    Parameters
    ----------
    network : StateNetwork or StateActionNetwork
    batches : iterable of Transitions
        At least as many as steps.
    steps : int
        Number of updates (Adam). The learning rate goes to zero as a cosine, so that the noise of the targets is
        averaged.
    learning_rate : float
        At the first step.
    target_period : int
        Steps after which the network of the targets is renewed; 0: it is the network itself.

    Yields
    ------
    dict
        "step", from 1, and "loss".
    """
    target_network = copy.deepcopy(network) if target_period else network
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step, batch in zip(range(1, steps + 1), batches, strict=False):
        loss = 0.5 * (bellman_error(network, target_network, batch) / network.scale).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if target_period and step % target_period == 0:
            target_network.load_state_dict(network.state_dict())
        yield {"step": step, "loss": float(loss.detach())}


def sample_transitions(
    transition: Tensor3, reward: Tensor3, discount: float, rows: int, seed: int
) -> Iterator[Transitions]:
    """Sample steps of a known decision process; every state and action equally often, one batch after another.

    States become one input per state, 1 for the one that it is.

    Parameters
    ----------
    transition, reward : ndarray, shape (state, action, next state)
        As of `optimal_values`.
    discount : float
        γ.
    rows : int
        Steps per batch, rounded down to the same number for every state and action.
    seed : int
    """
    random = np.random.default_rng(seed)
    states, actions, _ = transition.shape
    s_tm1, a_tm1 = (np.tile(x, rows // (states * actions)) for x in np.indices((states, actions)).reshape(2, -1))
    cumulative, one_hot = transition.cumsum(axis=2)[s_tm1, a_tm1], torch.eye(states)
    discount_t = torch.full((len(s_tm1),), discount)
    while True:
        s_t = (random.random((len(s_tm1), 1)) > cumulative).sum(axis=1).clip(max=states - 1)
        r_t = torch.as_tensor(reward[s_tm1, a_tm1, s_t], dtype=torch.float32)
        yield Transitions(one_hot[s_tm1], torch.as_tensor(a_tm1), r_t, discount_t, one_hot[s_t])


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )
