"""Both networks of the lecture against the exact values of the chain, and their loss against finite differences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from jaxtyping import config

from skysure.applications import chain
from skysure.applications.chain.environments import process
from skysure.methods.qlearning import (
    StateActionNetwork,
    StateNetwork,
    Transitions,
    bellman_error,
    fit_action_values,
    optimal_values,
    sample_transitions,
)

NETWORKS = [StateNetwork, StateActionNetwork]
Network = type[StateNetwork] | type[StateActionNetwork]


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Hundreds of steps, without the check of every shape."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.mark.parametrize(("network", "target_period"), [(StateNetwork, 0), (StateNetwork, 5), (StateActionNetwork, 0)])
def test_both_networks_reach_the_exact_values_of_the_chain(
    network: Network, target_period: int, unchecked: None
) -> None:
    """Mnih et al. 2013 (targets from the network itself) and 2015 (from a copy)."""
    torch.manual_seed(0)
    model, chain_process = network(5, 2, hidden=32, scale=30.0), process(chain.Settings())
    batches = sample_transitions(*chain_process, 0.9, rows=4000, seed=0)
    *_, last = fit_action_values(model, batches, steps=600, target_period=target_period)
    q = model(torch.eye(5)).detach().numpy()
    assert last["step"] == 600
    assert np.abs(q / optimal_values(*chain_process, 0.9) - 1).max() < 0.02


@pytest.mark.parametrize("network", NETWORKS)
def test_the_value_of_one_action_is_that_among_all(network: Network) -> None:
    model, state, action = network(3, 4, scale=2.0), torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 0, 1])
    torch.testing.assert_close(model.value(state, action), model(state)[torch.arange(6), action])


@pytest.mark.parametrize("network", NETWORKS)
def test_the_target_is_constant_in_the_gradient(network: Network) -> None:
    """Against differences of the loss in which the target stays that of the unchanged network."""
    torch.manual_seed(1)
    model, s_tm1, s_t = network(3, 2).double(), torch.randn(2, 3).double(), torch.randn(2, 3).double()
    r_t, discount_t = torch.tensor([1.0, 2.0]).double(), torch.tensor([0.9, 0.0]).double()
    batch = Transitions(s_tm1, torch.tensor([0, 1]), r_t, discount_t, s_t)
    target = (r_t + discount_t * model(s_t).amax(1)).detach()
    assert target[1] == 2.0
    weight = model.layers[0].weight
    (0.5 * bellman_error(model, model, batch).square()).sum().backward()

    def loss(change: float) -> float:
        with torch.no_grad():
            weight[0, 0] += change
            value = 0.5 * (target - model.value(s_tm1, batch.a_tm1)).square().sum()
            weight[0, 0] -= change
        return float(value)

    assert float(weight.grad[0, 0]) == pytest.approx((loss(1e-6) - loss(-1e-6)) / 2e-6, rel=1e-5, abs=1e-9)


def test_sampled_steps_have_the_probabilities_of_the_process() -> None:
    transition, reward = process(chain.Settings())
    batch = next(sample_transitions(transition, reward, 0.9, rows=100_000, seed=0))
    s_tm1, a_tm1, s_t = batch.s_tm1.argmax(1).numpy(), batch.a_tm1.numpy(), batch.s_t.argmax(1).numpy()
    counts = np.zeros_like(transition)
    np.add.at(counts, (s_tm1, a_tm1, s_t), 1)
    assert (counts.sum(axis=2) == 10_000).all()
    np.testing.assert_allclose(counts / 10_000, transition, atol=5 * np.sqrt(0.16 / 10_000))
    np.testing.assert_allclose(batch.r_t, reward[s_tm1, a_tm1, s_t])
    assert set(batch.discount_t.tolist()) == {np.float32(0.9)}
