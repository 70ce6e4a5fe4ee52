"""The other learners as settings of `chain`: they train, resume, predict and are evaluated like Q-learning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from jaxtyping import config

from skysure.applications import chain
from skysure.applications.chain.environments import States
from skysure.applications.chain.evaluation import variants
from skysure.errors import SettingsError
from skysure.settings import build
from skysure.training import State

METHODS = ("q-learning", "sarsa", "double", "q-lambda")


@pytest.fixture(autouse=True, scope="module")
def unchecked() -> Iterator[None]:
    """Many steps, without the check of every shape."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_resumes_with_the_same_bits_and_predicts(method: Any) -> None:
    settings = chain.Settings(method=method, agents=4, episodes=3, horizon=80)
    states = list(chain.train(chain.environment(settings), settings))
    checkpoint = State(1, {}, {name: tensor.clone() for name, tensor in states[0].tensors.items()})
    *_, last = chain.train(chain.environment(settings), settings, checkpoint)
    assert all(torch.equal(tensor, states[-1].tensors[name]) for name, tensor in last.tensors.items())
    model = chain.network(settings, chain.Schema())
    model.load_state_dict(last.weights)
    prediction = chain.predict(model, States(torch.arange(5).numpy()), chain.Query())
    assert prediction.values.shape == (5, 2)
    assert model(torch.arange(5)).shape == (4, 5, 2)
    assert len(list(chain.play(model, chain.environment(settings), chain.Play(steps=7)))) == 7


def test_double_q_learning_acts_by_the_mean_of_two_tables() -> None:
    model = chain.network(chain.Settings(method="double", agents=2), chain.Schema())
    model.values[:2], model.values[2:] = 1.0, 3.0
    assert model(torch.arange(5)).unique().tolist() == [2.0]


def test_another_method_is_shown_beside_q_learning_and_the_presets() -> None:
    beside = dict(variants(chain.Settings(method="sarsa")))
    assert set(beside) == {"default", "epsilon-small-step", "lecture", "lecture-epsilon"}
    assert {settings.method for settings in beside.values()} == {"q-learning"}


def test_the_lectures_placement_is_one_of_q_learning() -> None:
    with pytest.raises(SettingsError, match="placement"):
        chain.Settings(method="sarsa", placement="lecture", learning_rate_power=0.0)
    with pytest.raises(SettingsError, match="method"):
        build(chain.Settings, {"method": "sarsaa"})
