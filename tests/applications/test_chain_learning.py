"""What agents on the chain learn: the lecture's, those of the presets, and the default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from jaxtyping import config

from skysure.application import preset, presets
from skysure.applications import chain
from skysure.applications.chain.environments import ChainVector, States
from skysure.applications.chain.truth import best_return, exact_values
from skysure.errors import SettingsError
from skysure.methods.qlearning import Rule, Tables, play_episode
from skysure.settings import build
from skysure.training import State

PUBLISHED = json.loads((Path(__file__).parents[1] / "truths" / "chain.json").read_text())["agents"]


@pytest.fixture(autouse=True, scope="module")
def unchecked() -> Iterator[None]:
    """Hundreds of thousands of steps, without the check of every shape."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture(scope="module")
def default() -> Any:
    """A hundred agents, trained as the settings say by default."""
    return trained(chain.Settings())


def trained(settings: chain.Settings) -> Any:
    *_, last = chain.train(chain.environment(settings), settings)
    model = chain.network(settings, chain.Schema())
    model.load_state_dict(last.weights)
    return model.eval()


def return_history(name: str, **fields: Any) -> np.ndarray:
    """Returns of 100 agents of a preset after each episode."""
    return trained(build(chain.Settings, preset("chain", name), fields)).return_history.numpy()


def test_the_default_reaches_the_optimum(default: Any) -> None:
    returns = default.return_history[-1].numpy()
    assert len(returns) == 100
    assert (returns >= 0.99 * best_return(chain.Settings())).sum() >= 95


def test_the_default_learns_the_exact_values_within_its_errors(default: Any) -> None:
    prediction = chain.predict(default, States(np.arange(5)), chain.Query())
    assert (np.abs(prediction.values - exact_values(chain.Settings(), 0.95)) < prediction.values_error).all()
    assert prediction.values_error.max() < 3
    assert prediction.to_table()["best"].tolist() == ["forward"] * 5
    assert prediction.best_probability.min() > 0.95


def test_the_lectures_agent_freezes() -> None:
    first, *_, returns = return_history("lecture", episodes=5)
    published = PUBLISHED["lecture"]
    assert abs(returns.mean() - published["return"]) < published["within"]
    assert (returns >= 0.99 * best_return(chain.Settings())).mean() <= 0.03
    assert (first == returns).mean() > 0.9, "the first episode decides"


def test_exploration_alone_is_not_enough() -> None:
    """The published 24 % of 100 agents has a standard error of 4 %, and so has ours."""
    first, *_, returns = return_history("lecture-epsilon", episodes=15)
    assert (first == returns).mean() < 0.5, "the step is too large to settle"
    error = np.hypot(0.043, 0.043)
    share = (returns >= 0.99 * best_return(chain.Settings())).mean()
    assert abs(share - PUBLISHED["lecture-epsilon"]["optimal"]) < 3 * error
    assert abs(returns.mean() - PUBLISHED["lecture-epsilon"]["return"]) < 3 * np.hypot(80, 80)


def test_with_a_small_step_it_is() -> None:
    returns = return_history("epsilon-small-step", episodes=25)[-1]
    assert (returns >= 0.99 * best_return(chain.Settings())).mean() >= PUBLISHED["epsilon-small-step"]["optimal"]


@pytest.mark.parametrize("name", sorted(presets("chain")))
def test_the_lectures_placement_changes_no_policy(name: str) -> None:
    """Q / α has the same best actions as Q: freezing comes from greed, scatter from the size of the step."""
    odd = build(chain.Settings, preset("chain", name), {"episodes": 3, "agents": 30})
    assert odd.placement == "lecture"
    standard = trained(replace(odd, placement="standard"))
    theirs = trained(odd)
    np.testing.assert_allclose(theirs.values * odd.learning_rate, standard.values, rtol=1e-9)
    assert torch.equal(theirs.return_history, standard.return_history)
    assert torch.equal(theirs.visits, standard.visits)
    states = torch.arange(5)
    np.testing.assert_allclose(theirs(states), standard(states), rtol=1e-9)


def test_the_lectures_agent_is_played_as_its_code_plays_it() -> None:
    """A lone agent against the lecture's whole loop, given the same random numbers."""
    tables, horizon = Tables.empty(1, 5, 2), 200
    env = ChainVector(1, horizon=horizon)
    alone = gymnasium.make("skysure/Chain-v0", horizon=horizon)
    q_table = np.zeros((5, 2))
    for episode in range(3):
        play_episode(env, tables, Rule(0.95, 0.8, placement="lecture"), 0.0, horizon, 4, episode)
        random = np.random.default_rng([4, episode])
        s, _ = alone.reset(seed=int(random.integers(2**31, size=1)[0]))
        random.random((horizon, 1))  # who explores: nobody, at ε = 0
        chances = iter(random.integers(2, size=(horizon, 1))[:, 0].tolist())
        ended = False
        while not ended:
            chance = next(chances)
            a = chance if np.sum(q_table[s, :]) == 0 else int(np.argmax(q_table[s, :]))
            new_s, r, _, ended, _ = alone.step(a)
            q_table[s, a] += r + 0.8 * (0.95 * np.max(q_table[new_s, :]) - q_table[s, a])
            s = new_s
        np.testing.assert_allclose(tables.values[:, 0].T, q_table, rtol=1e-12)


def test_an_interrupted_training_ends_with_the_same_bits() -> None:
    settings = chain.Settings(agents=5, episodes=6, horizon=50)
    states = list(chain.train(chain.environment(settings), settings))
    assert [s.epoch for s in states] == [1, 2, 3, 4, 5, 6]
    assert [s.done for s in states] == [False] * 5 + [True]
    for stop in (1, 3, 5):
        checkpoint = State(stop, {}, {n: t.clone() for n, t in states[stop - 1].tensors.items()})
        *_, last = chain.train(chain.environment(settings), settings, checkpoint)
        assert last.record == states[-1].record
        for name, tensor in last.tensors.items():
            assert torch.equal(tensor, states[-1].tensors[name])
    assert not list(chain.train(chain.environment(settings), settings, states[-1]))


def test_the_seed_decides() -> None:
    first, same, other = (trained(chain.Settings(agents=3, episodes=1, horizon=50, seed=s)) for s in (1, 1, 2))
    assert torch.equal(first.values, same.values)
    assert not torch.equal(first.values, other.values)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"agents": 1}, "agents"),
        ({"slip": 1.5}, "slip"),
        ({"length": 13}, "length"),
        ({"discount": float("nan")}, "discount"),
        ({"episodes": 0}, "episodes"),
        ({"placement": "lecture"}, "placement"),
    ],
)
def test_settings_out_of_range_are_refused(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        chain.Settings(**fields)
