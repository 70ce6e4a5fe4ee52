"""What tests of methods share: the memory that training takes."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest
import torch


@pytest.fixture
def saved_bytes() -> Callable[[Callable[[], object]], int]:
    """Measure the most bytes that autograd holds at once during a step."""

    def measure(step: Callable[[], object]) -> int:
        now = most = 0

        def release(size: int) -> None:
            nonlocal now
            now -= size

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal now, most
            saved, size = tensor.clone(), tensor.nbytes
            now += size
            most = max(most, now)
            weakref.finalize(saved, release, size)
            return saved

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
            step()
        return most

    return measure
