"""Training on the chain: all agents play an episode, learning at each step; a state an episode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from skysure.methods.qlearning import Rule, Tables, play_episode, policy_values
from skysure.training import State, prefixed, unprefixed

from .environments import environment, process
from .networks import Agents, network
from .settings import Schema, Settings


def train(source: Any, settings: Settings, state: State | None = None, *, accelerator: Any = None) -> Iterator[State]:
    """Let the agents play and learn; a state an episode.

    Parameters
    ----------
    source : ignored
        Agents make their own experience, in `environment(settings)`.
    settings : Settings
    state : State, optional
        Where to go on. All random numbers derive from the seed and the episode, so the end has the same bits.
    accelerator : ignored
        A table of a few numbers gains nothing from a device.

    Yields
    ------
    State
        After every episode; "model.*" are the tensors of `Agents`.
    """
    env, agents = environment(settings), network(settings, Schema())
    if state is not None:
        agents.load_state_dict(unprefixed(state.tensors, "model."))
    transition, reward = process(settings)
    rule = rule_of(settings)
    tables = _tables(agents)
    for episode in range(state.epoch if state else 0, settings.episodes):
        epsilon = settings.epsilon * settings.epsilon_decay**episode
        collected = play_episode(env, tables, rule, epsilon, settings.horizon, settings.seed, episode)
        greedy = tables.values.argmax(axis=0)
        returns = policy_values(transition, reward, greedy, settings.horizon)[:, 0]
        _keep(agents, tables)
        agents.return_history[episode] = torch.from_numpy(returns)
        record = {
            "epoch": episode + 1,
            "return": float(returns.mean()),
            "return_while_learning": float(collected.mean()),
            "epsilon": epsilon,
        }
        yield State(episode + 1, record, _copy(agents), {}, episode + 1 == settings.episodes, settings.episodes)


def rule_of(settings: Settings) -> Rule:
    """Give the rule of learning that the settings ask for."""
    return Rule(settings.discount, settings.learning_rate, settings.learning_rate_power, settings.placement)


def _tables(agents: Agents) -> Tables:
    """Give what the agents know with the action first."""
    values, visits = (t.permute(2, 0, 1).contiguous().numpy() for t in (agents.values, agents.visits))
    return Tables(values, visits)


def _keep(agents: Agents, tables: Tables) -> None:
    """Put what was learned back into the module."""
    agents.values.copy_(torch.from_numpy(tables.values).permute(1, 2, 0))
    agents.visits.copy_(torch.from_numpy(tables.visits).permute(1, 2, 0))


def _copy(agents: Agents) -> dict[str, torch.Tensor]:
    return prefixed({name: tensor.clone() for name, tensor in agents.state_dict().items()}, "model.")
