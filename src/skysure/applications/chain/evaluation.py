"""What the agents learned, held against the exact answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import beta

from skysure.application import presets
from skysure.evaluation import Evaluation
from skysure.predictions import Actions

from .environments import ChainVector, States, environment
from .networks import Agents
from .prediction import predict
from .settings import Query, Settings
from .training import train
from .truth import best_return, by_discount, exact_values, random_return

NEAR = 0.99  # share of the best return from which a policy counts as optimal
ONE_SIGMA = (0.1585, 0.8415)


def evaluate(model: Agents, environment: ChainVector, query: Query) -> Evaluation:
    """Hold the learned values and policies against the exact ones.

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
    beside = {name: course_of(other) for name, other in others(settings)} if query.beside else {}
    ranked = sorted(beside.items(), key=lambda item: -item[1][-1].mean())
    courses = {"this run": model.return_history.cpu().numpy(), **dict(ranked)}
    metrics = {
        "application": "chain",
        "title": "Agents on a chain",
        "objects": settings.agents,
        "noun": "agent",
        "scores": scores(courses["this run"][-1], best, random_return(settings), learned, q_star),
        "curves": {
            "learning": learning(courses, best, random_return(settings)),
            "values": {
                "discount": settings.discount,
                "actions": list(model.actions),
                "exact": q_star.T.tolist(),
                "learned": learned.values.T.tolist(),
                "error": learned.values_error.T.tolist(),
                "best_probability": learned.best_probability.tolist(),
            },
            "discounts": by_discount(settings) | {"horizon": settings.horizon},
        },
    }
    return Evaluation(metrics)


def others(settings: Settings) -> Iterator[tuple[str, Settings]]:
    """Give the presets on the same chain under the same discount, and the default, where they differ."""
    own = Settings()
    default = {"learning_rate": own.learning_rate, "learning_rate_power": own.learning_rate_power}
    default |= {"epsilon": own.epsilon, "epsilon_decay": own.epsilon_decay, "placement": own.placement}
    for name, fields in ({"default": {}} | presets("chain")).items():
        other = replace(settings, **(default | fields))
        if other != settings:
            yield name, other


def course_of(settings: Settings) -> Float[np.ndarray, "episode agent"]:
    """Train other agents, and give the exact return of their greedy policies after each episode."""
    *_, last = train(environment(settings), settings)
    return last.tensors["model.return_history"].numpy()


def scores(
    returns: Float[np.ndarray, " agent"],
    best: float,
    random: float,
    learned: Actions,
    q_star: Float[np.ndarray, "state action"],
) -> list[dict[str, Any]]:
    """Give the numbers that sum up a run."""
    share, low, high = proportion(int((returns >= NEAR * best).sum()), len(returns))
    mean, error = float(returns.mean()), float(returns.std(ddof=1) / np.sqrt(len(returns)))
    distance = learned.values - q_star
    with np.errstate(divide="ignore", invalid="ignore"):
        pulls = np.abs(distance) / learned.values_error
    right = np.where(learned.values.argmax(axis=1) == q_star.argmax(axis=1), 1.0, 0.0)
    return [
        _score("return", "Return of the learned policies", mean, mean - error, mean + error,
               wanted=[round(NEAR * best, 1), None], headline=True,
               help="Exact mean over an episode from the first state; error of the mean over agents."),
        _score("optimal", "Agents within 1 % of the best return", 100 * share, 100 * low, 100 * high, unit="%",
               headline=True, wanted=[95, None]),
        _score("best", "Return of the best policy, exact", best, digits=1),
        _score("random", "Return of random actions, exact", random, digits=1),
        _score("states", "States whose best action was found", 100 * float(right.mean()), unit="%"),
        _score("agreement", "Lowest probability that the best action is best",
               float(learned.best_probability.min()), digits=2,
               help="Share of the agents that prefer it, in the state where they agree least."),
        _score("distance", "Distance of the learned values from the exact ones, rms",
               float(np.sqrt((distance**2).mean()))),
        _score("pull", "Largest distance in units of the error", float(pulls.max()), digits=2),
    ]  # fmt: skip


def proportion(hits: int, n: int) -> tuple[float, float, float]:
    """Give a share of agents with its 68.3 % interval.

    The interval is Jeffreys' (Brown, Cai & DasGupta 2001, equation 8), closed where all or none hit.

    >>> [round(x, 3) for x in proportion(100, 100)]
    [1.0, 0.99, 1.0]
    """
    low, high = beta.ppf(ONE_SIGMA, hits + 0.5, n - hits + 0.5)
    return hits / n, float(low) if hits else 0.0, float(high) if hits < n else 1.0


def learning(courses: dict[str, np.ndarray], best: float, random: float) -> dict[str, Any]:
    """Give each rule's course as a mean and the central 68 % of its agents, and where they end."""
    return {
        "best": best,
        "random": random,
        "rules": [
            {
                "name": name,
                "mean": return_history.mean(axis=1).tolist(),
                "low": np.quantile(return_history, ONE_SIGMA[0], axis=1).tolist(),
                "high": np.quantile(return_history, ONE_SIGMA[1], axis=1).tolist(),
                "ends": [[float(value), int(n)] for value, n in counted(return_history[-1])],
                "optimal": float((return_history[-1] >= NEAR * best).mean()),
            }
            for name, return_history in courses.items()
        ],
    }


def counted(returns: Float[np.ndarray, " agent"]) -> Iterator[tuple[float, int]]:
    """Count the agents that end with each return; equal policies may differ in the last bits."""
    values, counts = np.unique(returns.round(3), return_counts=True)
    return zip(values, counts, strict=True)


def _score(
    name: str, label: str, value: float, low: float | None = None, high: float | None = None, **more: Any
) -> dict[str, Any]:
    return {"name": name, "label": label, "value": value, "low": low, "high": high, "unit": ""} | more
