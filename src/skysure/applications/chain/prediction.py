"""Predict the values of the actions in each state, and the probability that the best action is the best."""

from __future__ import annotations

import numpy as np
import torch

from skysure.predictions import Actions

from .environments import States
from .networks import Agents
from .settings import Query


@torch.no_grad()
def predict(model: Agents, chunk: States, query: Query) -> Actions:
    """Predict the values of the actions in some states: one row per state.

    Values are means over the agents, and their errors the scatter between agents, which learn independently. The
    probability that the best action is the best is the share of agents that prefer it: scatter that both actions have
    in common, such as that of the value of later states, does not change the decision.

    Parameters
    ----------
    model : Agents
    chunk : States
    query : Query
    """
    q = model(torch.as_tensor(chunk.state, device=model.values.device)).cpu().numpy()
    mean = q.mean(axis=0)
    agreement = q.argmax(axis=2) == mean.argmax(axis=1)
    return Actions(
        rows={"state": chunk.state},
        actions=model.actions,
        values=mean,
        values_error=q.std(axis=0, ddof=1),
        feasible=np.ones(mean.shape, dtype=bool),
        best_probability=agreement.mean(axis=0),
    )
