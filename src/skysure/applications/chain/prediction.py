"""What an action is worth in each state, and how sure it is that the best is best."""

from __future__ import annotations

import numpy as np
import torch

from skysure.predictions import Actions

from .environments import States
from .networks import Agents
from .settings import Query


@torch.no_grad()
def predict(model: Agents, chunk: States, query: Query) -> Actions:
    """Give the values of the actions in some states: one row a state.

    Values are means over the agents and their errors the scatter between agents, which repeat the whole of
    learning. The probability that the best is best is the share of agents that prefer it: what scatters
    together in both actions, as the value of all that follows does, harms no decision.

    Parameters
    ----------
    model : Agents
    chunk : States
    query : Query
    """
    q = model(torch.as_tensor(chunk.state, device=model.values.device)).cpu().numpy()
    mean = q.mean(axis=0)
    agrees = q.argmax(axis=2) == mean.argmax(axis=1)
    return Actions(
        rows={"state": chunk.state},
        actions=model.actions,
        values=mean,
        values_error=q.std(axis=0, ddof=1),
        feasible=np.ones(mean.shape, dtype=bool),
        best_probability=agrees.mean(axis=0),
    )
