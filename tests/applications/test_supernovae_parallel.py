"""Batches on several threads: the same results in the same order, with masks of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from skysure.applications.supernovae import Query, Schema, Settings, network, predict
from skysure.applications.supernovae.parallel import in_parallel
from skysure.applications.supernovae.simulator import simulate_lightcurves

SCHEMA = Schema(bands=("g", "r", "i", "z"), classes=("Ia", "II", "Ibc"))


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("options", [{"forecast": 0.3}, {"dropout": "tied"}, {"members": 2}])
def test_threads_change_nothing(options, two_threads) -> None:
    model = network(Settings(hidden=8, head=8, rate=0.3, **options), SCHEMA).eval()
    curves, query = simulate_lightcurves(60, seed=4), Query(samples=4, batch=7)
    several = [predict(model, curves, query) for _ in range(3)]
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    single = predict(model, curves, query)
    for other in several:
        assert other.rows["id"].tolist() == single.rows["id"].tolist()
        for name in ("probability", "epistemic", "ood_percentile"):
            assert np.allclose(getattr(other, name), getattr(single, name), atol=1e-6, equal_nan=True), name


def test_results_come_in_order_from_several_threads(two_threads) -> None:
    together = threading.Barrier(2, timeout=60)

    def work(model: nn.Module, item: int) -> tuple[int, int]:
        together.wait()  # passes only where two run at once
        return item, id(model)

    results = list(in_parallel(work, nn.Linear(1, 1), range(8)))
    assert [item for item, _ in results] == list(range(8))
    assert len({model for _, model in results}) == 2


def test_an_error_in_a_thread_reaches_the_caller(two_threads) -> None:
    def work(model: nn.Module, item: int) -> int:
        return 1 // item

    with pytest.raises(ZeroDivisionError):
        list(in_parallel(work, nn.Linear(1, 1), [1, 0, 1]))
    assert torch.get_num_threads() == 2
