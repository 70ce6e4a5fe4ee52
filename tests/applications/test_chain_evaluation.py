"""The exact truth of the chain, and the evaluation that holds agents against it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import config

from skysure.applications import chain
from skysure.applications.chain.environments import process
from skysure.applications.chain.truth import best_return, by_discount, exact_values, random_return
from skysure.evaluation import Evaluation
from skysure.methods.qlearning import deterministic_policies, policy_values
from skysure.report import render

PUBLISHED = json.loads((Path(__file__).parents[1] / "truths" / "chain.json").read_text())
SETTINGS = chain.Settings()


@pytest.fixture(scope="module")
def evaluation() -> Iterator[Evaluation]:
    """A few agents that played little, beside those of the presets."""
    config.update("jaxtyping_disable", True)
    settings = chain.Settings(agents=4, episodes=3, horizon=60)
    *_, last = chain.train(chain.environment(settings), settings)
    model = chain.network(settings, chain.Schema())
    model.load_state_dict(last.weights)
    yield chain.evaluate(model, chain.environment(settings), chain.Query())
    config.update("jaxtyping_disable", False)


def story(forward: list[Fraction], s: int, v: list[Fraction], discount: Fraction) -> Fraction:
    """One step back in rational numbers, from the words of the rules: the chance of moving forward in s."""
    ahead = (Fraction(10) if s == 4 else Fraction(0)) + discount * v[min(s + 1, 4)]
    back = Fraction(2) + discount * v[0]
    return forward[s] * ahead + (1 - forward[s]) * back


def rational_return(forward: list[Fraction]) -> float:
    """Return over 1,000 steps without rounding but for one in 2^200 a step."""
    v, grain = [Fraction(0)] * 5, 2**200
    for _ in range(1000):
        v = [story(forward, s, v, Fraction(1)) for s in range(5)]
        v = [Fraction(round(x * grain), grain) for x in v]
    return float(v[0])


MOSTLY, SELDOM = Fraction(4, 5), Fraction(1, 5)


def test_exact_returns_are_the_rational_ones_and_the_published_ones() -> None:
    published = PUBLISHED["return"]
    forward = rational_return([MOSTLY] * 5)
    assert best_return(SETTINGS) == pytest.approx(forward, rel=1e-12)
    assert random_return(SETTINGS) == pytest.approx(rational_return([Fraction(1, 2)] * 5), rel=1e-12)
    assert round(forward, 1) == published["always forward"]
    assert abs(random_return(SETTINGS) - published["random"]) <= 0.05  # 1311.25 may be rounded either way
    policies = deterministic_policies(5, 2)
    returns = policy_values(*process(SETTINGS), policies, 1000)[:, 0]
    assert returns[-1] == pytest.approx(rational_return([SELDOM] * 5), rel=1e-12)
    assert round(returns[-1], 1) == published["always backward"]
    order = np.argsort(returns)
    assert policies[order[-1]].tolist() == [0, 0, 0, 0, 0]
    assert policies[order[-2]].tolist() == [1, 0, 0, 0, 0]
    assert round(returns[order[-2]], 1) == published["backward in s0 only"]
    assert round(returns[order[0]], 1) == published["worst"]


def test_the_long_run_rate_is_the_published_one() -> None:
    twice = best_return(chain.Settings(horizon=2000)) - best_return(chain.Settings(horizon=1000))
    assert round(twice / 1000, 3) == PUBLISHED["long_run"]


def test_exact_values_are_the_rational_solution_and_the_published_ones() -> None:
    """Forward everywhere is solved by hand: V0 first, as all that goes wrong leads there."""
    g, p = Fraction(19, 20), MOSTLY
    # V(s) = a(s) + b(s) V0, backwards from V4 = p (10 + g V4) + (1 - p)(2 + g V0)
    a, b = [Fraction(0)] * 5, [Fraction(0)] * 5
    a[4], b[4] = (10 * p + 2 * (1 - p)) / (1 - p * g), (1 - p) * g / (1 - p * g)
    for s in (3, 2, 1, 0):
        a[s], b[s] = p * g * a[s + 1] + 2 * (1 - p), p * g * b[s + 1] + (1 - p) * g
    v0 = a[0] / (1 - b[0])
    v = [a[s] + b[s] * v0 for s in range(5)]
    forward = [float(story([MOSTLY] * 5, s, v, g)) for s in range(5)]
    backward = [float(story([SELDOM] * 5, s, v, g)) for s in range(5)]
    q = exact_values(SETTINGS, 0.95)
    np.testing.assert_allclose(q.T, [forward, backward], rtol=1e-12)
    assert np.round(q[:, 0], 2).tolist() == PUBLISHED["q_star_0.95"]["forward"]
    assert np.round(q[:, 1], 2).tolist() == PUBLISHED["q_star_0.95"]["backward"]


@pytest.mark.parametrize(("discount", "states"), PUBLISHED["backward_states"].items())
def test_the_best_policy_turns_with_the_discount(discount: str, states: list[int]) -> None:
    q = exact_values(SETTINGS, float(discount))
    assert np.flatnonzero(q[:, 1] > q[:, 0]).tolist() == states


def test_the_map_of_policies_agrees_with_the_values() -> None:
    table = by_discount(SETTINGS)
    assert table["discount"][-1] == 1
    assert max(table["return"]) == pytest.approx(best_return(SETTINGS))
    advantage = np.array(table["advantage"])
    assert np.flatnonzero(advantage[:, 0] < 0).tolist() == [0, 1, 2, 3]
    assert (advantage[:, -1] > 0).all()
    backward, forward = exact_values(SETTINGS, 0.5)[0, ::-1]
    assert backward > forward
    assert advantage[0, table["discount"].index(0.5)] == pytest.approx(forward / backward - 1)


def test_a_chain_that_pays_nothing_has_no_best_action() -> None:
    table = by_discount(chain.Settings(small=0.0, large=0.0, horizon=10))
    assert not np.any(table["advantage"])


def test_an_evaluation_is_plain_json_with_intervals_around_its_values(evaluation: Evaluation) -> None:
    metrics = json.loads(json.dumps(evaluation.metrics))
    scores = {score["name"]: score for score in metrics["scores"]}
    assert scores["best"]["value"] == best_return(chain.Settings(horizon=60))
    assert scores["return"]["low"] <= scores["return"]["value"] <= scores["return"]["high"]
    assert 0 <= scores["optimal"]["low"] <= scores["optimal"]["value"] <= scores["optimal"]["high"] <= 100
    rules = metrics["curves"]["learning"]["rules"]
    assert {rule["name"] for rule in rules} == {"this run", "epsilon-small-step", "lecture", "lecture-epsilon"}
    assert rules[0]["name"] == "this run"
    ends = [rule["mean"][-1] for rule in rules[1:]]
    assert ends == sorted(ends, reverse=True)
    assert all(sum(n for _, n in rule["ends"]) == 4 for rule in rules)
    assert rules[0]["mean"][-1] == pytest.approx(scores["return"]["value"])


def test_without_company_only_this_run_is_shown(evaluation: Evaluation) -> None:
    settings = chain.Settings(agents=2, episodes=1, horizon=10)
    *_, last = chain.train(chain.environment(settings), settings)
    model = chain.network(settings, chain.Schema())
    model.load_state_dict(last.weights)
    metrics = chain.evaluate(model, chain.environment(settings), chain.Query(beside=False)).metrics
    assert [rule["name"] for rule in metrics["curves"]["learning"]["rules"]] == ["this run"]
    assert all(render(figure) for figure in chain.figures(Evaluation.from_metrics(metrics)))


def texts(evaluation: Evaluation) -> dict[str, str]:
    return {figure.name: render(figure).decode() for figure in chain.figures(evaluation)}


def test_figures_show_the_numbers_of_the_evaluation(evaluation: Evaluation) -> None:
    svg_texts = texts(evaluation)
    assert list(svg_texts) == ["learning", "ends", "values", "policies"]
    changed: dict[str, Any] = json.loads(json.dumps(evaluation.metrics))
    changed["curves"]["values"]["best_probability"][2] = 0.4321
    assert ">0.43<" in texts(Evaluation.from_metrics(changed))["values"]
    assert ">0.43<" not in svg_texts["values"]
