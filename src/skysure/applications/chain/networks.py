"""The tables of the agents on the chain, as tensors of one module."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from skysure.methods.qlearning import tables_per_agent

from .settings import Schema, Settings


class Agents(nn.Module):
    """The tables of all agents, learned without gradients.

    Attributes
    ----------
    values : Tensor of float64, shape (agent, state, action)
        The learned values. Agents of double Q-learning have two tables, the second ones after all first ones.
    visits : Tensor of int64, shape (agent, state, action)
        How often each value was updated.
    return_history : Tensor of float64, shape (episode, agent)
        Exact mean return of an episode under each agent's greedy policy after each episode; NaN before it is played.
    """

    values: Tensor
    visits: Tensor
    return_history: Tensor

    def __init__(self, settings: Settings, schema: Schema) -> None:
        super().__init__()
        self.settings, self.actions = settings, schema.actions
        shape = (settings.agents * tables_per_agent(settings.method), settings.length, len(schema.actions))
        self.register_buffer("values", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("visits", torch.zeros(shape, dtype=torch.int64))
        return_history = torch.full((settings.episodes, settings.agents), torch.nan, dtype=torch.float64)
        self.register_buffer("return_history", return_history)

    def forward(self, state: Int[Tensor, " row"]) -> Float[Tensor, "agent row action"]:
        """Give the return that each agent expects of each action, in units of the reward.

        The lecture's table holds Q / α; multiplied by α it is a return. Two tables of an agent give their mean.
        """
        scale = self.settings.learning_rate if self.settings.placement == "lecture" else 1.0
        return scale * self.values[:, state].unflatten(0, (-1, self.settings.agents)).mean(dim=0)


def network(settings: Settings, schema: Schema) -> Agents:
    """Make empty tables."""
    return Agents(settings, schema)
