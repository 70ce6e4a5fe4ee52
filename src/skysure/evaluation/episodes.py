"""Scores of episodes: the returns of agents, or of one agent over episodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import beta

from skysure.errors import InputError
from skysure.methods.arguments import checked, count, numbers

from .evaluation import Score

ONE_SIGMA = (0.1585, 0.8415)


@checked(returns=numbers("episode", infinite=False))
def score_return(
    returns: Float[np.ndarray, " episode"], name: str = "return", label: str = "Mean return", **facts: Any
) -> Score:
    """Mean return with its standard error; without an interval where there is one return.

    >>> score_return(np.array([1.0, 3.0])).value
    2.0
    """
    mean, n = float(returns.mean()), len(returns)
    error = float(returns.std(ddof=1) / np.sqrt(n)) if n > 1 else None
    low, high = (None, None) if error is None else (mean - error, mean + error)
    return Score(name, label, mean, low, high, **facts)


@checked(returns=numbers("episode", infinite=False))
def score_success(
    returns: Float[np.ndarray, " episode"], least: float, name: str = "optimal", label: str = "", **facts: Any
) -> Score:
    """Share of the returns that reach a least one, in per cent, with its interval."""
    share, low, high = proportion(int((returns >= least).sum()), len(returns))
    return Score(name, label or f"Returns of at least {least:g}", 100 * share, 100 * low, 100 * high, "%", **facts)


@checked(hits=count(0), n=count())
def proportion(hits: int, n: int) -> tuple[float, float, float]:
    """A share with its 68.3 % interval.

    The interval is Jeffreys' (Brown, Cai & DasGupta 2001, equation 8), closed where all or none hit.

    >>> [round(x, 3) for x in proportion(100, 100)]
    [1.0, 0.99, 1.0]
    """
    if hits > n:
        raise InputError(f"{hits} hits of {n}", f"0 to {n} hits", "hits and n in the wrong order", "hits, then n")
    low, high = beta.ppf(ONE_SIGMA, hits + 0.5, n - hits + 0.5)
    return hits / n, float(low) if hits else 0.0, float(high) if hits < n else 1.0


@checked(returns=numbers("step agent", infinite=False))
def central_band(returns: Float[np.ndarray, "step agent"]) -> dict[str, list[float]]:
    """Mean and central 68.3 % of agents at each step, as plain lists."""
    low, high = (np.quantile(returns, end, axis=1).tolist() for end in ONE_SIGMA)
    return {"mean": returns.mean(axis=1).tolist(), "low": low, "high": high}
