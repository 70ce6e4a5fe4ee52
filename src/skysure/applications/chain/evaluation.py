"""Evaluation of the agents: learned values and policies against the exact ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from skysure.application import presets
from skysure.evaluation import Curve, Evaluation, Score
from skysure.evaluation.episodes import central_band, score_return, score_success
from skysure.predictions import Actions

from .environments import ChainVector, States, environment
from .networks import Agents
from .prediction import predict
from .settings import Query, Settings
from .training import train
from .truth import best_return, by_discount, exact_values, random_return

RULE = ("learning_rate", "learning_rate_power", "epsilon", "epsilon_decay", "placement", "method", "trace")
"""The settings that presets compare; those of the chain itself stay."""

NEAR = 0.99  # share of the best return from which a policy counts as optimal


def evaluate(model: Agents, environment: ChainVector, query: Query) -> Evaluation:
    """Compare the learned values and policies with the exact ones.

    Nothing is sampled: the return of every agent's greedy policy is computed by linear algebra.

    Parameters
    ----------
    model : Agents
    environment : ignored
        Returns are exact for the chain of the settings.
    query : Query
    """
    settings = model.settings
    q_star = exact_values(settings, settings.discount)
    learned = predict(model, States(np.arange(settings.length)), query)
    best = best_return(settings)
    beside = {name: returns_of(variant) for name, variant in variants(settings)} if query.beside else {}
    ranked = sorted(beside.items(), key=lambda item: -item[1][-1].mean())
    returns = {"this run": model.return_history.cpu().numpy(), **dict(ranked)}
    values = {
        "discount": settings.discount,
        "actions": list(model.actions),
        "exact": q_star.T.tolist(),
        "learned": learned.values.T.tolist(),
        "error": learned.values_error.T.tolist(),
        "best_probability": learned.best_probability.tolist(),
    }
    random = random_return(settings)
    return Evaluation(
        "chain", "Agents on a chain", objects=settings.agents, noun="agent",
        scores=tuple(scores(returns["this run"][-1], best, random, learned, q_star)),
        curves=(
            Curve("learning", learning(returns, best, random)),
            Curve("values", values),
            Curve("discounts", by_discount(settings) | {"horizon": settings.horizon}),
        ),
    )  # fmt: skip


def variants(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """The presets on the same chain with the same discount, and the default, where they differ."""
    default = {name: getattr(Settings(), name) for name in RULE}
    for name, fields in ({"default": {}} | presets("chain")).items():
        variant = replace(settings, **(default | fields))
        if variant != settings:
            yield name, variant


def returns_of(settings: Settings) -> Float[np.ndarray, "episode agent"]:
    """Train other agents; the exact return of their greedy policies after each episode."""
    *_, last = train(environment(settings), settings)
    return last.tensors["model.return_history"].numpy()


def scores(
    returns: Float[np.ndarray, " agent"],
    best: float,
    random: float,
    learned: Actions,
    q_star: Float[np.ndarray, "state action"],
) -> Iterator[Score]:
    """The scores of a run."""
    distance = learned.values - q_star
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = np.abs(distance) / learned.values_error
    correct = learned.values.argmax(axis=1) == q_star.argmax(axis=1)
    yield score_return(
        returns, label="Return of the learned policies", wanted=(round(NEAR * best, 1), None), headline=True,
        help="exact mean over an episode from the first state; the error is that of the mean over agents",
    )  # fmt: skip
    yield score_success(
        returns, NEAR * best, label="Agents within 1 % of the best return", headline=True, wanted=(95, None)
    )
    yield Score("best", "Return of the best policy, exact", best, digits=1)
    yield Score("random", "Return of random actions, exact", random, digits=1)
    yield Score("states", "States whose best action is learned", 100 * float(correct.mean()), unit="%")
    yield Score("agreement", "Lowest probability that the best action is best", float(learned.best_probability.min()),
                digits=2, help="share of the agents that prefer it, in the state where they agree least")  # fmt: skip
    yield Score("distance", "Root mean square error of the learned values", float(np.sqrt((distance**2).mean())))
    yield Score("pull", "Largest error in units of the standard deviation between agents", float(pulls.max()), digits=2)


def learning(returns: dict[str, np.ndarray], best: float, random: float) -> dict[str, Any]:
    """Returns of each rule after every episode: mean, central 68.3 % of its agents, and the final policies."""
    rules = [
        {
            "name": name,
            **central_band(history),
            "ends": [[float(value), int(n)] for value, n in count_returns(history[-1])],
            "optimal": float((history[-1] >= NEAR * best).mean()),
        }
        for name, history in returns.items()
    ]
    return {"best": best, "random": random, "rules": rules}


def count_returns(returns: Float[np.ndarray, " agent"]) -> Iterator[tuple[float, int]]:
    """Count the agents by final return, rounded: equal policies may differ in the last bits."""
    values, counts = np.unique(returns.round(3), return_counts=True)
    return zip(values, counts, strict=True)
