"""Training on the chain: all agents play an episode and learn at each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from skysure.methods.qlearning import Rule, Tables, play_episode, policy_values
from skysure.training import State, prefixed, unprefixed

from .environments import ChainVector, process
from .networks import Agents, network
from .settings import Settings


def train(
    environment: ChainVector, settings: Settings, state: State | None = None, *, accelerator: Any = None
) -> Iterator[State]:
    """Let the agents play and learn; a state per episode.

    Parameters
    ----------
    environment : ChainVector
        The chains of the agents.
    settings : Settings
    state : State, optional
        Where to continue. All random numbers derive from the seed and the episode, so the end has the same bits.
    accelerator : ignored
        A table of a few numbers gains nothing from a device.

    Yields
    ------
    State
        After every episode; "model.*" are the tensors of `Agents`.
    """
    agents = network(settings, environment.schema)
    if state is not None:
        agents.load_state_dict(unprefixed(state.tensors, "model."))
    transition, reward = process(settings)
    rule, tables = rule_of(settings), _tables_of(agents)
    for episode in range(state.epoch if state else 0, settings.episodes):
        epsilon = settings.epsilon * settings.epsilon_decay**episode
        learning_returns = play_episode(environment, tables, rule, epsilon, settings.horizon, settings.seed, episode)
        _store(agents, tables)
        greedy = agents(torch.arange(settings.length)).argmax(dim=2).numpy()
        returns = policy_values(transition, reward, greedy, settings.horizon)[:, 0]
        agents.return_history[episode] = torch.from_numpy(returns)
        record = {
            "epoch": episode + 1,
            "return": float(returns.mean()),
            "return_while_learning": float(learning_returns.mean()),
            "epsilon": epsilon,
        }
        yield State(episode + 1, record, _copy(agents), {}, episode + 1 == settings.episodes, settings.episodes)


def rule_of(settings: Settings) -> Rule:
    """Give the update rule of the settings."""
    step = (settings.learning_rate, settings.learning_rate_power)
    return Rule(settings.discount, *step, settings.method, settings.trace, settings.placement)


def _tables_of(agents: Agents) -> Tables:
    """Give the values and visits of the agents with the action first."""
    values, visits = (t.permute(2, 0, 1).contiguous().numpy() for t in (agents.values, agents.visits))
    return Tables(values, visits)


def _store(agents: Agents, tables: Tables) -> None:
    """Store the values and visits in the module."""
    agents.values.copy_(torch.from_numpy(tables.values).permute(1, 2, 0))
    agents.visits.copy_(torch.from_numpy(tables.visits).permute(1, 2, 0))


def _copy(agents: Agents) -> dict[str, torch.Tensor]:
    return prefixed({name: tensor.clone() for name, tensor in agents.state_dict().items()}, "model.")
