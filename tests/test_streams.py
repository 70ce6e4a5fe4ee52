"""Batches that are simulated while a network trains."""

import torch

from skysure.training.streams import processors, rebatch, threads_beside


def test_rebatching_keeps_order_and_leaves_a_rest() -> None:
    blocks = [{"truth": torch.arange(k, k + 4)} for k in (0, 4, 8)]
    assert [b["truth"].tolist() for b in rebatch(blocks, 5)] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]


def test_threads_leave_processors_to_the_simulation() -> None:
    before = torch.get_num_threads()
    with threads_beside(processors()):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
